"""What keeps a rotation apart from others, and from a Ctrl-C at the wrong moment."""

import contextlib
import hashlib
import signal
import threading
from collections.abc import Iterator

from credguard import paths
from credguard.atomic import locked


@contextlib.contextmanager
def alone(identity: str) -> Iterator[None]:
    """Never two rotations of one user at once, whoever starts them. Raises Busy."""
    paths.private_dir(paths.state_dir())
    name = "rotation-" + hashlib.sha256(identity.encode()).hexdigest()[:16]
    with locked(paths.lock_file(name), 1.0, f"another credguard rotates {identity}"):
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
