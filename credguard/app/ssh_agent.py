"""Use case: keys for ssh-agent, an agent that can ask, and ssh's own settings."""

import contextlib
import os
import re
import shlex
import signal
import stat
from dataclasses import dataclass, replace

from credguard import config as settings
from credguard import paths
from credguard.app import ssh, ssh_askpass, ssh_unlock
from credguard.app.context import Context
from credguard.atomic import locked, remove
from credguard.errors import CredguardError, StoreError, Unsupported, VaultError
from credguard.keypairs.public import same_key
from credguard.store import events
from credguard.store import ssh as table

_PID = re.compile(rb"SSH_AGENT_PID=(\d+)")
# What the agent keeps of the environment in which it is started, for its helper's dialogs. It
# outlives that by hours, and `credguard exec` puts secrets there, under names of a person's choice.
_KEPT = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ",
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
}  # fmt: skip
_KEPT_PREFIXES = ("LC_", "XDG_", "QT_", "GTK_", "GDK_", "KDE_")


@dataclass(frozen=True, slots=True)
class Started:
    """`variables`: for the shell. `new`: it was not running yet."""

    variables: dict[str, str]
    new: bool


def socket() -> str:
    """Where the agent that credguard starts listens."""
    return os.path.join(os.path.dirname(paths.agent_socket()), "ssh-agent.sock")


def start(lifetime: str) -> Started:
    """An ssh-agent that asks credguard's helper; one for all shells. `lifetime`: of its keys.

    Raises StoreError, Unsupported (no OpenSSH, or too old a one), CredguardError.
    """
    from credguard.ssh import openssh

    seconds = settings.seconds(lifetime)
    openssh.check_askpass()
    helper = ssh_askpass.environment()
    new = ensure(socket(), seconds)
    return Started({"SSH_AUTH_SOCK": socket(), **helper}, new)


def ensure(path: str, seconds: int) -> bool:
    """An ssh-agent answers at `path`; True: it was started now. `seconds`: of its keys; 0: no end.

    A socket there that nobody listens at is deleted, and nothing else. Raises StoreError,
    Unsupported (no OpenSSH), CredguardError.
    """
    from credguard.ssh import agent

    paths.private_dir(os.path.dirname(path))
    paths.private_dir(paths.state_dir())
    with locked(paths.lock_file("ssh-agent"), busy="another credguard starts an ssh-agent"):
        if os.path.exists(path) and agent.answers(path):
            return False
        _clear(path)
        _spawn(path, seconds)
    return True


def _clear(path: str) -> None:
    try:
        there = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise StoreError(f"cannot look at {path}: {exc.strerror}") from exc
    if not stat.S_ISSOCK(there):
        raise CredguardError(f"{path} is not an ssh-agent's socket", hint="move it away")
    remove(path)


def _spawn(path: str, seconds: int) -> None:
    from credguard.ssh import openssh

    command = ["ssh-agent", "-a", path, *(["-t", str(seconds)] if seconds else [])]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    done = openssh.run(command, environment=kept | ssh_askpass.environment(), whole=True)
    match = _PID.search(done.stdout)
    if done.returncode != 0 or match is None:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise CredguardError(f"ssh-agent did not start: {said or 'no reason given'}")
    try:
        with open(_pid_file(path), "w", encoding="ascii") as file:
            file.write(match[1].decode())
    except OSError as exc:
        raise StoreError(f"cannot write {_pid_file(path)}: {exc.strerror}") from exc


def _pid_file(path: str) -> str:
    return path + ".pid"


def stop() -> bool:
    """End the agent that `start` started; False: it does not run. Every key in it is forgotten."""
    from credguard.ssh import agent

    running = os.path.exists(socket()) and agent.answers(socket())
    if running:
        try:
            with open(_pid_file(socket()), encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGTERM)
        except (OSError, ValueError):
            raise CredguardError(
                f"the ssh-agent at {socket()} cannot be ended: its process is not known",
                hint="empty it: SSH_AUTH_SOCK=" + socket() + " ssh-add -D",
            ) from None
    for path in (socket(), _pid_file(socket())):
        remove(path)
    return running


def add_to_agent(
    ctx: Context, name: str | None, lifetime: str | None, *, confirm: bool | None = None
) -> tuple[table.SshKey, int]:
    """Hand the key called `name` (None: the only one) to ssh-agent for `lifetime`; 0s: no end.

    `lifetime` None: as the settings say. `confirm`: whether each use is asked about, now and
    whenever the key is unlocked anew; None: as it was said last. Gives the key and the seconds.
    Neither the passphrase nor the key is in an argument, in the environment or on disk.
    Raises CredguardError, VaultError.
    """
    from credguard.ssh import agent, keys

    seconds = settings.seconds(lifetime if lifetime is not None else ctx.config.ssh.lifetime)
    key = ssh.chosen(ctx, name)
    agent.check()
    if confirm if confirm is not None else key.confirm:
        _check_confirm(key)
    if confirm is not None and confirm is not key.confirm:
        # Before it is in the agent: a crash midway leaves one that asks, not one that does not.
        table.set_confirm(ctx.db, key.name, confirm=confirm)
        key = replace(key, confirm=confirm)
        reconfigure(ctx)
    if key.key_type == keys.SECURITY_KEY:
        agent.add_file(key.path, key.name, seconds, ssh_askpass.environment(key.name))
    else:
        agent.add(ssh.private(ctx, key), key.name, seconds, confirm=key.confirm)
    events.record(ctx.db, ctx.now(), "ssh.added_to_agent", key.name, lifetime=seconds)
    return key, seconds


def _check_confirm(key: table.SshKey) -> None:
    """The agent, not ssh-add, asks at each use: it needs a helper and a dialog of its own."""
    from credguard.ssh import keys

    if os.environ.get("SSH_AUTH_SOCK") != socket():
        raise Unsupported(
            "this ssh-agent cannot ask: it was started without a helper",
            hint='start one that can: eval "$(credguard ssh agent)"; then run it again',
        )
    if ssh_askpass.dialog() is None:
        raise Unsupported(
            "nobody could be asked: there is no display, or no ssh-askpass",
            hint="install one (Debian, Ubuntu: ssh-askpass-gnome), or give up: --no-confirm",
        )
    if key.key_type == keys.SECURITY_KEY:
        raise Unsupported("a security key asks by itself", hint="take it away: --no-confirm")


def unlock(ctx: Context, path: str) -> tuple[int, list[CredguardError]]:
    """Put the keys in use that the agent at `path` lacks into it; it is started where none answers.

    For as long as the settings say; those that are in it stay as they are. Gives how many it holds
    now, and what went wrong with others. Raises CredguardError, VaultError.
    """
    from credguard.ssh import agent

    seconds = settings.seconds(ctx.config.ssh.lifetime)
    wanted = for_agents(ctx)
    if wanted:
        ensure(path, seconds)
    there = agent.held(path) if wanted else []
    held, failed = 0, []
    for key in wanted:
        if any(same_key(each, key.public_key) for each in there):
            held += 1
            continue
        try:
            private = ssh.private(ctx, key)
            agent.add(private, key.name, seconds, confirm=key.confirm, socket=path)
        except CredguardError as error:
            failed.append(error)
            if isinstance(error, VaultError):
                break  # it is so for the others too
            continue
        held += 1
        if key.confirm and ssh_askpass.dialog() is None:
            failed.append(_nobody(key))
        with contextlib.suppress(StoreError):  # a full disk does not keep the key back
            events.record(ctx.db, ctx.now(), "ssh.added_to_agent", key.name, lifetime=seconds)
    return held, failed


def _nobody(key: table.SshKey) -> CredguardError:
    """Of a key that the agent then refuses to use, unless it was started where somebody is."""
    return Unsupported(
        f"the SSH key {key.name} asks before each use, and nobody could be asked here: there is no"
        " display, or no ssh-askpass",
        hint=f"take it away: credguard ssh add {shlex.quote(key.name)} --no-confirm",
    )


@dataclass(frozen=True, slots=True)
class Configured:
    """`path`: the file that was written; `included`: ~/.ssh/config was changed to read it.

    `unlocks`: ssh has keys unlocked at their first use.
    """

    path: str
    included: bool
    hosts: list[str]
    unlocks: bool


def configure(ctx: Context, hosts: list[str], user: str | None) -> Configured:
    """Have ssh use the keys made here on EC2's names and on `hosts`; proven by asking ssh itself.

    `user`: whom to log in as there; None: as ssh finds it. Safe to repeat. Raises CredguardError:
    ssh does not take it; then it was taken back.
    """
    from credguard.ssh import config

    wanted = [*config.HOSTS, *(config.check_host(each) for each in hosts)]
    files = _identities(ctx)
    if not files:
        raise CredguardError("no SSH key was made here", hint="run: credguard ssh create")
    user = config.check_user(user) if user is not None else ""
    text = _text(ctx, wanted, files, user)
    before = config.write(text)
    included = config.include()
    try:
        _prove(wanted[0], files)
    except CredguardError as exc:
        config.put_back(before, included=included)
        raise CredguardError(f"ssh does not use the keys: {exc}", hint=exc.hint) from None
    return Configured(config.path(), included, wanted, "\nMatch " in text)


_USED = {table.ACTIVE, table.DRAINING}


def reconfigure(ctx: Context) -> None:
    """After the keys changed: write the file again where it is in use, with the same hosts."""
    from credguard.ssh import config

    hosts, user = config.chosen() or ([], "")
    if hosts:
        config.write(_text(ctx, hosts, _identities(ctx), user))


def _text(ctx: Context, hosts: list[str], files: list[str], user: str) -> str:
    from credguard.ssh import config, keys

    command = ssh_unlock.command(
        socket(), [keys.private_path(key.name) + ".pub" for key in for_agents(ctx)]
    )
    unlock = None if command is None else (command, socket())
    confirm = any(key.confirm for key in table.in_use(ctx.db))
    return config.text(hosts, files, ctx.config.ssh.lifetime, user, unlock, confirm=confirm)


def for_agents(ctx: Context) -> list[table.SshKey]:
    """The keys in use that an agent can be given without the person: no security key's."""
    from credguard.ssh import keys

    known = table.keys(ctx.db)
    return [key for key in known if key.state in _USED and key.key_type != keys.SECURITY_KEY]


def _identities(ctx: Context) -> list[str]:
    """What ssh is told: private files, and the public ones of keys that only an agent has."""
    from credguard.ssh import keys

    return [
        key.path or keys.private_path(key.name) + ".pub"
        for key in table.keys(ctx.db)
        if key.state in _USED
    ]


def _prove(host: str, files: list[str]) -> None:
    from credguard.ssh import config, openssh

    # ssh goes by the password database's home, not by HOME.
    own = os.path.realpath(paths.home()) == os.path.realpath(_home_of_ssh())
    name = host.replace("*", "0").replace("?", "0")
    quiet = {ssh_unlock.QUIET: "1"}
    found = openssh.settings_for(name, None if own else config.main_path(), quiet)
    seen = found.get("identityfile", [])
    missing = [each for each in files if each not in seen]
    if missing or found.get("identitiesonly") != ["yes"]:
        raise CredguardError(
            f"for {name} it reads other settings first", hint=f"see: ssh -G {name}"
        )


def _home_of_ssh() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return paths.home()
