import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import samples


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "credguard", "scan", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        check=False,
    )


def test_findings_end_with_one_and_are_masked(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert "a.ini:1:25  aws-secret-access-key  high" in done.stdout
    assert samples.aws_secret() not in done.stdout + done.stderr
    assert "1 secret in 1 file" in done.stderr


def test_clean_is_silent(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing\n")
    done = run(str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_cannot_be_read_is_not_passed_off_as_clean(tmp_path: Path) -> None:
    done = run(str(tmp_path / "missing"))
    assert done.returncode == 2
    assert "not read" in done.stderr


def test_json(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    done = run(str(tmp_path), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["findings"][0]["line"] == 1


def test_nothing_named_is_a_usage_error() -> None:
    assert run().returncode == 2


def test_staged(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "a.ini").write_text("clean again, in the worktree only\n")
    done = run("--staged", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "a.ini:1:25" in done.stdout


def test_staged_outside_a_repository_says_so(tmp_path: Path) -> None:
    done = run("--staged", cwd=tmp_path)
    assert done.returncode == 2
    assert "hint:" in done.stderr


def test_a_bare_repository_is_not_passed_off_as_clean(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare"], cwd=tmp_path, check=True, timeout=30)
    done = run("--staged", cwd=tmp_path)
    assert done.returncode == 2
    assert "bare repository" in done.stderr


def test_what_is_named_twice_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "a.ini"
    file.write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    done = run(str(tmp_path), str(file), f"{tmp_path}/", f"{tmp_path}/./a.ini")
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "1 secret in 1 file" in done.stderr


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x1b[2J"
    with open(name, "wb") as file:
        file.write(f"aws_secret_access_key = {samples.aws_secret()}\n".encode())
    done = run(os.fsdecode(name))
    assert done.returncode == 1
    assert "\\xff\\x1b[2J:1:25" in done.stdout
    assert "\x1b" not in done.stdout
