"""`credguard scan`: where bytes come from, bad input, several processes, exit codes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import samples
from tests.support.person import tried
from tests.support.repositories import commit, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return tried("scan", *arguments, stdin=None, cwd=cwd)


def _line(seed: int = 1) -> bytes:
    return f"aws_secret_access_key = {samples.aws_secret(seed)}\n".encode()


def places(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int, int]]:
    rows = json.loads(done.stdout)["findings"]
    return [(row["path"], row["line"], row["column"]) for row in rows]


def feed(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "credguard", "scan", "--stdin", *arguments],
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )


# The second goes through click, the first does not: both must say the same.
@pytest.mark.parametrize("more", [(), ("--no-gitignore",)])
def test_standard_input(more: tuple[str, ...]) -> None:
    done = feed(b"a\n" + _line(), "--path", "conf/a.ini", *more)
    assert done.returncode == 1
    assert b"conf/a.ini:2:25  aws-secret-access-key  high" in done.stdout
    assert done.stderr == b"1 secret in 1 file\n"
    done = feed(b"a\n" + _line(), "--path=x.ini", "--json", "--quiet", *more)
    assert done.stderr == b""
    assert json.loads(done.stdout)["findings"][0]["path"] == "x.ini"
    done = feed(b"clean\n", *more)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert feed(b"", "--confidence", "low", *more).returncode == 0
    for wrong in (("--confidence", "none"), ("--path",), ("--wrong",), ("x",), ("--staged",)):
        done = feed(b"", *more, *wrong)
        assert done.returncode == 2, wrong
        assert b"hint: see: credguard " in done.stderr


def test_a_closed_standard_input_is_not_passed_off_as_clean() -> None:
    command = f"exec '{sys.executable}' -m credguard scan --stdin <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"standard input is closed" in done.stderr


def test_options_leave_files_out(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    for name in ("a.ini", "b.txt", "ignored.ini"):
        (tmp_path / name).write_bytes(_line())
    (tmp_path / ".gitignore").write_text("ignored.*\n")
    assert places(run(".", "--json", cwd=tmp_path)) == [("./a.ini", 1, 25), ("./b.txt", 1, 25)]
    assert places(run(".", "--json", "--include", "*.ini", cwd=tmp_path)) == [("./a.ini", 1, 25)]
    assert places(run(".", "--json", "--exclude", "a*", cwd=tmp_path)) == [("./b.txt", 1, 25)]
    assert len(places(run(".", "--json", "--no-gitignore", cwd=tmp_path))) == 3
    assert len(places(run("ignored.ini", "--json", cwd=tmp_path))) == 1


def test_findings_win_over_problems_and_lenient_leaves_them(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert run(missing, "--lenient").returncode == 0
    assert "not read" in run(missing, "--lenient").stderr
    (tmp_path / "a.ini").write_bytes(_line())
    done = run(missing, str(tmp_path))
    assert done.returncode == 1
    assert "not read" in done.stderr
    assert "1 problem" in done.stderr


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that is scanned by several processes."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(1_500):
        path = folder / f"d{number % 7}" / f"f{number}.ini"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"clean\n" * (number % 50) + (_line(number) if number % 3 == 0 else b""))
    return folder


def test_several_processes_say_what_one_says(many: Path) -> None:
    alone = run(str(many), "--jobs", "1")
    assert alone.returncode == 1
    assert alone.stdout.count("\n") == 500
    for _ in range(2):
        together = run(str(many), "--jobs", "3")
        assert (together.returncode, together.stdout) == (1, alone.stdout)
        assert "500 secrets in 1500 files" in together.stderr


def test_a_worker_that_dies_is_told(many: Path, tmp_path: Path) -> None:
    """Whatever ends a worker, what it had is named, and the scan is not clean."""
    code = (
        "import os, sys, signal\n"
        "from credguard.app import scan, scan_batch\n"
        "plain = scan_batch.scan_files\n"
        "def dying(setting, files):\n"
        "    if any(b'/f1497.' in each for each in files) and os.getpid() != MAIN:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return plain(setting, files)\n"
        "MAIN = os.getpid()\n"
        "scan.scan_files = dying\n"
        "from credguard.cli.main import main\n"
        "main()\n"
    )
    whole = subprocess.run(
        [sys.executable, "-c", code, "scan", str(many), "--jobs", "2"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert whole.returncode == 1
    assert "f1497.ini: not scanned: a scanning process was ended by signal 9" in whole.stderr


def test_a_long_file_is_scanned_in_windows(tmp_path: Path) -> None:
    """Secrets at every border, on one line and on many; each told once, in its place."""
    size = 40 << 20
    text = bytearray(b"ab cd\n" * (size // 6 + 1))[:size]
    wanted = []
    for number, at in enumerate(range(1 << 20, size, 503 << 10)):
        line = b"\n" + _line(number)
        text[at : at + len(line)] = line
        wanted.append((text.count(b"\n", 0, at) + 2, 25))
    path = tmp_path / "long.ini"
    path.write_bytes(text)
    done = run(str(path), "--json")
    assert done.returncode == 1
    assert [(line, column) for _, line, column in places(done)] == wanted


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-32-be"])
def test_what_was_put_behind_a_long_text_of_utf_16_is_found(tmp_path: Path, codec: str) -> None:
    lines = (17 << 20) // (12 if codec == "utf-16-le" else 24)
    text = ("\ufeff" + "ab cd\n" * lines + _line(1).decode() + "\n").encode(codec)
    path = tmp_path / "long.ini"
    path.write_bytes(text + b"\n" + _line(2) + b"\n")
    done = run(str(path), "--json")
    assert done.returncode == 1
    assert [line for _, line, _ in places(done)] == [lines + 1, lines + 4]


def test_a_line_of_40_mb(tmp_path: Path) -> None:
    path = tmp_path / "line.ini"
    with path.open("wb") as file:
        file.write(b"x " * (10 << 20))
        file.write(_line()[:-1])
        file.write(b" x" * (10 << 20))
    assert places(run(str(path), "--json")) == [(str(path), 1, (20 << 20) + 25)]


def test_a_sparse_file_of_5_gb(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"a\n")
        file.seek(3 << 30)
        file.write(b"\n" + _line())
        file.truncate(5 << 30)
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("this file system makes no holes")
    assert places(run(str(path), "--json")) == [(str(path), 3, 25)]


def test_devices_pipes_and_what_vanishes_never_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in (str(tmp_path / "fifo"), "/dev/zero", "/dev/tty"):
        done = run(name)
        assert done.returncode == 2, name
        assert "not read" in done.stderr
    assert run(str(tmp_path)).returncode == 0
    assert run("/proc/self/status").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(jobs: str, tmp_path: Path) -> None:
    (tmp_path / "0.ini").write_bytes(b"password = 'abc def'\n" * 500_000)
    for number in range(1, 2_000):
        os.link(tmp_path / "0.ini", tmp_path / f"{number}.ini")
    process = subprocess.Popen(
        [sys.executable, "-m", "credguard", "scan", "--jobs", jobs, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not _reading(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    except BaseException:  # a scan that goes on would fill the memory
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130
    assert err.strip() == b"credguard: interrupted"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def _reading(pid: int) -> bool:
    """Whether the process has come as far as to load the rules."""
    try:
        return "_hs_ext" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def test_history_and_range(tmp_path: Path) -> None:
    repo = tmp_path / "r"
    repo.mkdir()
    git(repo, "init", "-q")
    first = commit(repo, a__ini="x\n" + line(1))
    commit(repo, a__ini="clean\n")
    done = run("--history", str(repo))
    assert done.returncode == 1
    assert "a.ini:2:25  aws-secret-access-key  high" in done.stdout
    assert first[:12] in done.stdout
    assert "Test Person <test@example.invalid>" in done.stdout
    assert "1 secret in 2 blobs" in done.stderr
    (row,) = json.loads(run("--history", "--json", cwd=repo).stdout)["findings"]
    assert (row["commit"], row["author"][:11], row["date"][:2]) == (first, "Test Person", "20")
    assert run("--range", "HEAD~..HEAD", cwd=repo).returncode == 0
    assert run("--history", "--exclude", "*.ini", cwd=repo).returncode == 0
    assert run("--history", "--since", "2035-01-01", cwd=repo).returncode == 0
    assert run("--history", str(tmp_path)).returncode == 2


@pytest.mark.parametrize("wrong", [
    ("--history", "--staged"), ("--history", "a", "b"), ("--branch", "x", "."),
    ("--since", "x", "."), ("--range", "a..b", "--history"), ("--path", "x", "."),
    ("--range", "HEAD"), ("--jobs", "0", "."),
])  # fmt: skip
def test_options_that_do_not_go_together(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = run(*wrong, cwd=tmp_path)
    assert done.returncode == 2
    assert "hint:" in done.stderr


def test_a_text_full_of_secrets_is_told_alike_however_it_comes(tmp_path: Path) -> None:
    """More than is held in memory, in one file, in windows, and on standard input either way."""
    keys = [samples.aws_key_id(seed) for seed in range(21_500)]
    file = tmp_path / "many"
    file.write_text("\n".join(keys))
    name = ("--path", str(file), "--format", "jsonl")
    told = run(str(file), "--format", "jsonl")
    assert told.returncode == 1
    assert "21500 secrets in 1 file" in told.stderr
    rows = [json.loads(row) for row in told.stdout.splitlines()]
    assert [(row["line"], row["column"]) for row in rows] == [
        (number, 1) for number in range(1, 21_501)
    ]
    assert len({row["fingerprint"] for row in rows}) == 21_500
    for more in ((), ("--no-gitignore",)):
        done = feed(file.read_bytes(), *name, *more)
        assert (done.returncode, done.stdout.decode()) == (1, told.stdout)
