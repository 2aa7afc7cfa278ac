"""What keeps a rotation apart from others, and from a Ctrl-C at the wrong moment."""

import contextlib
import hashlib
import signal
import threading
from collections.abc import Iterator

from credguard import paths
from credguard.atomic import locked

ROTATION = "rotation"
PASSWORD = "password"  # noqa: S105 - what is locked


@contextlib.contextmanager
def alone(identity: str, *user_ids: str, kind: str = ROTATION) -> Iterator[None]:
    """Never two rotations of one user at once, whoever starts them. Raises Busy.

    `user_ids`: IAM's own ids of the user, which outlive its name. `kind`: ROTATION, or PASSWORD for
    the console password.
    """
    paths.private_dir(paths.state_dir())
    with contextlib.ExitStack() as held:
        for each in sorted({identity, *user_ids}):
            name = f"{kind}-" + hashlib.sha256(each.encode()).hexdigest()[:16]
            busy = f"another credguard rotates {identity}"
            held.enter_context(locked(paths.lock_file(name), 1.0, busy))
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the end: between request and vault it would lose a secret."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
