"""AWS tools get the key through credential_process and exec: real processes, a real SDK."""

import calendar
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import credential_process, paths
from credguard.app import keys
from credguard.awsfiles import files
from credguard.store import db
from tests.support import samples
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator

_WHO = 'import boto3; print(boto3.Session().client("sts").get_caller_identity()["Arn"])'


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    file_vault(poisoned, monkeypatch)
    return simulator


@pytest.mark.parametrize("name", ["default", "with space", "team/dev@2"])
def test_an_sdk_asks_us(ready: Simulator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_key(ready, name)
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
    credguard("config", "set", "vault.backend", "file")
    add_key(ready, "default")
    done = subprocess.run(
        [sys.executable, "-c", _WHO], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip().endswith(":user/dev"), done.stderr


def _process(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(keys.command(name)), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_answer_and_its_end(ready: Simulator) -> None:
    add_key(ready, "work")
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
    add_key(ready, "work")
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
    add_key(ready, "work")
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
    add_key(ready, "work")
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
    add_key(ready, "work")
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
    add_key(ready, "work")
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    shown = _in_terminal(f"set -m; {keys.command('work')} & wait $!; echo code $?", b"")
    assert "nobody to ask" in shown
    assert shown.split()[-2:] == ["code", "2"]


def test_exec_gives_the_key_the_region_and_the_code(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(ready, "work")
    files_config = Path(os.environ["HOME"]) / ".aws" / "config"
    files_config.write_text(files_config.read_text() + "region = eu-north-1\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stale")
    code = "import os, json, sys; print(json.dumps(dict(os.environ))); sys.exit(7)"
    done = credguard("exec", "work", "--", sys.executable, "-c", code, ok=7)
    found = json.loads(done.stdout)
    assert found["AWS_ACCESS_KEY_ID"] == ready.key_id
    assert found["AWS_SECRET_ACCESS_KEY"] == ready.secret.reveal()
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert "AWS_PROFILE" not in found
    assert "AWS_SESSION_TOKEN" not in found


def test_damage_elsewhere_in_the_config_leaves_a_plain_key_and_its_region(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(ready, "work")
    config = Path(os.environ["HOME"]) / ".aws" / "config"
    config.write_text(config.read_text() + "region = eu-north-1\n[profile broken\nx\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    done = credguard("exec", "work", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID $AWS_REGION")
    assert done.stdout.split() == [ready.key_id, "eu-north-1"]
    assert "is handed out" in done.stderr


def test_exec_is_not_nested_and_names_what_it_cannot_run(
    ready: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(ready, "work")
    assert "cannot run" in credguard("exec", "work", "--", "no-such-program", ok=127).stderr
    done = credguard("exec", "work", "--", paths.config_file(), ok=126)
    assert "Permission denied" in done.stderr
    credguard("exec", "work", "--", "sh", "-c", "kill -9 $$", ok=-9)
    monkeypatch.setenv("CREDGUARD_EXEC", "work")
    assert "already inside" in credguard("exec", "work", "--", "true", ok=2).stderr


def test_secrets_by_name(ready: Simulator) -> None:
    add_key(ready, "work")
    value = samples.text(30)
    credguard("secret", "add", "token", stdin=value + "\n")
    assert json.loads(credguard("secret", "list", "--json").stdout) == ["token"]
    assert credguard("secret", "get", "token").stdout == value
    code = 'import os; print(os.environ["TOKEN"])'
    done = credguard("exec", "--secret", "TOKEN=token", "work", "--", sys.executable, "-c", code)
    assert done.stdout.strip() == value
    assert "ENV=NAME" in credguard("exec", "--secret", "oops", "work", "--", "true", ok=2).stderr
    credguard("secret", "remove", "token", "--yes")
    assert "no secret" in credguard("secret", "get", "token", ok=2).stderr


def test_the_secret_is_in_no_file_but_the_vault(ready: Simulator, poisoned: Path) -> None:
    add_key(ready, "work")
    credguard("rotate", "work", "--yes", ok=0)
    secret = ready.secret.reveal().encode()
    for path in poisoned.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path


def test_a_name_cannot_steer_the_terminal(ready: Simulator) -> None:
    name = "\x1b]0;it\x07\x9b31m"
    for done in (_process(name), credguard("exec", name, "--", "true", ok=2)):
        assert done.returncode == 2
        assert all(each.isprintable() or each == "\n" for each in done.stderr), done.stderr
        assert "\\x1b" in done.stderr


def test_another_vault_in_the_settings_is_not_silent_about_the_keys(ready: Simulator) -> None:
    assert credguard("config", "set", "vault.backend", "pass").stderr == ""
    credguard("config", "set", "vault.backend", "file")
    add_key(ready, "work")
    assert credguard("config", "set", "vault.backend", "file").stderr == ""
    said = credguard("config", "set", "vault.backend", "pass").stderr
    assert "moves no key; those in file are not seen now" in said
    assert "config set vault.backend file; credguard vault migrate --to pass" in said
    back = "config set vault.backend file; credguard vault migrate"
    third = credguard("config", "set", "vault.backend", "keyring:kwallet").stderr
    assert "those in file are not seen" in third, "where the keys are, not where nothing was"
    assert f"{back} --to keyring:kwallet" in third
    assert credguard("config", "set", "vault.backend", "file").stderr == "", "the way back"
    assert "those in file" in credguard("config", "set", "vault.backend", "pass").stderr
    credguard("config", "set", "vault.backend", "file")


def test_the_way_back_is_silent_until_something_is_left_behind(
    ready: Simulator, password_store: object
) -> None:
    add_key(ready, "work")
    credguard("vault", "migrate", "--to", "pass")
    said = credguard("config", "set", "vault.backend", "file").stderr
    assert "those in pass are not seen now" in said, "a move changes where they are"
    key_id, secret = ready.iam().create_key(ready.user_name)
    credguard("add", "other", stdin=f"{key_id}\n{secret.reveal()}\n")
    said = credguard("config", "set", "vault.backend", "pass").stderr
    assert "those in file are not seen now" in said, "a key was added meanwhile"


@pytest.mark.parametrize("passes", [True, False])
def test_an_environment_that_is_replaced_while_it_starts_is_tried_once_more(
    tmp_path: Path, passes: bool
) -> None:
    """As in an upgrade to another Python: a module is missing, and at the next start it is not."""
    real = Path(credential_process.__file__).parent
    package = tmp_path / "credguard"
    shutil.copytree(real, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "app" / "process.py").write_text(
        "def credentials(profile):\n"
        f"    with open({str(tmp_path / 'starts')!r}, 'a+') as file:\n"
        "        file.write('x')\n"
        f"    if {passes} and len(open({str(tmp_path / 'starts')!r}).read()) == 2:\n"
        "        return profile.encode()\n"
        "    import no_such_module\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(package / "credential_process.py"), "my work"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (tmp_path / "starts").read_text() == "xx"
    if passes:
        assert (done.returncode, done.stdout, done.stderr) == (0, "my work", "")
    else:
        assert done.returncode == 3
        assert done.stderr.startswith("credguard: a bug: ModuleNotFoundError at ")
        assert done.stderr.count("\n") == 1


def test_a_dry_run_of_a_move_leaves_no_file(ready: Simulator, poisoned: Path) -> None:
    add_key(ready, "work")
    for lock in Path(paths.state_dir()).glob("*.lock"):
        lock.unlink()
    before = {str(path) for path in poisoned.rglob("*")}
    credguard("vault", "migrate", "--to", "pass", "--dry-run")
    assert {str(path) for path in poisoned.rglob("*")} == before
