"""install.sh without a network; a marked test does the whole installation from the real index."""

import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "install.sh"
BOOTSTRAP = ROOT / "requirements" / "bootstrap.py"
TOOLS = (
    "sh dirname uname mktemp rm mkdir head tail sed cut cat cp mv cmp grep chmod readlink id rmdir"
)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with the base tools only: no Python, no uv."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS.split():
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def python(folder: Path, body: str, name: str = "python3") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def real_python(folder: Path) -> None:
    python(folder, f"exec '{sys.executable}' \"$@\"")


def dead_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(
    home: Path, path: str, *arguments: str, timeout: float = 100, **extra: str
) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", **extra}
    return subprocess.run(
        [str(SCRIPT), *arguments], env=env, capture_output=True, text=True, timeout=timeout
    )


def below(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.name != ".gitconfig")


def test_help_names_every_option(poisoned: Path, tools: Path) -> None:
    done = run(poisoned, str(tools), "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--demo", "--test", "--test-long", "--uninstall", "--help"):
        assert option in done.stdout
    assert below(poisoned) == []


def test_an_unknown_option_is_one_line_and_a_hint(poisoned: Path, tools: Path) -> None:
    done = run(poisoned, str(tools), "--hlep")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "install.sh: unknown option --hlep",
        "  hint: see: ./install.sh --help",
    ]


def test_an_old_python_is_named(poisoned: Path, tools: Path) -> None:
    python(tools, 'case $1 in -V) echo "Python 3.9.2" ;; *) exit 1 ;; esac')
    done = run(poisoned, str(tools))
    assert done.returncode == 2
    first, hint = done.stderr.splitlines()
    assert first == "install.sh: no Python 3.11 to 3.14 here; found: python3 (Python 3.9.2)"
    assert "PYTHON=" in hint
    assert below(poisoned) == []


def test_no_python_at_all(poisoned: Path, tools: Path) -> None:
    done = run(poisoned, str(tools))
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "install.sh: no Python here"


@pytest.mark.parametrize("ensurepip", [True, False])
def test_offline_leaves_nothing_behind(poisoned: Path, tools: Path, ensurepip: bool) -> None:
    # As Debian ships it; install.sh goes on with the path that the interpreter names itself.
    refuse = (
        ""
        if ensurepip
        else 'case "$*" in *"import ensurepip"*) exit 1 ;;'
        ' *sys.executable*) echo "$0"; exit ;; esac\n'
    )
    python(tools, f"{refuse}exec '{sys.executable}' \"$@\"")
    done = run(
        poisoned,
        str(tools),
        PIP_INDEX_URL=f"http://127.0.0.1:{dead_port()}/simple",
        PIP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    wanted = "the packages cannot be installed" if ensurepip else "pip cannot be fetched"
    assert f"install.sh: {wanted}" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr.splitlines()[-1]
    left = [name for name in below(poisoned) if "environments/" in name or ".local/bin" in name]
    assert left == []


def test_uninstall_where_nothing_is_installed(poisoned: Path, tools: Path) -> None:
    real_python(tools)
    done = run(poisoned, str(tools), "--uninstall")
    assert (done.returncode, done.stderr) == (0, "credguard is not installed\n")


def test_uninstall_of_a_broken_installation_keeps_everything(poisoned: Path, tools: Path) -> None:
    folder = poisoned / "data" / "credguard" / "environments" / "gone"
    folder.mkdir(parents=True)
    done = run(poisoned, str(tools), "--uninstall", XDG_DATA_HOME=str(poisoned / "data"))
    assert done.returncode == 2
    assert "./install.sh" in done.stderr
    assert folder.is_dir()


def test_a_folder_in_place_of_our_link_is_left_alone(poisoned: Path, tools: Path) -> None:
    real_python(tools)
    theirs = poisoned / "data" / "credguard" / "venv"
    theirs.mkdir(parents=True)
    done = run(poisoned, str(tools), XDG_DATA_HOME=str(poisoned / "data"))
    assert done.returncode == 2
    assert "not a link that install.sh made" in done.stderr
    assert theirs.is_dir()


def bootstrap(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PIP_CONFIG_FILE": os.devnull, **extra}
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        if name not in extra:
            env.pop(name, None)
    return subprocess.run(
        [sys.executable, "-I", str(BOOTSTRAP), *arguments], env=env, capture_output=True, text=True
    )


def test_the_bootstrap_keeps_only_the_pinned_bytes(tmp_path: Path) -> None:
    import hashlib

    index = tmp_path / "index" / "thing"
    index.mkdir(parents=True)
    wheel = index / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing.py", "")
    (index / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    target = tmp_path / "target"
    target.mkdir()
    good = hashlib.sha256(wheel.read_bytes()).hexdigest()
    place = (tmp_path / "index").as_uri()

    refused = bootstrap("fetch", wheel.name, "0" * 64, str(target), PIP_INDEX_URL=place)
    assert refused.returncode == 2
    assert "not the pinned one" in refused.stderr
    assert list(target.iterdir()) == []

    done = bootstrap("fetch", wheel.name, good, str(target), PIP_INDEX_URL=place)
    assert done.returncode == 0, done.stderr
    assert (target / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_stamp_follows_the_content_not_the_bytecode(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    module = tmp_path / "package" / "module.py"
    module.write_text("a = 1\n")
    first = bootstrap("stamp", str(tmp_path)).stdout
    (tmp_path / "package" / "__pycache__").mkdir()
    (tmp_path / "package" / "__pycache__" / "module.pyc").write_bytes(b"x")
    assert bootstrap("stamp", str(tmp_path)).stdout == first
    module.write_text("a = 2\n")
    assert bootstrap("stamp", str(tmp_path)).stdout != first


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_install_twice_then_uninstall(poisoned: Path) -> None:
    """From the configured package index, so only `--test-long` runs it."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    path = os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not folder.startswith(os.path.dirname(sys.executable))
    )
    pip["PYTHON"] = getattr(sys, "_base_executable", sys.executable)
    first = run(poisoned, path, timeout=600, **pip)
    assert first.returncode == 0, first.stderr
    launcher = poisoned / ".local" / "bin" / "credguard"
    assert subprocess.run([launcher, "--version"], check=True, capture_output=True).stdout

    before = {p: p.lstat().st_mtime_ns for p in poisoned.rglob("*")}
    again = run(poisoned, path, timeout=600, **pip)
    assert again.returncode == 0, again.stderr
    assert "already installed" in again.stderr
    assert {p: p.lstat().st_mtime_ns for p in poisoned.rglob("*")} == before

    gone = run(poisoned, path, "--uninstall", "--yes", **pip)
    assert gone.returncode == 0, gone.stderr
    assert not launcher.exists()
    assert not (poisoned / ".local" / "share" / "credguard" / "environments").exists()
