"""Paths that changed, each once, given out when they have been quiet for a moment. Thread-safe."""

import os
import threading
from collections.abc import Callable

DELAY_S = 0.15
MAX_DELAY_S = 2.0
LIMIT = 100_000


def _nothing() -> None:
    return None


class Inbox:
    """A debouncing set. A path comes out `delay` seconds after its last event, at most
    `max_delay` after its first. Past `limit` paths are dropped and `overflowed` says so.

    Folders take turns: ten thousand files written into one of them do not keep a file in another
    waiting.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        delay: float = DELAY_S,
        max_delay: float = MAX_DELAY_S,
        limit: int = LIMIT,
        wake: Callable[[], None] = _nothing,
    ) -> None:
        """`clock` gives monotonic seconds; `wake` is called when an empty inbox gets a path."""
        self._clock = clock
        self._delay = delay
        self._max_delay = max_delay
        self._limit = limit
        self._wake = wake
        self._lock = threading.Lock()
        # Folder -> path -> (first event, due). In a folder ordered by due, since a later event
        # moves its path to the end; the folders in the order of their turns.
        self._folders: dict[str, dict[str, tuple[float, float]]] = {}
        self._count = 0
        self.overflowed = False

    def __len__(self) -> int:
        return self._count

    def put(self, path: str) -> None:
        """Something happened to `path`."""
        now = self._clock()
        due = now + self._delay
        folder = path.rpartition(os.sep)[0]
        with self._lock:
            paths = self._folders.get(folder)
            if paths is None:
                paths = self._folders[folder] = {}
            known = paths.get(path)
            if known is not None:
                if due > known[0] + self._max_delay:
                    return
                del paths[path]
                paths[path] = (known[0], due)
                return
            if self._count >= self._limit:
                self.overflowed = True
                return
            paths[path] = (now, due)
            self._count += 1
            first = self._count == 1
        if first:
            self._wake()

    def take(self, limit: int) -> list[str]:
        """At most `limit` paths that are due, of each folder the longest waiting in its turn.

        They leave the inbox.
        """
        now = self._clock()
        ready: list[str] = []
        with self._lock:
            turns = list(self._folders)
            while turns and len(ready) < limit:
                again = []
                for folder in turns:
                    if len(ready) == limit:
                        break
                    paths = self._folders[folder]
                    path = next(iter(paths), None)
                    if path is not None and paths[path][1] <= now:
                        del paths[path]
                        ready.append(path)
                        again.append(folder)
                    # Its turn is over, also where it had nothing: those not reached come first.
                    del self._folders[folder]
                    if paths:
                        self._folders[folder] = paths
                    elif folder in again:
                        again.remove(folder)
                turns = again
            self._count -= len(ready)
        return ready

    def wait_s(self) -> float | None:
        """Seconds until the next path is due (0: now); None when the inbox is empty."""
        with self._lock:
            dues = [next(iter(paths.values()))[1] for paths in self._folders.values() if paths]
        return max(0.0, min(dues) - self._clock()) if dues else None
