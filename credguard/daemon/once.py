"""A notification that is shown once a day while the state database cannot say what was told.

The service may be started again every ten seconds then.
"""

import os
import time

from credguard import paths
from credguard.notify import desktop

_DAY_S = 86400
_PAUSE_S = 0.05


def tell(title: str, body: str, now: float) -> None:
    """Show it, unless one was shown within a day (the file `state.db.told` says when), and wait
    until it shows, at most `desktop.DEADLINE_S`. Where it cannot be shown, the next start tries.
    """
    mark = paths.database_file() + ".told"
    try:
        if abs(now - os.stat(mark).st_mtime) < _DAY_S:
            return
    except OSError:
        pass  # not told yet, or not to be found out: rather once more
    screen = desktop.Desktop()
    try:
        if screen.show(1, desktop.Notification(title, body, urgent=True)) and _shown(screen):
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            os.utime(mark, (now, now))
    except OSError:
        pass  # a folder that cannot be written: it is told again
    finally:
        screen.close()


def _shown(screen: desktop.Desktop) -> bool:
    end = time.monotonic() + desktop.DEADLINE_S
    while time.monotonic() < end:
        for said in screen.poll():
            return said.what != desktop.FAILED
        time.sleep(_PAUSE_S)
    return False
