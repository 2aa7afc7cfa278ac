"""What two runs must not do to SSH keys at the same time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from credguard import paths
from credguard.atomic import locked
from credguard.errors import StoreError


def making() -> AbstractContextManager[None]:
    """While a key is made: two at once would each put a passphrase into the vault for one file."""
    return _alone("ssh-keys", 120.0, "another credguard makes an SSH key")


def replacing() -> AbstractContextManager[None]:
    """While a key is replaced or taken away: each ends what the other would go on with.

    Raises Busy, StoreError.
    """
    return _alone("ssh-rotation", 10.0, "another credguard replaces an SSH key")


@contextmanager
def _alone(name: str, wait_s: float, busy: str) -> Iterator[None]:
    paths.private_dir(paths.state_dir())
    try:
        with locked(paths.lock_file(name), wait_s, busy):
            yield
    except OSError as exc:
        raise StoreError(f"cannot write in {paths.state_dir()}: {exc.strerror}") from exc
