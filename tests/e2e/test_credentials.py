"""AWS tools get the key through credential_process and exec: real processes, a real SDK."""

import calendar
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from credguard.app import keys
from credguard.awsfiles import files
from tests.support import samples
from tests.support.simulator import Simulator

_WHO = 'import boto3; print(boto3.Session().client("sts").get_caller_identity()["Arn"])'


def run(*arguments: str, stdin: str = "", ok: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *arguments],
        input=stdin, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == ok, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    passphrase = poisoned / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    run("config", "set", "vault.backend", "file")
    return simulator


def _add(simulator: Simulator, name: str) -> None:
    run("add", name, stdin=f"{simulator.key_id}\n{simulator.secret.reveal()}\n")


@pytest.mark.parametrize("name", ["default", "with space", "team/dev@2"])
def test_an_sdk_asks_us(ready: Simulator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(ready, name)
    environment = {**os.environ, "AWS_PROFILE": name}
    done = subprocess.run(
        [sys.executable, "-c", _WHO],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert done.stdout.strip().endswith(":user/dev"), done.stderr


def test_a_home_with_a_space_and_a_quote(
    ready: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "it's a home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    run("config", "set", "vault.backend", "file")
    _add(ready, "default")
    done = subprocess.run(
        [sys.executable, "-c", _WHO], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip().endswith(":user/dev"), done.stderr


def _process(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(keys.command(name)), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_answer_and_its_end(ready: Simulator) -> None:
    _add(ready, "work")
    assert files.process_of("work") == keys.command("work")
    answer = json.loads(_process("work").stdout)
    assert answer["Version"] == 1
    assert answer["AccessKeyId"] == ready.key_id
    assert answer["SecretAccessKey"] == ready.secret.reveal()
    end = calendar.timegm(time.strptime(answer["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))
    assert 50 * 60 < end - time.time() < 70 * 60


def test_a_failure_is_one_line_and_code_two(
    ready: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(poisoned / "gone"))
    for name in ("work", "unknown"):
        done = _process(name)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("credguard: ")
        assert done.stderr.count("\n") == 1


def test_exec_gives_the_key_the_region_and_the_code(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    files_config = Path(os.environ["HOME"]) / ".aws" / "config"
    files_config.write_text(files_config.read_text() + "region = eu-north-1\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stale")
    code = "import os, json, sys; print(json.dumps(dict(os.environ))); sys.exit(7)"
    done = run("exec", "work", "--", sys.executable, "-c", code, ok=7)
    found = json.loads(done.stdout)
    assert found["AWS_ACCESS_KEY_ID"] == ready.key_id
    assert found["AWS_SECRET_ACCESS_KEY"] == ready.secret.reveal()
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert "AWS_PROFILE" not in found
    assert "AWS_SESSION_TOKEN" not in found


def test_exec_is_not_nested_and_names_what_it_cannot_run(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    assert "cannot run" in run("exec", "work", "--", "no-such-program", ok=2).stderr
    monkeypatch.setenv("CREDGUARD_EXEC", "work")
    assert "already inside" in run("exec", "work", "--", "true", ok=2).stderr


def test_secrets_by_name(ready: Simulator) -> None:
    _add(ready, "work")
    value = samples.text(30)
    run("secret", "add", "token", stdin=value + "\n")
    assert json.loads(run("secret", "list", "--json").stdout) == ["token"]
    assert run("secret", "get", "token").stdout == value
    code = 'import os; print(os.environ["TOKEN"])'
    done = run("exec", "--secret", "TOKEN=token", "work", "--", sys.executable, "-c", code)
    assert done.stdout.strip() == value
    assert "ENV=NAME" in run("exec", "--secret", "oops", "work", "--", "true", ok=2).stderr
    run("secret", "remove", "token", "--yes")
    assert "no secret" in run("secret", "get", "token", ok=2).stderr


def test_backup_and_restore_on_another_machine(
    ready: Simulator, tmp_path: Path, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    run("secret", "add", "token", stdin="a value to keep\n")
    copy = tmp_path / "backup"
    run("vault", "backup", str(copy))
    assert ready.secret.reveal().encode() not in copy.read_bytes()
    assert copy.stat().st_mode & 0o077 == 0
    assert "exists already" in run("vault", "backup", str(copy), ok=2).stderr
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("HOME", str(other))
    run("config", "set", "vault.backend", "file")
    wrong = tmp_path / "wrong"
    wrong.write_text(samples.text(20, 5))
    wrong.chmod(0o600)
    said = run("vault", "restore", str(copy), "--passphrase-file", str(wrong), ok=2).stderr
    assert "does not open" in said
    run("vault", "restore", str(copy))
    assert run("secret", "get", "token").stdout == "a value to keep"
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["profile"], row["key_id"]) == ("work", ready.key_id)
    assert files.process_of("work") == keys.command("work")
    done = run("exec", "work", "--", sys.executable, "-c", _WHO)
    assert done.stdout.strip().endswith(":user/dev")


def test_the_secret_is_in_no_file_but_the_vault(ready: Simulator, poisoned: Path) -> None:
    _add(ready, "work")
    run("rotate", "work", "--yes", ok=0)
    secret = ready.secret.reveal().encode()
    for path in poisoned.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
