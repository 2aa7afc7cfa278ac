import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import samples
from tests.support.person import tried
from tests.support.terminal import at_terminal

pytestmark = pytest.mark.usefixtures("compiled_rules")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return tried("scan", *arguments, stdin=None, cwd=cwd)


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


def test_an_archive_that_is_cut_is_not_passed_off_as_clean(tmp_path: Path) -> None:
    text = f"aws_secret_access_key = {samples.aws_secret()}\n".encode() + os.urandom(9000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(text[60:])[:-2000])
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "a.gz!a: ends too early" in done.stderr
    (tmp_path / "a.gz").write_bytes(gzip.compress(text)[:-2000])
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert "a.gz!a:1:25" in done.stdout


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


def _secret(path: Path, seed: int = 1) -> None:
    path.write_text(f"aws_secret_access_key = {samples.aws_secret(seed)}\n")


def test_output_goes_to_a_file_and_nothing_to_the_terminal(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    done = run("a.ini", "--format", "sarif", "--output", "out.sarif", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    document = json.loads((tmp_path / "out.sarif").read_text())
    assert document["runs"][0]["results"][0]["ruleId"] == "aws-secret-access-key"
    assert samples.aws_secret() not in (tmp_path / "out.sarif").read_text()


def test_an_output_that_cannot_be_written_is_said_before_the_scan(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    done = run("a.ini", "--output", "no/such/folder", cwd=tmp_path)
    assert done.returncode == 2
    assert "in no folder there is" in done.stderr
    assert done.stdout == ""


def test_a_columns_unit_is_a_character(tmp_path: Path) -> None:
    text = f"äöü aws_secret_access_key = {samples.aws_secret()}\n"
    (tmp_path / "a.ini").write_text(text)
    done = run("a.ini", "--format", "jsonl", cwd=tmp_path)
    assert json.loads(done.stdout)["column"] == text.index(samples.aws_secret()) + 1


def test_what_is_let_pass_is_counted_and_shown_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(
        f"aws_secret_access_key = {samples.aws_secret()} ; credguard:allow\n"
    )
    done = run("a.ini", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 allowed" in done.stderr
    assert "--show-allowed" in done.stderr
    done = run("a.ini", "--show-allowed", cwd=tmp_path)
    assert done.returncode == 0
    assert "allowed by credguard:allow, line 1" in done.stdout


def test_a_repositorys_settings_hold_from_wherever_it_is_scanned(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    _secret(tmp_path / "sub" / "deep" / "a.ini")
    _secret(tmp_path / "b.ini")
    (tmp_path / "sub" / ".credguard.toml").write_text('[allow]\npaths = ["deep/*.ini"]\n')
    for where, name in (
        (tmp_path, "."),
        (tmp_path / "sub", ".."),
        (tmp_path / "sub" / "deep", "../.."),
    ):
        done = run(name, cwd=where)
        assert done.returncode == 1
        assert done.stdout.count("\n") == 1, done.stdout
        assert "b.ini" in done.stdout
        assert "1 allowed" in done.stderr


def test_a_typo_in_the_settings_is_one_line_and_two(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    (tmp_path / ".credguard.toml").write_text("[alow]\n")
    done = run(".", cwd=tmp_path)
    assert done.returncode == 2
    assert "no table 'alow'" in done.stderr
    assert "did you mean allow?" in done.stderr


def test_a_baseline_leaves_out_what_it_knows_and_nothing_else(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    made = run_baseline("create", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    file = tmp_path / ".credguard.baseline"
    assert samples.aws_secret()[:8] not in file.read_text()
    done = run(".", "--baseline", str(file), cwd=tmp_path)
    assert done.returncode == 0
    assert "1 known" in done.stderr
    (tmp_path / "a.ini").write_text("\n\n" + (tmp_path / "a.ini").read_text())
    _secret(tmp_path / "b.ini", 2)
    done = run(str(tmp_path), "--baseline", str(file), "--format", "jsonl")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["path"].endswith("b.ini")
    assert len(json.loads(line)["fingerprint"]) == 6  # no more bits than the committed key may show
    changed = run_baseline("update", cwd=tmp_path)
    assert "1 new, 0 gone, 1 kept" in changed.stderr
    (tmp_path / "a.ini").unlink()
    assert "0 new, 0 gone, 1 kept" not in run_baseline("update", "b.ini", cwd=tmp_path).stderr
    assert "0 new, 1 gone, 1 kept" in run_baseline("update", cwd=tmp_path).stderr


def test_a_baseline_is_not_overwritten_and_a_missing_one_is_said(tmp_path: Path) -> None:
    (tmp_path / ".credguard.baseline").write_text("mine")
    done = run_baseline("create", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / ".credguard.baseline").read_text() == "mine"
    done = run(".", "--baseline", "gone", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot read gone" in done.stderr


def run_baseline(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return tried("baseline", *arguments, stdin=None, cwd=cwd)


def test_a_typo_in_the_settings_is_told_though_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing\n")
    (tmp_path / ".credguard.toml").write_text("[allow]\npath = ['x']\n")
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "no setting 'allow.path'" in done.stderr


def test_on_a_terminal_the_place_comes_first_and_colour_can_be_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _secret(tmp_path / "a.ini")
    monkeypatch.chdir(tmp_path)
    code, shown = at_terminal("scan", "a.ini", answers={})
    assert code == 1
    assert "\x1b[1ma.ini:1:25\x1b[0m\r\n  " in shown
    monkeypatch.setenv("NO_COLOR", "1")
    _, shown = at_terminal("scan", "a.ini", answers={})
    assert "\x1b[3" not in shown
    assert "a.ini:1:25\r\n  AWS secret access key  " in shown


def test_explain_tells_the_account_of_a_key_id(tmp_path: Path) -> None:
    number = base64.b32encode(((1 << 40 | 123456789012) << 7).to_bytes(6, "big") + bytes(4))
    key_id = "AK" + "IA" + number.decode()[:10] + samples.aws_key_id()[-6:]
    (tmp_path / "a").write_text(f"{key_id}\n{samples.aws_key_id(prefix='AK' + 'IA' + 'J')[:20]}\n")
    first, second = run(str(tmp_path), "--explain").stdout.splitlines()
    assert first.endswith("of AWS account 123456789012")
    assert "of AWS account" not in second


def test_explain_tells_every_signal(tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text(f"db_password = '{samples.text(18)}'\n")
    done = run("a.cfg", cwd=tmp_path)
    assert done.returncode == 1
    assert "no words in it" in done.stdout
    done = run("a.cfg", "--explain", cwd=tmp_path)
    assert " name:password" in done.stdout


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_an_output_has_the_mode_that_the_person_gives_files(tmp_path: Path, mask: int) -> None:
    (tmp_path / "a").write_text("clean\n")
    before = os.umask(mask)
    try:
        assert run("a", "--format", "json", "--output", "new", cwd=tmp_path).returncode == 0
        (tmp_path / "old").write_text("")
        (tmp_path / "old").chmod(0o640)
        assert run("a", "--format", "json", "--output", "old", cwd=tmp_path).returncode == 0
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_an_output_that_nobody_reads_is_told_at_once(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    os.mkfifo(tmp_path / "fifo")
    done = run("a.ini", "--output", "fifo", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot write fifo" in done.stderr


def test_an_output_into_a_pipe_longer_than_it_holds(tmp_path: Path) -> None:
    for number in range(600):
        _secret(tmp_path / f"{number}.ini")
    command = [sys.executable, "-m", "credguard", "scan", ".", "--format", "json"]
    done = subprocess.run(
        [*command, "--output", "/dev/stdout"], cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(json.loads(done.stdout)["findings"]) == 600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((".", "--staged"), "do not go together"),
        (("--stdin", "--history"), "do not go together"),
        ((".", "--json", "--format", "sarif"), "--json and --format sarif"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_pattern_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    _secret(tmp_path / "a.ini")
    done = run(".", "--include", "*.inni", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing was scanned" in done.stderr
