"""install.sh over an older version, and killed midway: everything real but the package index.

A stand-in for uv answers from the development environment, so that no network is needed.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    "sh dirname uname mktemp rm mkdir head tail sed cut cat cp mv cmp grep chmod readlink id rmdir"
    " ln git"
)
UV = """\
#!{python}
import os, subprocess, sys, zipfile
arguments = sys.argv[1:]
if arguments[0] == "venv":
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", arguments[-1]], check=True)
    library = os.path.join(arguments[-1], "lib")
    (version,) = os.listdir(library)
    for name in os.listdir({packages!r}):
        if "credguard" not in name and name != "__pycache__":
            target = os.path.join(library, version, "site-packages", name)
            os.symlink(os.path.join({packages!r}, name), target)
elif arguments[-1].endswith(".whl"):
    python = arguments[arguments.index("--python") + 1]
    library = os.path.join(os.path.dirname(os.path.dirname(python)), "lib")
    (version,) = os.listdir(library)
    with zipfile.ZipFile(arguments[-1]) as wheel:
        wheel.extractall(os.path.join(library, version, "site-packages"))
"""


class Machine:
    """A home, a PATH with a stand-in for uv, and copies of the project to install from."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.data = home / ".local/share/credguard"
        self.launcher = home / ".local/bin/credguard"
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name in TOOLS.split():
            found = shutil.which(name)
            assert found, name
            (self.tools / name).symlink_to(found)
        base = os.path.realpath(sys.executable)
        (self.tools / "python3").symlink_to(base)
        packages = sysconfig.get_path("purelib")
        (self.tools / "uv").write_text(UV.format(python=base, packages=packages))
        (self.tools / "uv").chmod(0o755)
        self.env = {
            "HOME": str(home),
            "PATH": str(self.tools),
            "TMPDIR": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def source(self, version: str) -> Path:
        """A copy of the project that says it is `version`."""
        copy = self.folder / version
        copy.mkdir()
        for name in ("install.sh", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(ROOT / name, copy)
        for name in ("credguard", "hooks", "requirements"):
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=skip)
        (copy / "credguard/__init__.py").write_text(f'__version__ = "{version}"\n')
        return copy

    def run(self, *command: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            env=self.env | extra,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
        )

    def install(self, source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.run(source / "install.sh", *arguments)
        assert done.returncode == 0, done.stderr
        return done

    def version(self) -> str:
        return self.run(self.launcher, "--version").stdout.split()[-1]

    def ok(self, *arguments: str | Path) -> str:
        done = self.run(self.launcher, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path, poisoned: Path) -> Machine:
    return Machine(tmp_path, poisoned)


def database(machine: Machine) -> Path:
    return machine.home / ".local/state/credguard/state.db"


def repository(machine: Machine) -> Path:
    folder = machine.folder / "re po'"
    folder.mkdir()
    for command in (
        ("init", "-q"),
        ("config", "user.name", "T"),
        ("config", "user.email", "t@e.invalid"),
    ):
        assert machine.run("git", "-C", folder, *command).returncode == 0
    return folder


def commit(machine: Machine, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "file").write_text(text)
    machine.run("git", "-C", folder, "add", "file")
    return machine.run("git", "-C", folder, "commit", "-qm", "x")


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_an_upgrade_keeps_hooks_the_database_and_the_path(machine: Machine) -> None:
    machine.install(machine.source("0.0.8"))
    assert machine.version() == "0.0.8"
    machine.ok("config", "set", "vault.backend", "file")
    repo = repository(machine)
    machine.ok("hook", "install", repo)
    shim = repo / ".git/hooks/pre-commit"
    shim.write_text(shim.read_text() + "# of an older version\n")
    done = machine.install(machine.source("0.0.9"))
    assert "next: credguard init" not in done.stderr
    assert machine.version() == "0.0.9"
    assert "of an older version" not in shim.read_text()
    assert os.access(shim, os.X_OK)
    assert str(machine.data / "venv/bin/python") in shim.read_text()
    assert commit(machine, repo, "x\n").returncode == 0
    again = machine.install(machine.folder / "0.0.9")
    assert again.stderr.splitlines()[0] == "credguard, version 0.0.9 is already installed"
    assert len(list((machine.data / "environments").iterdir())) == 1


def test_a_database_of_a_newer_version_is_refused_before_anything_changes(
    machine: Machine,
) -> None:
    machine.install(machine.source("0.0.9"))
    machine.ok("config", "set", "vault.backend", "file")
    repo = repository(machine)
    machine.ok("hook", "install", repo)
    before = os.readlink(machine.data / "venv")
    with sqlite3.connect(database(machine)) as connection:
        connection.execute("PRAGMA user_version=999")
    connection.close()
    done = machine.run(machine.source("0.0.8") / "install.sh")
    assert done.returncode == 2
    assert "was written by a newer credguard (schema 999" in done.stderr
    assert "git pull, then ./install.sh" in done.stderr
    assert "the version that was here stays" in done.stderr
    assert os.readlink(machine.data / "venv") == before
    assert os.listdir(machine.data / "environments") == [os.path.basename(before)]
    assert machine.version() == "0.0.9"


@pytest.mark.slow
def test_a_step_after_the_switch_that_failed_is_done_by_the_next_run(machine: Machine) -> None:
    machine.install(machine.source("0.0.8"))
    machine.ok("config", "set", "vault.backend", "file")
    machine.ok("hook", "install", repository(machine))
    hooks = machine.folder / "re po'/.git/hooks"
    (hooks / "pre-commit").write_text((hooks / "pre-commit").read_text() + "# older\n")
    newer = machine.source("0.0.9")
    # Killed right after the switch: the link is new, nothing else is.
    machine.install(newer)
    (name,) = (
        p
        for p in (machine.data / "environments").iterdir()
        if (p / ".finished").exists()
        and p.name == os.path.basename(os.readlink(machine.data / "venv"))
    )
    (name / ".finished").unlink()
    (hooks / "pre-commit").write_text((hooks / "pre-commit").read_text() + "# older\n")
    machine.install(newer)
    assert "# older" not in (hooks / "pre-commit").read_text()
    assert (name / ".finished").exists()


@pytest.mark.slow
def test_another_python_keeps_the_paths_that_hooks_name(machine: Machine) -> None:
    machine.install(machine.source("0.0.8"))
    old = machine.data / "venv"
    real = next((old / "lib").iterdir())
    # As if the older one was made by another Python, which is gone now.
    real.rename(real.with_name("python3.9"))
    (old / "bin/python").unlink()
    machine.install(machine.source("0.0.9"))
    assert (machine.data / "venv/lib/python3.9/site-packages/credguard/precommit.py").is_file()
    assert machine.version() == "0.0.9"


def test_a_running_service_goes_over_to_the_new_version(machine: Machine) -> None:
    machine.install(machine.source("0.0.8"))
    machine.ok("config", "set", "vault.backend", "file")
    log = machine.home / ".local/state/credguard/credguard.log"
    service = subprocess.Popen([machine.launcher, "daemon", "run"], env=machine.env)
    try:
        until(lambda: log.exists() and "ready" in log.read_text(), "the service did not start")
        machine.install(machine.source("0.0.9"))
        until(lambda: log.read_text().count("ready") == 2, "the service stays the old version")
        assert service.poll() is None
        assert json.loads(machine.ok("status", "--json"))["daemon"] == "running"
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0


def test_two_at_once_do_not_mix(machine: Machine) -> None:
    import fcntl

    source = machine.source("0.0.9")
    machine.install(source)
    with open(machine.data / "install.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = machine.run(source / "install.sh")
    assert done.returncode == 2
    assert "another install.sh is at work" in done.stderr


def test_uninstall_leaves_nothing(machine: Machine) -> None:
    before = sorted(p for p in machine.home.rglob("*"))
    source = machine.source("0.0.9")
    machine.install(source)
    done = machine.run(source / "install.sh", "--uninstall")
    assert done.returncode == 0, done.stderr  # nothing was set up, so nothing is asked
    left = [p for p in machine.home.rglob("*") if p not in before]
    assert sorted(str(p.relative_to(machine.home)) for p in left) == [
        ".local",
        ".local/bin",
        ".local/share",
    ]


# Stands before a tool on PATH: at the Nth use of any tool the whole installation is killed.
KILLER = """\
#!/bin/sh
echo >>'{count}'
if [ "$(wc -l <'{count}')" -eq "$KILL_AT" ]; then kill -KILL 0; fi
exec '{tool}' "$@"
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_point_the_older_version_works_and_the_next_run_goes_on(
    machine: Machine,
) -> None:
    older, newer = machine.source("0.0.8"), machine.source("0.0.9")
    machine.install(older)
    machine.ok("config", "set", "vault.backend", "file")
    repo = repository(machine)
    machine.ok("hook", "install", repo)
    kept = machine.folder / "kept"
    shutil.copytree(machine.home, kept, symlinks=True)
    wrapped = machine.folder / "wrapped"
    wrapped.mkdir()
    count = machine.folder / "count"
    for tool in machine.tools.iterdir():
        (wrapped / tool.name).write_text(KILLER.format(count=count, tool=tool))
        (wrapped / tool.name).chmod(0o755)
    path = f"{wrapped}{os.pathsep}/usr/bin{os.pathsep}/bin"
    for at in range(1, 1000):
        shutil.rmtree(machine.home)
        shutil.copytree(kept, machine.home, symlinks=True)
        count.write_text("")
        done = subprocess.run(
            [newer / "install.sh"],
            env=machine.env | {"PATH": path, "KILL_AT": str(at)},
            capture_output=True,
            text=True,
            timeout=100,
            start_new_session=True,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert machine.version() in ("0.0.8", "0.0.9"), at
        assert commit(machine, repo, f"{at}\n").returncode == 0, at
        machine.install(newer)
        assert machine.version() == "0.0.9"
        assert not list(machine.folder.glob("credguard-install.*")), at
        names = os.listdir(machine.data / "environments")
        assert os.path.basename(os.readlink(machine.data / "venv")) in names
        assert len(names) <= 2, at
    assert at > 15
