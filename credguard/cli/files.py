"""Files that a person names for a command to write."""

import os

from credguard.atomic import write_private
from credguard.errors import CredguardError


def write(file: str, data: bytes) -> None:
    """Put `data` in place of the file at `file`, mode 0600, all at once; a link is followed.

    Raises CredguardError, for a device or a folder too: replacing one would break it.
    """
    path = os.path.realpath(file)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise CredguardError(f"{file} is no plain file", hint="name another FILE")
    try:
        write_private(path, data)
    except OSError as exc:
        raise CredguardError(
            f"cannot write {file}: {exc.strerror}", hint="name another FILE, or make room there"
        ) from exc
