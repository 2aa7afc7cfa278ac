"""Keeps the memory of this process, which holds secrets, out of core dumps."""

import os
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def no_core_dump() -> None:
    """From now on a crash of this process leaves no image of its memory. Safe to repeat.

    Linux: also no debugger of the same user may attach (prctl(2)); a program put in this process's
    place by exec starts anew. Elsewhere a limit, which children inherit. Best effort.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    elif sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def private_process() -> None:
    """For a process that keeps secrets for long: no_core_dump, also by limit, and umask 077.

    What it starts inherits the limit and the umask.
    """
    no_core_dump()
    os.umask(0o077)
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
