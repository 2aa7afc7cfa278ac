"""The agent's operations, for commands that are not on a hot path."""

import base64
import json
from dataclasses import dataclass

from credguard import paths
from credguard.errors import CredguardError, NeedsCode, VaultLocked
from credguard.ipc import client, wire
from credguard.ipc.message import MIN_TTL_S
from credguard.secret import Secret

_SHORT_S = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: the JSON that credential_process prints, in bytes; `note`: to be told, or empty."""

    body: Secret
    note: str


def credentials(
    profile: str, how: str, *, min_ttl: int = MIN_TTL_S, code: Secret | None = None
) -> Answer:
    """The credentials of `profile` from the agent, which notes the hand-out as `how`.

    `min_ttl`: seconds that they must last at least, where their source allows it. Raises NoAgent
    (none runs; it does not know this home), NeedsCode, VaultLocked, CredguardError.
    """
    body = wire.request(
        "creds",
        profile=profile,
        min_ttl=min_ttl,
        code=None if code is None else code.reveal(),
        how=how,
        state=paths.state_dir(),
        config=paths.aws_config_file(),
    )
    kind, answer = client.ask(body)
    if kind == wire.OK:
        return Answer(Secret(answer), "")
    if kind == wire.NOTED:
        note, _, rest = answer.partition(b"\n")
        return Answer(Secret(rest), note.decode("utf-8", "replace"))
    raise _error(kind, answer)


def status() -> dict[str, object]:
    """What the agent says of itself. Raises NoAgent, CredguardError."""
    return dict(json.loads(_done("status")))


def stop() -> None:
    """End the agent that runs alone. Raises NoAgent; CredguardError: it is the service's."""
    _done("stop")


def lock() -> str:
    """Make the agent forget the passphrase and all credentials; why that does not last, or empty.

    Raises NoAgent.
    """
    return _done("lock").decode("utf-8", "replace")


def unlock(passphrase: Secret, timeout_s: int | None = None) -> None:
    """Give the agent the file vault's passphrase. Raises NoAgent, CredguardError.

    `timeout_s`: it is forgotten after so long without use; None: as `agent.auto_lock` says.
    """
    encoded = base64.b64encode(passphrase.reveal_bytes()).decode("ascii")
    limit = {} if timeout_s is None else {"timeout_s": timeout_s}
    _done("unlock", passphrase_b64=encoded, **limit)


def drop(identity: str) -> None:
    """Make the agent forget the credentials of `identity`'s keys (empty: all). Raises NoAgent."""
    _done("drop", identity=identity)


def _done(op: str, **fields: str | int) -> bytes:
    body = wire.request(op, state=paths.state_dir(), **fields)
    kind, answer = client.ask(body, deadline_s=_SHORT_S)
    if kind != wire.OK:
        raise _error(kind, answer)
    return answer


def _error(kind: int, answer: bytes) -> CredguardError:
    what, _, hint = answer.decode("utf-8", "replace").partition("; ")
    if hint.startswith(NeedsCode.at_a_terminal):
        hint = ""  # that is for AWS tools; a command of ours may be given a code
    if kind == wire.ELSEWHERE:
        return client.NoAgent(what, hint=hint)
    classes = {wire.NEEDS_CODE: NeedsCode, wire.LOCKED: VaultLocked}
    return classes.get(kind, CredguardError)(what, hint=hint or None)
