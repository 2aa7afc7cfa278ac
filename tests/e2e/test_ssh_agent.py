"""Keys that OpenSSH gets from the vault by itself: real ssh, real ssh-agent, real server."""

import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.app import ssh, ssh_agent, ssh_askpass, ssh_unlock, uninstall
from credguard.app.context import Context
from credguard.errors import CredguardError, Unsupported
from credguard.secret import Secret
from credguard.ssh import config
from credguard.vault.base import ssh_item
from tests.support.openssh import Server
from tests.support.person import credguard, tried, vault_with_key
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A file vault with the simulator's key in it."""
    made = vault_with_key(simulator, poisoned, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def own_agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What `credguard ssh agent` prints, in this environment."""
    lines = credguard("ssh", "agent", "--shell", "sh", "--lifetime", "1h").stdout.splitlines()
    words = [shlex.split(line) for line in lines]
    assert [each[0] for each in words] == ["export"] * len(words)
    variables = dict(each[1].split("=", 1) for each in words)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    assert ssh_agent.stop()


def held() -> list[str]:
    """The fingerprints of the keys in the agent."""
    done = subprocess.run(["ssh-add", "-l"], capture_output=True, text=True, timeout=20)
    return [line.split()[1] for line in done.stdout.splitlines()] if done.returncode == 0 else []


def login(sshd: Server, file: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    """ssh as a person has it, who is asked nothing: no BatchMode, no terminal."""
    words = [f"IdentityFile={file}", "IdentitiesOnly=yes", *options]
    return sshd.login("echo", "in", options=words, batch=False)


def test_ssh_unlocks_a_key_at_its_first_use(
    ctx: Context, own_agent: dict[str, str], sshd: Server
) -> None:
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    assert held() == []
    done = login(sshd, key.path, "AddKeysToAgent=1h")
    assert done.stdout == "in\n", done.stderr
    assert held() == [key.fingerprint]
    moved = Path(key.path).rename(Path(key.path).with_name("elsewhere"))
    assert login(sshd, key.path).stdout == "in\n"  # from the agent now
    moved.rename(key.path)
    # And by ssh-add, whose words are others.
    subprocess.run(["ssh-add", "-q", "-D"], check=True, timeout=20, capture_output=True)
    subprocess.run(["ssh-add", "-q", "-t", "60", key.path], check=True, timeout=60)
    assert held() == [key.fingerprint]


def test_a_wrong_passphrase_is_told_and_nobody_waits(
    ctx: Context, own_agent: dict[str, str], sshd: Server
) -> None:
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    ctx.vault.put(ssh_item("k"), Secret("another one, which is wrong"))
    assert login(sshd, key.path).returncode == 255
    done = subprocess.run(
        ["ssh-add", key.path], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert "the passphrase in the vault does not open the SSH key k" in done.stderr
    with pytest.raises(CredguardError, match="is not opened by the passphrase"):
        ssh_agent.add_to_agent(ctx, "k", None)


def test_a_key_that_lies_in_no_file(ctx: Context, agent: str, sshd: Server, poisoned: Path) -> None:
    made = credguard("ssh", "create", "--name", "k", "--no-file", "--regions", "us-east-1")
    assert "in the vault, in no file" in made.stdout
    key = ssh.chosen(ctx, "k")
    sshd.authorized.write_text(key.public_key + "\n")
    assert login(sshd, poisoned / ".ssh" / "credguard_k.pub").returncode == 255
    credguard("ssh", "add", "--lifetime", "1h")
    assert login(sshd, poisoned / ".ssh" / "credguard_k.pub").stdout == "in\n"
    lines = ssh.private(ctx, key).reveal_bytes().splitlines()[3:6]
    for folder, _, names in os.walk(poisoned):
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                assert not any(line in path.read_bytes() for line in lines), path


def test_ssh_unlocks_a_key_of_the_vault_at_its_first_use(
    ctx: Context, sshd: Server, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No agent runs, nothing was typed, and the shell has no variable of ours."""
    credguard("ssh", "create", "--name", "other", "--regions", "us-east-1")
    credguard("ssh", "config", "--host", "loopback")
    credguard("ssh", "create", "--name", "k", "--no-file", "--regions", "us-east-1")
    sshd.authorized.write_text(ssh.chosen(ctx, "k").public_key + "\n")
    assert not os.path.exists(ssh_agent.socket())  # ssh was only asked for its settings
    settings = ["-F", str(poisoned / ".ssh" / "config")]
    assert sshd.login("echo", "in", settings=settings).stdout == "in\n"
    # From now on the vault is not asked.
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(tmp_path / "gone"))
    done = sshd.login("echo", "in", settings=settings)
    assert (done.stdout, done.stderr) == ("in\n", "")
    assert ssh_agent.stop()
    done = sshd.login("echo", "in", settings=settings)
    assert done.returncode == 255
    assert "credguard: " in done.stderr
    assert "UNPROTECTED" not in done.stderr  # of a public half, that would be
    assert ssh_agent.stop()  # it was started before the vault was asked


def test_a_persons_own_agent_is_used_and_given_nothing(
    ctx: Context, agent: str, sshd: Server, poisoned: Path
) -> None:
    credguard("ssh", "create", "--name", "k", "--no-file", "--regions", "us-east-1")
    sshd.authorized.write_text(ssh.chosen(ctx, "k").public_key + "\n")
    credguard("ssh", "config", "--host", "loopback")
    settings = ["-F", str(poisoned / ".ssh" / "config")]
    credguard("ssh", "add", "--lifetime", "1h")
    assert sshd.login("echo", "in", settings=settings).stdout == "in\n"
    assert not os.path.exists(ssh_agent.socket())
    subprocess.run(["ssh-add", "-q", "-D"], check=True, timeout=20, capture_output=True)
    assert sshd.login("echo", "in", settings=settings).stdout == "in\n"
    assert held() == []  # it may be forwarded from another machine
    assert ssh_agent.stop()


def test_the_agent_keeps_no_secret_of_the_environment_in_which_ssh_ran(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives `credguard exec --secret`, in which ssh may be what starts it."""
    ssh.create(ctx, "k", ["us-east-1"])
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "stands-for-" + "a-secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    credguard("ssh", "unlock", ssh_agent.socket())
    number = Path(ssh_agent.socket() + ".pid").read_text()
    try:
        variables = Path("/proc", number, "environ").read_bytes().split(b"\0")
    finally:
        assert ssh_agent.stop()
    assert b"LC_ALL=C.UTF-8" in variables
    assert not [each for each in variables if b"stands-for" in each]


def test_what_is_no_socket_is_not_deleted_for_one(ctx: Context, tmp_path: Path) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    tmp_path.chmod(0o700)
    (tmp_path / "file").write_text("mine")
    done = tried("ssh", "unlock", str(tmp_path / "file"))
    assert (done.returncode, "is not an ssh-agent's socket" in done.stderr) == (2, True)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["timeout", "perl"])  # macOS has no timeout
def test_an_agent_that_hangs_keeps_ssh_waiting_for_seconds_only(
    ctx: Context, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Such as one that was forwarded over a connection that broke."""
    ssh.create(ctx, "k", ["us-east-1"])
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ssh-add", "ssh-agent", limit):
        (programs / name).symlink_to(str(shutil.which(name)))
    command = ssh_unlock.command(ssh_agent.socket(), [str(poisoned / ".ssh" / "credguard_k.pub")])
    assert command is not None
    monkeypatch.setenv("PATH", str(programs))
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "s"))
        hung.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "s"))
        done = subprocess.run(["/bin/sh", "-c", command], timeout=60, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ssh_agent.stop()


def test_a_locked_agent(ctx: Context, agent: str, tmp_path: Path) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    typed = tmp_path / "typed"
    typed.write_text("#!/bin/sh\necho word\n")
    typed.chmod(0o700)
    helper = {**os.environ, "SSH_ASKPASS": str(typed), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-x"], env=helper, check=True, timeout=20, capture_output=True)
    with pytest.raises(CredguardError, match="did not take the key k") as caught:
        ssh_agent.add_to_agent(ctx, "k", None)
    assert "ssh-add -X" in caught.value.hint


def test_an_openssh_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "ssh"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho OpenSSH_8.2p1 Ubuntu-4 >&2\n")
    old.chmod(0o700)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    done = tried("ssh", "agent")
    assert (done.returncode, done.stdout) == (2, "")
    assert "OpenSSH 8.2 asks no helper" in done.stderr
    assert "credguard ssh add" in done.stderr
    assert not os.path.exists(ssh_agent.socket())


def test_what_is_not_ours_is_for_the_person(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal and a display nobody can be asked; with a dialog it is."""
    helper = ssh_askpass.program()
    assert os.stat(helper).st_mode & 0o777 == 0o700

    def ask(prompt: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [helper, prompt], capture_output=True, text=True, timeout=60, start_new_session=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    done = ask("ada@host's password: ")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody is here to answer: ada@host's password:" in done.stderr
    dialog = tmp_path / "dialog"
    dialog.write_text("#!/bin/sh\necho typed\n")
    dialog.chmod(0o700)
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setenv(ssh_askpass.NEXT, str(dialog))
    monkeypatch.setenv("SSH_ASKPASS", helper)
    assert ask("ada@host's password: ").stdout == "typed\n"
    ours = f"Enter passphrase for key '{config.keys.private_path('absent')}': "
    assert ask(ours).stdout == "typed\n"  # called like ours, and the vault has none


def test_a_question_comes_to_the_terminal(ctx: Context, tmp_path: Path) -> None:
    """ssh's own questions, with the helper in between, at a terminal of our own."""
    import pty

    helper = shlex.quote(ssh_askpass.program())
    child, terminal = pty.fork()
    if child == 0:
        prompt = "Continue connecting (yes/no)? "
        os.execv("/bin/sh", ["sh", "-c", f"{helper} '{prompt}' >{tmp_path}/answer"])
    with os.fdopen(terminal, "r+b", buffering=0) as end:
        said = b""
        while not said.endswith(b"? "):
            said += end.read(1)
        end.write(b"yes\n")
        _, status = os.waitpid(child, 0)
    assert status == 0
    assert (tmp_path / "answer").read_text() == "yes\n"


def test_ssh_reads_our_settings_before_a_persons_own(ctx: Context, poisoned: Path) -> None:
    file = poisoned / ".ssh" / "config"
    file.parent.mkdir(mode=0o700)
    before = "# mine\nHost web\n  User bob\n\nHost *\n  IdentityFile /etc/other\n"
    file.write_text(before)
    with pytest.raises(CredguardError, match="no SSH key"):
        ssh_agent.configure(ctx, [], None)
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    done = credguard("ssh", "config", "--host", "10.0.*", "--user", "ada")
    assert "includes it now" in done.stderr
    assert file.read_text() == config.include_line() + before
    assert "includes it now" not in credguard("ssh", "config", "--host", "10.0.*").stderr

    def seen(host: str) -> str:
        command = ["ssh", "-F", file, "-G", host]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=20
        ).stdout  # fmt: skip

    for host in ("10.0.0.7", "i-0123456789abcdef0", "x.compute-1.amazonaws.com"):
        assert f"identityfile {key.path}\n" in seen(host)
        assert "identitiesonly yes\n" in seen(host)
        assert re.search(r"addkeystoagent (true|43200)\n", seen(host))
    assert key.path not in seen("web")
    assert "user bob\n" in seen("web")
    uninstall.uninstall(ctx, uninstall.Plan(write_back=False, delete_vault=False), lambda _: None)
    assert file.read_text() == before
    assert not (poisoned / ".ssh" / "credguard.conf").exists()


def test_settings_that_ssh_does_not_take_leave_the_ones_before(
    ctx: Context, poisoned: Path
) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    ssh_agent.configure(ctx, ["a"], "ada")
    ours = poisoned / ".ssh" / "credguard.conf"
    before = ours.read_text()
    with pytest.raises(Unsupported, match="no user name"):
        ssh_agent.configure(ctx, ["a"], "ada b")
    assert ours.read_text() == before
    file = poisoned / ".ssh" / "config"
    file.write_text("IdentitiesOnly no\n" + config.include_line())
    with pytest.raises(CredguardError, match="reads other settings first"):
        ssh_agent.configure(ctx, ["b"], "eve")
    assert ours.read_text() == before
    ours.unlink()
    with pytest.raises(CredguardError, match="reads other settings first"):
        ssh_agent.configure(ctx, ["b"], "eve")
    assert not ours.exists()
    assert file.read_text() == "IdentitiesOnly no\n" + config.include_line()


def test_an_include_further_down_is_moved_up_and_a_foreign_file_stays(
    ctx: Context, poisoned: Path
) -> None:
    file = poisoned / ".ssh" / "config"
    file.parent.mkdir(mode=0o700)
    file.write_text("Host x\n" + config.include_line())
    ssh.create(ctx, "k", ["us-east-1"])
    assert ssh_agent.configure(ctx, [], None).included
    assert file.read_text() == config.include_line() + "Host x\n"
    ours = poisoned / ".ssh" / "credguard.conf"
    ours.write_text("Host mine\n")
    with pytest.raises(CredguardError, match="not a file of credguard's"):
        ssh_agent.configure(ctx, [], None)
    assert ours.read_text() == "Host mine\n"
    with pytest.raises(Unsupported):
        ssh_agent.configure(ctx, ["a b\nProxyCommand x"], None)
