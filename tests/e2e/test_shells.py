"""exec, shell, env, export and use, as a person has them: real processes, real shells."""

import calendar
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.awsfiles import files
from credguard.store import exported, handouts
from tests.support import samples
from tests.support.simulator import Simulator

DUMP = "import os, json; print(json.dumps(dict(os.environ)))"
WHO = 'import boto3; print(boto3.Session().client("sts").get_caller_identity()["Arn"])'
RUN = [sys.executable, "-P", "-m", "credguard"]


def run(*arguments: str, stdin: str = "", ok: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUN, *arguments], input=stdin, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == ok, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def work(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Profile work in the file vault, region eu-north-1."""
    # Without it fish makes completions of every manual page at its first start.
    (poisoned / ".local/share/fish/generated_completions").mkdir(parents=True)
    passphrase = poisoned / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("SHELL", "/bin/bash")
    run("config", "set", "vault.backend", "file")
    run("add", "work", stdin=f"{simulator.key_id}\n{simulator.secret.reveal()}\n")
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "region = eu-north-1\n")
    return simulator


def terminal(words: list[str], typed: bytes = b"", end: bytes = b"") -> tuple[str, int]:
    """What a terminal shows of `words`, and their exit code; `typed` once `end` was shown."""
    code = (
        "import os, pty, sys, json\n"
        "status = pty.spawn(json.loads(sys.argv[1]))\n"
        "sys.exit(os.waitstatus_to_exitcode(status))"
    )
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(words)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        late = threading.Timer(60, child.kill)  # then its end shows, and the test fails
        late.start()
        while part := os.read(child.stdout.fileno(), 4096):
            shown += part
            if typed and end in shown:
                child.stdin.write(typed)
                child.stdin.flush()
                typed = b""
        late.cancel()
    return shown.decode(), child.returncode


BEATS = {
    "AWS_SESSION_TOKEN": "stale", "AWS_PROFILE": "other", "AWS_ACCOUNT_ID": "999999999999",
    "AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "/x", "AWS_BEARER_TOKEN_BEDROCK": "x",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost", "AWS_CREDENTIAL_EXPIRATION": "2000",
    "AWS_SECURITY_TOKEN": "stale", "AWS_DEFAULT_PROFILE": "other", "AWS_ACCESS_KEY": "x",
}  # fmt: skip


def test_exec_clears_what_would_win_and_keeps_the_rest(
    work: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in BEATS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/ca")
    found = json.loads(run("exec", "work", "--", sys.executable, "-c", DUMP).stdout)
    assert {name for name in BEATS if name in found} == {"AWS_ACCOUNT_ID"}
    assert found["AWS_ACCOUNT_ID"] == work.account
    assert found["AWS_ACCESS_KEY_ID"] == work.key_id
    assert found["AWS_CA_BUNDLE"] == "/ca"
    assert found["AWS_ENDPOINT_URL"] == work.url
    assert found["AWS_REGION"] == "eu-north-1"
    assert found["CREDGUARD_PROFILE"] == "work"


def test_a_role_is_handed_out_with_its_end(work: Simulator) -> None:
    config = Path(paths.aws_config_file())
    config.write_text(
        config.read_text()
        + f"\n[profile role]\nrole_arn = arn:aws:iam::{work.account}:role/r\n"
        + "source_profile = work\nregion = us-west-2\n"
    )
    found = json.loads(run("exec", "role", "--", sys.executable, "-c", DUMP).stdout)
    assert found["AWS_ACCESS_KEY_ID"].startswith("AS" + "IA")
    assert found["AWS_SESSION_TOKEN"]
    assert found["AWS_REGION"] == "us-west-2"
    end = calendar.timegm(time.strptime(found["AWS_CREDENTIAL_EXPIRATION"], "%Y-%m-%dT%H:%M:%SZ"))
    assert 50 * 60 < end - time.time() < 70 * 60
    assert "aws_session_token" in run("export", "role", "--format", "credentials").stdout
    (export, execute) = handouts.recent(Context().db)
    assert {export.key_id, execute.key_id} == {work.key_id}


def test_exec_gives_the_command_its_own_signals_and_descriptors(work: Simulator) -> None:
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    done = run("exec", "work", "--", "sh", "-c", "grep SigIgn /proc/self/status; ls /proc/$$/fd")
    ignored, *descriptors = done.stdout.split()[1:]
    assert int(ignored, 16) & (1 << 12) == 0  # SIGPIPE is 13
    assert descriptors == ["0", "1", "2"]


def test_what_follows_the_code_on_standard_input_is_the_commands(work: Simulator) -> None:
    done = run("exec", "--code-stdin", "work", "--", "cat", stdin="123456\nrest\nof it\n")
    assert done.stdout == "rest\nof it\n"
    assert "no code" in run("exec", "--code-stdin", "work", "--", "cat", ok=2).stderr


def test_exec_by_name_lets_an_sdk_ask_and_is_sure_that_it_will(work: Simulator) -> None:
    found = json.loads(
        run("exec", "--profile-env", "work", "--", sys.executable, "-c", DUMP).stdout
    )
    assert found["AWS_PROFILE"] == "work"
    assert "AWS_ACCESS_KEY_ID" not in found
    done = run("exec", "--profile-env", "work", "--", sys.executable, "-c", WHO)
    assert done.stdout.strip().endswith(":user/dev")
    config = Path(paths.aws_config_file())
    text = config.read_text()
    config.write_text(text.replace("credential_process", "#credential_process"))
    missing = run("exec", "--profile-env", "work", "--", "true", ok=2)
    assert keys.command("work") in missing.stderr
    config.write_text(text + "\n[profile role]\nrole_arn = x\nsource_profile = work\n")
    run("exec", "--profile-env", "role", "--", "true")
    assert "no profile" in run("exec", "--profile-env", "gone", "--", "true", ok=2).stderr
    Path(paths.aws_credentials_file()).write_text(
        f"[work]\naws_access_key_id = {samples.aws_key_id(2)}\n"
        f"aws_secret_access_key = {samples.aws_secret(2)}\n"
    )
    plain = run("exec", "--profile-env", "work", "--", "true", ok=2)
    assert "plaintext" in plain.stderr
    assert samples.aws_secret(2) not in plain.stderr


def test_exec_works_where_nothing_can_be_written(
    work: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("secret", "add", "token", stdin="word\n")
    # Each write fails as on a full disk, as root too; in the command itself as well.
    full = (
        "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        " os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = ["--secret", "TOKEN=token", "work", "--", "sh", "-c", "echo $TOKEN $AWS_ACCESS_KEY_ID"]
    done = subprocess.run(
        [sys.executable, "-c", full, *RUN, "exec", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == f"word {work.key_id}\n"
    assert "handed out all the same" in done.stderr
    assert "was read" in done.stderr


@pytest.mark.parametrize("command", ["exec", "shell", "env", "use"])
def test_nothing_is_nested(work: Simulator, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDGUARD_EXEC", "outer")
    done = run(command, "work", *(["--", "true"] if command == "exec" else []), ok=2)
    assert "already inside" in done.stderr
    assert "outer" in done.stderr


@pytest.mark.parametrize("how", ["exec", "shell", "env", "export"])
def test_each_hand_out_is_recorded_once(work: Simulator, how: str) -> None:
    run(how, "work", *(["--", "true"] if how == "exec" else []))
    (found,) = handouts.recent(Context().db)
    assert (found.how, found.profile, found.key_id) == (how, "work", work.key_id)
    assert found.asker.pid == os.getpid()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_env_in_a_real_shell(work: Simulator, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"*** NOT HERE: {shell}")
    command = f"{' '.join(RUN)} env work --shell {shell}"
    line = f"{command} | source" if shell == "fish" else f'eval "$({command})"'
    done = subprocess.run(
        [shell, "-c", f"{line}; exec {sys.executable} -c '{DUMP}'"],
        env={**os.environ, **BEATS}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["AWS_SECRET_ACCESS_KEY"] == work.secret.reveal()
    assert found["AWS_REGION"] == "eu-north-1"
    assert {name for name in BEATS if name in found} == {"AWS_ACCOUNT_ID"}


@pytest.mark.parametrize("command", ["env", "export"])
def test_no_secret_is_shown_on_a_terminal_unless_told(work: Simulator, command: str) -> None:
    shown, code = terminal([*RUN, command, "work"])
    assert code == 2
    assert work.secret.reveal() not in shown
    assert "--force" in shown
    shown, code = terminal([*RUN, command, "work", "--force"])
    assert code == 0
    assert work.secret.reveal() in shown


def test_export_in_each_form(work: Simulator) -> None:
    secret = work.secret.reveal()
    assert f"AWS_SECRET_ACCESS_KEY={secret}\n" in run("export", "work").stdout
    found = json.loads(run("export", "work", "--format", "json").stdout)
    assert found["AWS_REGION"] == "eu-north-1"
    found = json.loads(run("export", "work", "--format", "process").stdout)
    assert (found["Version"], found["SecretAccessKey"]) == (1, secret)
    assert found["Expiration"].endswith("Z")
    text = run("export", "work", "--format", "credentials").stdout
    assert text.startswith("[work]\n")
    assert f"aws_secret_access_key = {secret}\n" in text


def test_export_to_a_file_is_private_new_known_and_outside_of_git(
    work: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "out" / "work.env"
    assert "folder" in run("export", "work", "--output", str(file), ok=2).stderr
    file.parent.mkdir()
    done = run("export", "work", "--output", str(file))
    assert done.stdout == ""
    assert "delete it soon" in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert work.secret.reveal() in file.read_text()
    (known,) = exported.of_path(Context().db, str(file.resolve()))
    assert known.key_id == work.key_id
    assert str(file) in run("log", "--kind", "profile").stdout
    before = file.read_bytes()
    assert "exists already" in run("export", "work", "--output", str(file), ok=2).stderr
    link = file.parent / "link"
    link.symlink_to(tmp_path / "elsewhere")
    assert "exists already" in run("export", "work", "--output", str(link), ok=2).stderr
    assert file.read_bytes() == before
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    inside = file.parent / "inside"
    assert "git work tree" in run("export", "work", "--output", str(inside), ok=2).stderr
    assert not inside.exists()
    run("export", "work", "--output", str(inside), "--force")
    assert inside.exists()


def test_use_in_a_shell_and_back(work: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stale")
    command = " ".join(RUN)
    script = (
        f'eval "$({command} use work)"; {sys.executable} -c \'{WHO}\'; echo "$AWS_PROFILE";'
        f' eval "$({command} use --none)"; echo "<$AWS_PROFILE$AWS_ACCESS_KEY_ID>"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    who, name, after = done.stdout.split()
    assert who.endswith(":user/dev")
    assert (name, after) == ("work", "<>")
    assert "no profile" in run("use", "gone", ok=2).stderr
    assert run("use", ok=2).stderr


def test_use_as_the_default_and_back(work: Simulator) -> None:
    config = Path(paths.aws_config_file())
    config.write_text("# mine\n[default]\noutput = json\n\n" + config.read_text())
    before = config.read_text()
    assert "nobody is here" in run("use", "work", "--default", ok=2).stderr
    assert config.read_text() == before
    done = run("use", "work", "--default", "--yes")
    assert "no region" in done.stderr
    assert files.process_of("default") == keys.command("work")
    assert config.read_text().startswith("# mine\n[default]\noutput = json\n")
    assert "already" in run("use", "work", "--default").stderr
    done = subprocess.run(
        [sys.executable, "-c", WHO], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
    )  # fmt: skip
    assert done.stdout.strip().endswith(":user/dev"), done.stderr
    assert "no profile" in run("use", "default", "--default", "--yes", ok=2).stderr
    run("remove", "work", "--yes")
    assert files.process_of("default") is None


@pytest.mark.parametrize(
    "line", ["credential_process = mine", "role_arn = x", "sso_session = y", "KEY"]
)
def test_a_default_of_another_kind_is_never_replaced(work: Simulator, line: str) -> None:
    key = f"aws_access_key_id = {samples.aws_key_id(2)}\naws_secret_access_key = x"
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "[default]\n" + line.replace("KEY", key) + "\n")
    before = config.read_text()
    assert "default" in run("use", "work", "--default", "--yes", ok=2).stderr
    assert config.read_text() == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "sh"])
def test_shell_shows_the_profile_runs_the_persons_files_and_keeps_the_code(
    work: Simulator, poisoned: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (path := shutil.which(shell)):
        pytest.skip(f"*** NOT HERE: {shell}")
    monkeypatch.setenv("SHELL", path)
    monkeypatch.setenv("TERM", "dumb")
    (poisoned / ".bashrc").write_text("OWN=own-file; PS1='mine> '\n")
    (poisoned / ".zshenv").write_text("OWN=own\n")
    (poisoned / ".zshrc").write_text("OWN=$OWN-file; PS1='mine> '\n")
    fish = poisoned / ".config" / "fish"
    fish.mkdir(parents=True)
    (fish / "config.fish").write_text(
        "set OWN own-file\nfunction fish_prompt; echo 'mine> '; end\nset fish_greeting\n"
    )
    typed = b'echo "=$OWN=$AWS_ACCESS_KEY_ID=$ZDOTDIR="; exit 7\n'
    end = b"mine> " if shell != "sh" else b""
    monkeypatch.setenv("PS1", "mine> ")
    shown, code = terminal([*RUN, "shell", "work"], typed, end or b" ")
    assert code == 7
    if shell != "sh":
        assert "(work) " in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
        assert f"=own-file={work.key_id}==" in shown


def test_a_profile_name_in_a_prompt_is_no_command(
    work: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from credguard.app import subshell

    name = "$(touch hit)`touch hit`%n"
    for shell in ("bash", "zsh", "fish"):
        if not (path := shutil.which(shell)):
            continue
        monkeypatch.setenv("CREDGUARD_PROFILE", name)
        monkeypatch.setenv("TERM", "dumb")
        words, environment = subshell.start(path, dict(os.environ))
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        (poisoned / ".zshrc").write_text("setopt promptsubst; PS1='mine> '\n")
        (poisoned / ".bashrc").write_text("PS1='mine> '\n")
        (poisoned / ".config/fish").mkdir(parents=True, exist_ok=True)
        (poisoned / ".config/fish/config.fish").write_text(
            "function fish_prompt; echo 'mine> '; end\n"
        )
        monkeypatch.chdir(poisoned)
        shown, code = terminal(words, b"exit 3\n", b"> ")
        assert code == 3, shell
        assert name in shown, shell
        assert not (poisoned / "hit").exists(), shell
        monkeypatch.delenv("ZDOTDIR", raising=False)
