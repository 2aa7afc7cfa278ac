"""What the service holds, and gives back."""

import contextlib
import sys


def give_back() -> None:
    """Have the C library give freed memory back to the system: after a look at many files it keeps
    some megabytes for the next one, hours later.
    """
    if sys.platform == "linux":
        import ctypes  # watchdog has loaded it

        with contextlib.suppress(OSError, AttributeError):  # musl has none
            ctypes.CDLL(None).malloc_trim(0)
