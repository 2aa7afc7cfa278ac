"""An SSH key as its owner uses it: made, handed to a real agent, used at a real server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from credguard.app import ssh
from credguard.cli.main import main
from tests.support.cloud import Cloud, launch, pairs
from tests.support.fault_table import Fault
from tests.support.openssh import Server
from tests.support.person import credguard, vault_with_key
from tests.support.simulator import Simulator
from tests.support.terminal import at_terminal


@pytest.fixture
def key(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private key file of the key called k."""
    ctx = vault_with_key(simulator, poisoned, monkeypatch)
    made = ssh.create(ctx, "k", ["us-east-1"])
    ctx.close()
    return Path(made.key.path)


def test_a_person_logs_in_with_the_key(
    key: Path, agent: str, sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.authorized.write_bytes(key.with_name("credguard_k.pub").read_bytes())
    assert sshd.login("true").returncode == 255  # nobody holds the key yet
    spy = tmp_path / "bin" / "ssh-add"
    spy.parent.mkdir()
    spy.write_text(
        f'#!/bin/sh\n{{ echo "$@"; env; }} >>"{tmp_path}/seen"\n'
        f'exec {shutil.which("ssh-add")} "$@"\n'
    )
    spy.chmod(0o700)
    monkeypatch.setenv("PATH", f"{spy.parent}{os.pathsep}{os.environ['PATH']}")
    done = credguard("ssh", "add", "--lifetime", "1h")
    assert "ssh-agent holds k (SHA256:" in done.stderr
    assert sshd.login("echo", "in").stdout == "in\n"
    seen = (tmp_path / "seen").read_text()
    assert "-t 3600 -\n" in seen
    assert "PRIVATE KEY" not in seen


def test_the_agent_gives_it_up_after_its_lifetime(key: Path, agent: str) -> None:
    credguard("ssh", "add", "k", "--lifetime", "1s")
    from tests.support.daemon import until

    listing = ["ssh-add", "-l"]
    until(lambda: subprocess.run(listing, capture_output=True, timeout=20).returncode == 1)


def test_without_an_agent_it_says_how_to_start_one(key: Path) -> None:
    done = credguard("ssh", "add", ok=2)
    assert 'hint: start one: eval "$(credguard ssh agent)"' in done.stderr


def test_an_agent_that_went_away_and_a_locked_one(
    key: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from credguard.errors import CredguardError
    from credguard.secret import Secret
    from credguard.ssh import agent as module

    monkeypatch.setenv("SSH_AUTH_SOCK", agent + "-absent")
    with pytest.raises(module.AgentUnavailable):
        module.check()
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    with pytest.raises(CredguardError, match="did not take the key"):
        module.add(Secret("no key"), "k", 0)


def test_an_unknown_name_and_a_missing_file(key: Path, agent: str) -> None:
    done = credguard("ssh", "add", "other", ok=2)
    assert "hint: name one: k" in done.stderr
    key.unlink()
    done = credguard("ssh", "add", ok=2)
    assert f"cannot read {key}" in done.stderr


def test_what_is_registered_nowhere_is_not_said_to_be_usable(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = credguard("ssh", "create", "--name", "other", "--regions", "us-east-1", ok=2)
    assert "can use it" not in done.stderr
    assert "is not registered in us-east-1" in done.stderr


def test_the_life_of_a_key_as_a_person_types_it(
    simulator: Simulator,
    cloud: Cloud,
    machine: Server,
    poisoned: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def typed(*words: str, ok: int = 0) -> tuple[str, str]:
        """The command line's own entry, in this process."""
        monkeypatch.setattr("sys.argv", ["credguard", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        assert ended.value.code == ok, said.err
        return said.out, said.err

    vault_with_key(simulator, poisoned, monkeypatch).close()
    out, err = typed("ssh", "create", "--name", "k", "--all-regions")
    assert out.startswith(str(poisoned / ".ssh" / "credguard_k") + "  SHA256:")
    assert "registered in eu-west-1, us-east-1 as credguard_k\n" in err
    number = launch(simulator, "us-east-1", "credguard_k", Name="web-1")
    (row,) = json.loads(typed("ssh", "list", "--json")[0])
    assert (row["name"], row["type"], row["owner"], row["running_instances"]) == (
        "k", "ed25519", "dev", 1,
    )  # fmt: skip
    assert [each["region"] for each in row["registered"]] == ["eu-west-1", "us-east-1"]
    assert typed("ssh", "check")[1].startswith("nothing is wrong")
    out, _ = typed("ssh", "connect", "--user", "root", "web-1", "echo", "in", "$HOME")
    assert out == f"in {machine.home}\n"
    machine.authorized.write_bytes((poisoned / ".ssh" / "credguard_k.pub").read_bytes())
    words = ["--push", "--user", "root", "-o", "LogLevel=ERROR"]
    (outcome,) = json.loads(typed("ssh", "rotate", "k", *words, "--json")[0])
    assert (outcome["state"], outcome["old_pair_in"]) == ("draining", ["us-east-1"])
    (instance,) = outcome["instances"]
    assert (instance["id"], instance["line"], instance["lets_old_key_in"]) == (
        number, "replaced", False,
    )  # fmt: skip
    _, err = typed("ssh", "rotate", "--finish", ok=2)
    assert "nobody is here to answer" in err
    assert "replaced k" in typed("ssh", "rotate", "--finish", "--yes")[0]
    out, _ = typed("ssh", "revoke", "k", "--yes", ok=1)
    assert "[x] its private half is here" in out
    assert f"--done {number}" in out
    assert not (poisoned / ".ssh" / "credguard_k").exists()
    cloud.script(Fault("DescribeKeyPairs", "denied", region="eu-west-1"))
    for command in ("list", "check"):
        assert "UNKNOWN: eu-west-1" in typed("ssh", command, ok=2)[1]
    assert "took over from k, which drains" in typed("log")[0]


@pytest.mark.parametrize("command", [("revoke", "k"), ("rotate", "k", "--finish")])
def test_a_no_is_a_no(
    simulator: Simulator,
    cloud: Cloud,
    poisoned: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    ctx = vault_with_key(simulator, poisoned, monkeypatch)
    ssh.create(ctx, "k", ["us-east-1"])
    launch(simulator, "us-east-1", "credguard_k")
    ctx.close()
    code, shown = at_terminal("ssh", *command, answers={"[y/N]: ": "n"})
    assert code == 2
    assert "nothing was changed" in shown
    assert (poisoned / ".ssh" / "credguard_k").exists()
    assert list(pairs(simulator, "us-east-1")) == ["credguard_k"]


@pytest.mark.parametrize(
    "words",
    [
        "create --bits 2048",
        "create --regions us-east-1 --all-regions",
        "check --regions us-east-1 --all-regions",
        "connect --regions us-east-1 --all-regions web",
        "rotate --ssm",
        "rotate --user ada",
        "revoke k -o Port=1",
        "revoke k --private",
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["credguard", "ssh", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert any(each in said for each in ("--push", "--type rsa", "either")), said
