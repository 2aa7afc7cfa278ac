"""Use case: onto an instance by plain ssh, with a key that lives for this one connection.

EC2 Instance Connect takes a public key for 60 seconds. The private half is made for the purpose, is
given to an ssh-agent of its own, and ends with it: it is in no file.
"""

import ipaddress
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from credguard.app import ssh
from credguard.app.context import Context
from credguard.app.ssh_account import Caller, in_each
from credguard.errors import CredguardError, NoSuchEntity, NotPermitted, Unsupported
from credguard.keypairs.model import Instance
from credguard.store import events

PLUGIN = "session-manager-plugin"
# The plugin reads the name of this variable from its first argument, so that the session's token is
# in no argument list; github.com/aws/aws-cli/pull/8340.
RESPONSE = "AWS_SSM_START_SESSION_RESPONSE"
_ID = re.compile(r"i-[0-9a-f]{8,17}\Z")
# Longer than Instance Connect's 60 s, so that it is not the agent that says no first.
_KEY_S = 90
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")


@dataclass(frozen=True, slots=True)
class Way:
    """How an instance is reached. `user`: whom to log in as.

    `key`: a key made here; None: one for this connection. `ssm`: through Systems Manager.
    `private`: by its private address. `options`: ssh's, each as after -o.
    """

    user: str
    key: str | None = None
    ssm: bool = False
    private: bool = False
    options: tuple[str, ...] = ()


def check(way: Way) -> None:
    """Raise Unsupported for what can be told before any call."""
    if not _USER.match(way.user):
        raise Unsupported(f"{way.user!r} is no user name", hint="such as: --user ec2-user")
    if way.ssm and shutil.which(PLUGIN) is None:
        raise Unsupported(
            f"{PLUGIN} is not installed",
            hint="install it (AWS: Install the Session Manager plugin), or leave --ssm out",
        )


def find(who: Caller, regions: list[str], target: str) -> Instance:
    """The instance that `target` names: its id, an address, or its Name tag.

    Raises CredguardError: none or several, or a region could not be read and it is not elsewhere.
    """
    from credguard.aws import ec2

    name = _filter(target)

    def look(region: str) -> list[Instance]:
        with ec2.in_region(who.credentials, region) as account:
            return [each for one in name for each in account.instances({one: [_plain(target)]})]

    found: dict[tuple[str, str], Instance] = {}
    failed: list[CredguardError] = []
    for result in in_each(regions, look).values():
        if isinstance(result, CredguardError):
            failed.append(result)
        else:
            found |= {(each.region, each.id): each for each in result}
    running = [each for each in found.values() if each.state == "running"]
    chosen = running or list(found.values())
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        ids = ", ".join(f"{each.id} in {each.region}" for each in chosen[:5])
        raise CredguardError(f"{target} is the name of several: {ids}", hint="name one by its id")
    if failed:
        raise failed[0]
    raise CredguardError(
        f"no instance {target} in {', '.join(regions)}",
        hint="name its region: --regions REGION, or look in all: --all-regions",
    )


def _plain(target: str) -> str:
    # EC2's filters take * and ? as wildcards, and a backslash before them as themselves.
    return re.sub(r"([*?\\])", r"\\\1", target)


def _filter(target: str) -> list[str]:
    if _ID.match(target):
        return ["instance-id"]
    try:
        ipaddress.ip_address(target)
    except ValueError:
        return ["tag:Name"]
    return ["private-ip-address", "ip-address"]


@contextmanager
def reached(ctx: Context, who: Caller, instance: Instance, way: Way) -> Iterator[list[str]]:
    """The ssh command for `instance`, the address at its end; good for 60 seconds.

    A later part of the command line comes after it: ssh takes options there too. Raises AwsError,
    CredguardError, Unsupported.
    """
    from credguard.ssh import agent, keys, openssh

    check(way)
    address = _address(instance, way)
    own = None if way.key is None else ssh.chosen(ctx, way.key)
    with (
        tempfile.TemporaryDirectory(prefix="credguard-") as folder,
        openssh.own_agent(folder) as socket,
    ):
        if own is None:
            key = keys.new_key()
            private, line = keys.plain(key), keys.public_line(key, "credguard")
        else:
            private, line = ssh.private(ctx, own), own.public_key
        agent.add(private, own.name if own else "for this connection", _KEY_S, socket=socket)
        del private
        public = os.path.join(folder, "key.pub")
        keys.write_new(public, f"{line}\n".encode(), 0o600)
        if own is None:
            _admit(who, instance, way.user, line)
        yield [
            "ssh",
            *_options(f"IdentityAgent={socket}", "IdentitiesOnly=yes", f"IdentityFile={public}"),
            *_options(f"HostKeyAlias={instance.id}", f"User={way.user}"),
            *(_options(f"ProxyCommand={_proxy(who, instance)}") if way.ssm else []),
            *_options(*way.options),
            address,
        ]


def _admit(who: Caller, instance: Instance, user: str, line: str) -> None:
    from credguard.aws import access

    try:
        access.send_public_key(
            who.credentials, instance.region, instance.id, instance.zone, user, line
        )
    except NotPermitted as error:
        raise NotPermitted(
            str(error),
            hint="ask for ec2-instance-connect:SendSSHPublicKey, or use your own key: --key NAME",
        ) from None


def _options(*values: str) -> list[str]:
    return [word for value in values for word in ("-o", value)]


def _address(instance: Instance, way: Way) -> str:
    if instance.windows:
        raise Unsupported(f"{instance.id} is a Windows instance", hint="use RDP")
    if instance.state != "running":
        raise CredguardError(f"{instance.id} is {instance.state}", hint="start it first")
    if way.ssm:
        return instance.id
    address = instance.private_ip if way.private else instance.public_ip or instance.private_ip
    if not address:
        raise CredguardError(
            f"{instance.id} has no {'private ' if way.private else ''}address",
            hint="try: --ssm",
        )
    return address


def _proxy(who: Caller, instance: Instance) -> str:
    words = [sys.executable, "-I", "-m", "credguard", "ssh", "proxy", instance.id]
    words += ["--region", instance.region, "--profile", who.profile]
    # ssh expands %p, and takes %% for a percent sign.
    return shlex.join(words).replace("%", "%%") + " --port %p"


def connect(ctx: Context, who: Caller, instance: Instance, way: Way, arguments: list[str]) -> int:
    """Run ssh in this terminal until it ends; gives its exit code. Raises as `reached`."""
    with reached(ctx, who, instance, way) as command:
        events.record(
            ctx.db, ctx.now(), "ssh.connected", instance.id, user=way.user, region=instance.region
        )
        ctx.close()  # ssh may run for days
        # A Ctrl-C is ssh's: handled here, since what is ignored would stay ignored in ssh. The
        # others end this process, and the agent with its key before.
        before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, _ended)
        try:
            code = subprocess.run([*command, *arguments], check=False).returncode
        except FileNotFoundError:
            raise Unsupported(
                "ssh is not installed", hint="install OpenSSH (Debian, Ubuntu: openssh-client)"
            ) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _ended(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def proxy(
    who: Caller, region: str, instance_id: str, port: int
) -> tuple[list[str], dict[str, str]]:
    """The plugin's command and environment, to take this process's place between ssh and SSM.

    Raises AwsError, Unsupported (no plugin).
    """
    from credguard.aws import access

    program = shutil.which(PLUGIN)
    if program is None:
        raise Unsupported(f"{PLUGIN} is not installed", hint="see: credguard ssh connect --help")
    try:
        session = access.start_ssh_session(who.credentials, region, instance_id, port)
    except NoSuchEntity:
        raise not_managed(instance_id) from None
    environment = {**os.environ, RESPONSE: session.response.reveal()}
    command = [program, RESPONSE, region, "StartSession", "", session.request, session.endpoint]
    return command, environment


def not_managed(instance_id: str) -> CredguardError:
    """For an instance that Systems Manager does not know or reach."""
    return CredguardError(
        f"Systems Manager does not reach {instance_id}",
        hint="it needs the SSM agent, and an instance profile with AmazonSSMManagedInstanceCore",
    )
