"""Use case: what credential_process prints for a profile: the agent's bytes, or a key of the vault.

Hot path: with a warm agent next to nothing is imported.
"""

import sys

from credguard import paths
from credguard.errors import CredguardError
from credguard.ipc import client, wire

_HOW = "credential_process"


def credentials(profile: str) -> bytes:
    """The JSON to be printed for `profile`. Raises CredguardError."""
    request = wire.request(
        "creds",
        profile=profile,
        how=_HOW,
        state=paths.state_dir(),
        config=paths.aws_config_file(),
    )
    try:
        kind, answer = client.ask(request)
    except client.NoAgent as error:
        return _without(profile, request, error)
    if kind in (wire.ELSEWHERE, wire.LOCKED):
        from credguard.app import longterm

        # A person may be at our terminal, not at the agent's.
        if not longterm.needs_session(profile, _tell):
            return _in_process(profile)
    return _handed(kind, answer)


def _handed(kind: int, answer: bytes) -> bytes:
    """What is to be printed; a note goes to standard error. Raises CredguardError."""
    if kind == wire.OK:
        return answer
    if kind == wire.NOTED:
        note, _, answer = answer.partition(b"\n")
        _tell(note.decode("utf-8", "replace"))
        return answer
    raise CredguardError(answer.decode("utf-8", "replace"))


def _tell(note: str) -> None:
    if sys.stderr is not None:
        from credguard.report.text import printable

        sys.stderr.write(f"credguard: {printable(note)}\n")


def _without(profile: str, request: bytes, why: client.NoAgent) -> bytes:
    """The same with no agent that answers. Raises CredguardError."""
    from credguard.app import longterm

    if not longterm.needs_session(profile, _tell):
        return _in_process(profile)
    if isinstance(why, client.AgentSilent):
        raise why
    import time

    from credguard.ipc import start

    began = time.monotonic()
    start.start()
    # The start is a part of the minute that the tool waits.
    left = client.DEADLINE_S - (time.monotonic() - began)
    return _handed(*client.ask(request, deadline_s=left))


def _in_process(profile: str) -> bytes:
    """The long-term key of `profile`, read from the vault here. Raises CredguardError."""
    import time

    from credguard.app import longterm
    from credguard.store import handouts

    connection = longterm.connect(profile)
    found, secret = longterm.key(connection, profile)
    handouts.note(connection, profile, found.key.key_id, _HOW, sys.stderr.write)
    end = time.time() + handouts.LIFETIME_S
    return longterm.as_process(found.key.key_id, secret, None, end, found.key.account)
