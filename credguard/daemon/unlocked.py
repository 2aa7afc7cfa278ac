"""The file vault's passphrase, as long as the agent may keep it."""

import ctypes
import logging
import sys

_LOG = logging.getLogger("credguard.daemon.agent")

# The wall clock ahead of the monotonic one by more than this: the machine slept (or the clock was
# set), and whoever opens the lid is to type the passphrase.
JUMP_S = 30.0
# How often a sleep is looked for while a passphrase is held.
LOOK_S = 30.0


class Unlocked:
    """Holds the bytes in one place, kept out of swap where the system lets us, zeroed at the end.

    Python makes copies while a request is read and the child's pipe is written, which cannot be
    wiped; they are short-lived.
    """

    def __init__(self, auto_lock_s: float) -> None:
        """`auto_lock_s`: after so long without use it is forgotten."""
        self._passphrase = bytearray()
        self._auto_lock_s = self._timeout_s = auto_lock_s
        self._used = 0.0
        self._offset = 0.0

    def __bool__(self) -> bool:
        return bool(self._passphrase)

    def keep(
        self,
        passphrase: bytearray,
        wall: float,
        monotonic: float,
        timeout_s: float | None = None,
    ) -> None:
        """Hold `passphrase`, whose bytes are ours now; `timeout_s` in place of the usual."""
        self.forget()
        self._timeout_s = self._auto_lock_s if timeout_s is None else timeout_s
        self._passphrase = passphrase
        self._offset = wall - monotonic
        self._used = monotonic
        _lock_in_memory(passphrase)

    def use(self, monotonic: float) -> bytearray:
        """The passphrase to be given to a child; empty: none is held."""
        self._used = monotonic
        return self._passphrase

    def forget(self) -> None:
        """Zero it."""
        self._passphrase[:] = bytes(len(self._passphrase))
        self._passphrase = bytearray()

    def expired(self, wall: float, monotonic: float) -> str:
        """Why it may not be kept any longer; empty: it may, or none is held."""
        if not self._passphrase:
            return ""
        if monotonic - self._used >= self._timeout_s:
            return "not used for as long as it was to be kept"
        if wall - monotonic - self._offset > JUMP_S:
            return "the machine slept"
        return ""


def _lock_in_memory(buffer: bytearray) -> None:
    if sys.platform == "win32" or not buffer:
        return
    view = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    if ctypes.CDLL(None).mlock(ctypes.byref(view), ctypes.c_size_t(len(buffer))) != 0:
        _LOG.info("the passphrase cannot be kept out of swap")
