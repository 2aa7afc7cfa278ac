"""Paths that changed, each once, given out when they have been quiet for a moment. Thread-safe."""

import threading
from collections.abc import Callable

DELAY_S = 0.2
MAX_DELAY_S = 2.0
LIMIT = 100_000


class Inbox:
    """A debouncing set. A path comes out `delay` seconds after its last event, at most
    `max_delay` after its first. Past `limit` paths are dropped and `overflowed` says so.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        delay: float = DELAY_S,
        max_delay: float = MAX_DELAY_S,
        limit: int = LIMIT,
    ) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._delay = delay
        self._max_delay = max_delay
        self._limit = limit
        self._lock = threading.Lock()
        # path -> (first event, due). Ordered by due: a later event moves its path to the end.
        self._paths: dict[str, tuple[float, float]] = {}
        self.overflowed = False

    def __len__(self) -> int:
        return len(self._paths)

    def put(self, path: str) -> None:
        """Something happened to `path`."""
        now = self._clock()
        with self._lock:
            first, _ = self._paths.get(path, (now, 0.0))
            due = now + self._delay
            if path in self._paths:
                if due > first + self._max_delay:
                    return
                del self._paths[path]
            elif len(self._paths) >= self._limit:
                self.overflowed = True
                return
            self._paths[path] = (first, due)

    def take(self, limit: int) -> list[str]:
        """At most `limit` paths that are due, longest waiting first; they leave the inbox."""
        now = self._clock()
        ready: list[str] = []
        with self._lock:
            for path, (_, due) in self._paths.items():
                if due > now or len(ready) == limit:
                    break
                ready.append(path)
            for path in ready:
                del self._paths[path]
        return ready

    def wait_s(self) -> float | None:
        """Seconds until the next path is due (0: now); None when the inbox is empty."""
        with self._lock:
            for _, due in self._paths.values():
                return max(0.0, due - self._clock())
        return None
