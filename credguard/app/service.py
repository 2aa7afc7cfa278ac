"""Use case: the background service under the platform's manager."""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator

from credguard import logs, paths
from credguard.services.select import service


def command() -> list[str]:
    """How the manager starts credguard: this interpreter, isolated from folder and environment."""
    return [os.path.abspath(sys.executable), "-I", "-m", "credguard"]


def install() -> None:
    """Install and start the service. Raises Unsupported: written, but it cannot be started."""
    service().install(command())


def refresh() -> bool:
    """Bring an installed service to this version's definition; True when it was not so.

    Raises Unsupported: written, but it cannot be started.
    """
    return service().refresh(command())


def uninstall() -> None:
    """Stop and remove the service; absent is not an error."""
    service().uninstall()


def status() -> str:
    """See Service.status."""
    return service().status()


def restart() -> None:
    """Stop and start it; a rotation midway goes on by its journal. Raises CredguardError."""
    service().restart()


def details() -> dict[str, str]:
    """See Service.details."""
    return service().details()


def words(lines: int) -> list[str]:
    """See Service.words."""
    return service().words(lines)


_POLL_S = 0.5


def log_lines(lines: int, *, follow: bool) -> Iterator[str]:
    """The last `lines` lines of the log, of its older files too where the newest has fewer.

    `follow`: and then every further one, over a rotation of the file too; ends only by
    interruption. Nothing where there is no log.
    """
    newest = paths.log_file()
    last: deque[str] = deque(maxlen=lines)
    for number in range(logs.KEPT, 0, -1):
        last.extend(_after(f"{newest}.{number}", 0)[0])
    known = _identity(newest)
    found, position = _after(newest, 0)
    last.extend(found)
    yield from last
    while follow:
        time.sleep(_POLL_S)
        if _identity(newest) != known:
            # What was written to the old one between two looks stands in .1 by now.
            yield from _after(f"{newest}.1", position)[0]
            known, position = _identity(newest), 0
        found, position = _after(newest, position)
        yield from found


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _after(path: str, position: int) -> tuple[list[str], int]:
    """The whole lines of `path` after `position`, and where they end."""
    try:
        with open(path, "rb") as file:
            file.seek(position)
            data = file.read()
    except OSError:
        return [], position
    data = data[: data.rfind(b"\n") + 1]
    text = data.decode("utf-8", "surrogateescape")
    return text.split("\n")[:-1], position + len(data)
