"""Named secrets, backup and restore, and what import points out: real processes, a real IAM."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import keys
from credguard.awsfiles import files
from tests.e2e.test_credentials import _WHO, _process, ready
from tests.support import samples
from tests.support.person import add_key, credguard
from tests.support.simulator import Simulator

__all__ = ["ready"]


def _bytes(*arguments: str, stdin: bytes = b"", ok: int = 0) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *arguments],
        input=stdin, capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == ok, done.stderr
    assert b"Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"a\0b", bytes(range(256)), b"x" * 1_000_000, b" \n\n x \t"]
)
def test_a_secret_of_any_bytes_comes_back_and_stands_in_an_environment_where_it_can(
    ready: Simulator, value: bytes
) -> None:
    add_key(ready, "work")
    _bytes("secret", "add", "s", stdin=value)
    assert _bytes("secret", "get", "s").stdout == value
    code = 'import os; os.write(1, os.environb[b"X"])'
    command = ("exec", "--secret", "X=s", "work", "--", sys.executable, "-c", code)
    if b"\0" in value or len(value) > 130_000:
        said = _bytes(*command, ok=2).stderr
        assert b"the secret s " in said
        assert b"credguard secret get s" in said
    else:
        assert _bytes(*command).stdout == value


def test_an_empty_secret_and_a_question_with_nobody_there(ready: Simulator) -> None:
    assert "is empty" in credguard("secret", "add", "s", stdin="", ok=2).stderr
    credguard("secret", "add", "s", stdin="v")
    assert "--yes" in credguard("secret", "remove", "s", ok=2).stderr
    assert credguard("secret", "get", "s").stdout == "v"


@pytest.mark.parametrize("given", [b"\xff\xfe \xff", b"one", b"", b"a b c", b"AKIA" * 5 + b" \xff"])
def test_what_is_no_key_is_one_line(ready: Simulator, given: bytes) -> None:
    said = _bytes("add", "work", stdin=given, ok=2).stderr
    assert said.count(b"\n") == 2
    assert b"hint:" in said


def test_a_restore_tells_of_each_profile_that_is_not_as_in_the_backup(
    ready: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        add_key(ready, name)
    copy = str(tmp_path / "backup")
    credguard("vault", "backup", copy)
    other = tmp_path / "other"
    (other / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(other))
    credguard("config", "set", "vault.backend", "file")
    key_id, secret = ready.seed_user("second")
    credguard("add", "b", stdin=f"{key_id}\n{secret.reveal()}\n")
    config = other / ".aws" / "config"
    theirs = "[profile a]\ncredential_process = /bin/other\n"
    config.write_text(theirs + config.read_text())
    for _ in range(2):
        said = credguard("vault", "restore", copy, ok=2).stderr
        assert "profile b keeps the key it has" in said
        assert "profile a has another credential_process" in said
        assert files.process_of("c") == keys.command("c")
    config.write_text(config.read_text().removeprefix(theirs))
    credguard("vault", "restore", copy)
    assert files.process_of("a") == keys.command("a")
    assert json.loads(_process("b").stdout)["AccessKeyId"] == key_id


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"[1]", b'{"version": 1}'])
def test_a_damaged_backup_is_one_line_and_changes_nothing(
    ready: Simulator, tmp_path: Path, damage: bytes
) -> None:
    copy = tmp_path / "backup"
    copy.write_bytes(damage)
    said = credguard("vault", "restore", str(copy), ok=2).stderr
    assert "is damaged" in said
    assert "another copy" in said
    assert json.loads(credguard("list", "--json").stdout) == []


def test_copies_of_an_imported_key_are_pointed_out(ready: Simulator, poisoned: Path) -> None:
    folder = poisoned / ".aws"
    folder.mkdir()
    text = f"aws_access_key_id = {ready.key_id}\naws_secret_access_key = {ready.secret.reveal()}\n"
    for name in ("credentials", "credentials~"):
        (folder / name).write_text(f"[work]\n{text}[same one]\n{text}")
    said = credguard("import", "work", "--yes").stderr
    assert "no plaintext is left" not in said
    assert f"{folder}/credentials still holds the secret" in said
    assert f"{folder}/credentials~ still holds the secret" in said
    said = credguard("import", "--all", "--yes").stderr
    assert f"no plaintext is left in {folder}/credentials" in said
    assert f"{folder}/credentials still holds" not in said
    assert f"{folder}/credentials~ still holds the secret" in said
    assert "credguard rotate 'same one'" in said
    assert ready.secret.reveal() not in said


def test_backup_and_restore_on_another_machine(
    ready: Simulator, tmp_path: Path, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(ready, "work")
    credguard("secret", "add", "token", stdin="a value to keep\n")
    copy = tmp_path / "backup"
    credguard("vault", "backup", str(copy))
    assert ready.secret.reveal().encode() not in copy.read_bytes()
    assert copy.stat().st_mode & 0o077 == 0
    assert "exists already" in credguard("vault", "backup", str(copy), ok=2).stderr
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("HOME", str(other))
    credguard("config", "set", "vault.backend", "file")
    wrong = tmp_path / "wrong"
    wrong.write_text(samples.text(20, 5))
    wrong.chmod(0o600)
    said = credguard("vault", "restore", str(copy), "--passphrase-file", str(wrong), ok=2).stderr
    assert "does not open" in said
    credguard("vault", "restore", str(copy))
    assert credguard("secret", "get", "token").stdout == "a value to keep"
    (row,) = json.loads(credguard("list", "--json").stdout)
    assert (row["profile"], row["key_id"]) == ("work", ready.key_id)
    assert files.process_of("work") == keys.command("work")
    done = credguard("exec", "work", "--", sys.executable, "-c", _WHO)
    assert done.stdout.strip().endswith(":user/dev")
