"""Changing authorized_keys of running instances, by EC2 Instance Connect or Systems Manager."""

import contextlib
import re
import subprocess
import threading
from dataclasses import dataclass, replace

from credguard.app import ssh_connect
from credguard.app.context import Context
from credguard.app.ssh_account import Caller
from credguard.errors import CredguardError, NoSuchEntity, Unsupported
from credguard.keypairs import scripts
from credguard.keypairs.model import Instance
from credguard.keypairs.public import fingerprint

_SSH_S = 60.0
_COMMAND_S = 90.0
_LOOK_S = 1.0
_RUNNING = {"Pending", "InProgress", "Delayed", "Cancelling"}
# Nobody is asked; a server that is not known yet is taken at its word: it gets public keys alone.
# No connection is shared with another ssh: one that is open proves nothing of a key, and one that
# stays would keep our pipes.
_UNATTENDED = (
    "BatchMode=yes",
    "ConnectTimeout=15",
    "StrictHostKeyChecking=accept-new",
    "ControlMaster=no",
    "ControlPath=none",
)
# What ssh says with LogLevel DEBUG1 of the key that the server took (sshconnect2.c). A person's
# ssh_config may name others, which are tried as well.
_TAKEN = re.compile(r"^debug1: Server accepts key: .*$", re.MULTILINE)
BY_CONNECT, BY_SSM = "connect", "ssm"


@dataclass(frozen=True, slots=True)
class Pusher:
    """`by`: BY_CONNECT logs in as the user of `way`; BY_SSM has root change that user's file."""

    ctx: Context
    who: Caller
    way: ssh_connect.Way
    by: str = BY_CONNECT

    def add(self, instance: Instance, line: str, old: str) -> None:
        """The public `line` lets in where `old` does. Raises CredguardError."""
        self._do(instance, scripts.add(line, old=old, user=self._user()))

    def prove(self, instance: Instance, line: str, name: str) -> None:
        """Raise CredguardError unless the key `name` (whose public half is `line`) lets in.

        By Systems Manager there may be no way to the SSH server: there the line is read back.
        """
        if self.by == BY_SSM:
            self._do(instance, scripts.present(line, user=self.way.user))
            return
        options = ("PreferredAuthentications=publickey", "LogLevel=DEBUG1")
        way = replace(self.way, key=name, options=(*options, *self.way.options))
        said = self._login(instance, scripts.present(line), way)
        taken = _TAKEN.findall(said)
        if not taken or fingerprint(line) not in taken[-1].split():
            raise CredguardError(
                f"{instance.id} let us in, and not by the key {name}: nothing is proven",
                hint="see which keys ssh offers there: ssh -v",
            )

    def remove(self, instance: Instance, line: str, keep: str | None) -> None:
        """`line` is not there any more; `keep` is, or nothing is changed. Raises CredguardError."""
        self._do(instance, scripts.remove(line, keep=keep, user=self._user()))

    def _user(self) -> str | None:
        return self.way.user if self.by == BY_SSM else None

    def _do(self, instance: Instance, script: str) -> None:
        if self.by == BY_SSM:
            self._command(instance, script)
        else:
            self._login(instance, script, self.way)

    def _login(self, instance: Instance, script: str, way: ssh_connect.Way) -> str:
        """Run `script` there; gives what ssh said on its standard error."""
        unattended = replace(way, options=(*_UNATTENDED, *way.options))
        with ssh_connect.reached(self.ctx, self.who, instance, unattended) as command:
            try:
                done = subprocess.run(
                    [*command, "sh", "-s"], input=script.encode(), capture_output=True,
                    timeout=_SSH_S, check=False,
                )  # fmt: skip
            except FileNotFoundError:
                raise Unsupported("ssh is not installed", hint="install OpenSSH") from None
            except subprocess.TimeoutExpired:
                raise CredguardError(
                    f"{instance.id} did not answer within {_SSH_S:.0f} s", hint=_REACH
                ) from None
        errors = done.stderr.decode("utf-8", "replace")
        if done.returncode != 0 or scripts.DONE not in done.stdout.decode("utf-8", "replace"):
            said = [each for each in errors.splitlines() if each and not each.startswith("debug")]
            raise CredguardError(
                f"authorized_keys of {way.user} on {instance.id} was not changed or read: "
                + (said[-1] if said else "the script found it not as it should be"),
                hint=_REACH,
            )
        return errors

    def _command(self, instance: Instance, script: str) -> None:
        from credguard.aws import access

        credentials, region = self.who.credentials, instance.region
        try:
            number = access.send_command(credentials, region, instance.id, script)
        except NoSuchEntity:
            raise ssh_connect.not_managed(instance.id) from None
        answer = access.Command("Pending", "")
        for _ in range(int(_COMMAND_S / _LOOK_S)):
            with contextlib.suppress(NoSuchEntity):  # not taken up yet
                answer = access.command(credentials, region, instance.id, number)
            if answer.status not in _RUNNING:
                break
            threading.Event().wait(_LOOK_S)
        if answer.status != "Success" or scripts.DONE not in answer.output:
            raise CredguardError(
                f"authorized_keys of {self.way.user} on {instance.id} was not changed or read:"
                f" Systems Manager says {answer.status}",
                hint="check that its agent runs, and --user: whose file has the old key",
            )


_REACH = "see whether you get in: credguard ssh connect INSTANCE"
