"""AWS tools get the key through credential_process and exec: real processes, a real SDK."""

import calendar
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.awsfiles import files
from credguard.store import db
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


def _damaged_database() -> None:
    file = Path(paths.database_file())
    with file.open("r+b") as stream:
        stream.write(b"no database" * 500)


def _newer_database() -> None:
    connection = db.connect()
    connection.execute("PRAGMA user_version=999")
    connection.close()


def _folder_for_database() -> None:
    os.unlink(paths.database_file())
    os.mkdir(paths.database_file())


def _config(data: bytes) -> Callable[[], object]:
    return lambda: Path(paths.config_file()).write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_damaged_database, "it is damaged"),
        (_newer_database, "newer credguard"),
        (_folder_for_database, "cannot be opened"),
        (_config(b"[vault\n"), "not valid TOML"),
        (_config(b"\xff"), "not valid TOML"),
        (_config(b"vault = 'file'\n"), "not a text"),
        (_config(b"[vault]\nbackend = 3\n"), "not a text"),
        (_config(b""), "no vault is chosen"),
        (lambda: Path(paths.vault_file()).write_bytes(b"{}"), "is damaged"),
        (lambda: os.unlink(paths.vault_file()), "holds no secret"),
        (lambda: os.chmod(paths.state_dir(), 0o777), "writable by others"),
    ],
)
def test_each_damage_is_one_line_to_the_tool(
    ready: Simulator, damage: Callable[[], object], said: str
) -> None:
    _add(ready, "work")
    damage()
    done = _process("work")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("credguard: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_bug_in_it_is_code_three_and_shows_no_value() -> None:
    code = (
        "import sys\nfrom credguard import credential_process as c\n"
        "def boom(_): raise ValueError('the' + 'value')\n"
        "c.credentials = boom\nsys.argv = ['x', 'work']\nc.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("credguard: a bug: ValueError at ")
    assert done.stderr.count("\n") == 1
    assert "thevalue" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "> /dev/full"])
def test_an_answer_that_cannot_be_given_is_one_line(ready: Simulator, closed: str) -> None:
    _add(ready, "work")
    done = subprocess.run(
        ["sh", "-c", f"{keys.command('work')} {closed}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("credguard: ")
    assert done.stderr.count("\n") == 1
    secret = ready.secret.reveal().encode()
    for path in Path(os.environ["HOME"]).rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def _in_terminal(script: str, typed: bytes) -> str:
    """What a terminal shows while a shell in it runs `script` and a person types `typed`."""
    # A process of its own: forking one with threads is refused by later Pythons.
    code = "import pty, sys; pty.spawn(['sh', '-c', sys.argv[1]])"
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-c", code, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        while part := os.read(child.stdout.fileno(), 4096):
            shown += part
            if typed and b"passphrase" in shown:
                child.stdin.write(typed)
                child.stdin.flush()
                typed = b""
    return shown.decode()


def test_a_person_at_the_terminal_is_asked_though_the_tool_takes_all_streams(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    word = Path(os.environ["CREDGUARD_PASSPHRASE_FILE"]).read_bytes()
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    script = f"x=$({keys.command('work')} </dev/null 2>/dev/null); echo ${{#x}}"
    shown = _in_terminal(script, word.strip() + b"\n")
    assert "credguard: passphrase of the vault" in shown
    assert word.decode().strip() not in shown
    assert int(shown.split()[-1]) > 100


def test_a_background_job_is_not_stopped_by_a_question(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(ready, "work")
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    shown = _in_terminal(f"set -m; {keys.command('work')} & wait $!; echo code $?", b"")
    assert "nobody to ask" in shown
    assert shown.split()[-2:] == ["code", "2"]


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
    assert "cannot run" in run("exec", "work", "--", "no-such-program", ok=127).stderr
    assert "Permission denied" in run("exec", "work", "--", paths.config_file(), ok=126).stderr
    run("exec", "work", "--", "sh", "-c", "kill -9 $$", ok=-9)
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
    _add(ready, "work")
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
    assert "is empty" in run("secret", "add", "s", stdin="", ok=2).stderr
    run("secret", "add", "s", stdin="v")
    assert "--yes" in run("secret", "remove", "s", ok=2).stderr
    assert run("secret", "get", "s").stdout == "v"


@pytest.mark.parametrize("given", [b"\xff\xfe \xff", b"one", b"", b"a b c", b"AKIA" * 5 + b" \xff"])
def test_what_is_no_key_is_one_line(ready: Simulator, given: bytes) -> None:
    said = _bytes("add", "work", stdin=given, ok=2).stderr
    assert said.count(b"\n") == 2
    assert b"hint:" in said


def test_a_restore_tells_of_each_profile_that_is_not_as_in_the_backup(
    ready: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        _add(ready, name)
    copy = str(tmp_path / "backup")
    run("vault", "backup", copy)
    other = tmp_path / "other"
    (other / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(other))
    run("config", "set", "vault.backend", "file")
    key_id, secret = ready.seed_user("second")
    run("add", "b", stdin=f"{key_id}\n{secret.reveal()}\n")
    config = other / ".aws" / "config"
    theirs = "[profile a]\ncredential_process = /bin/other\n"
    config.write_text(theirs + config.read_text())
    for _ in range(2):
        said = run("vault", "restore", copy, ok=2).stderr
        assert "profile b keeps the key it has" in said
        assert "profile a has another credential_process" in said
        assert files.process_of("c") == keys.command("c")
    config.write_text(config.read_text().removeprefix(theirs))
    run("vault", "restore", copy)
    assert files.process_of("a") == keys.command("a")
    assert json.loads(_process("b").stdout)["AccessKeyId"] == key_id


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"[1]", b'{"version": 1}'])
def test_a_damaged_backup_is_one_line_and_changes_nothing(
    ready: Simulator, tmp_path: Path, damage: bytes
) -> None:
    copy = tmp_path / "backup"
    copy.write_bytes(damage)
    said = run("vault", "restore", str(copy), ok=2).stderr
    assert "is damaged" in said
    assert "another copy" in said
    assert json.loads(run("list", "--json").stdout) == []


def test_copies_of_an_imported_key_are_pointed_out(ready: Simulator, poisoned: Path) -> None:
    folder = poisoned / ".aws"
    folder.mkdir()
    text = f"aws_access_key_id = {ready.key_id}\naws_secret_access_key = {ready.secret.reveal()}\n"
    for name in ("credentials", "credentials~"):
        (folder / name).write_text(f"[work]\n{text}[same one]\n{text}")
    said = run("import", "work", "--yes").stderr
    assert "no plaintext is left" not in said
    assert f"{folder}/credentials still holds the secret" in said
    assert f"{folder}/credentials~ still holds the secret" in said
    said = run("import", "--all", "--yes").stderr
    assert f"no plaintext is left in {folder}/credentials" in said
    assert f"{folder}/credentials still holds" not in said
    assert f"{folder}/credentials~ still holds the secret" in said
    assert "credguard rotate 'same one'" in said
    assert ready.secret.reveal() not in said


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
