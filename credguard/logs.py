"""Logging to a file for the background service, with key-shaped texts blotted out."""

import contextlib
import logging
import logging.handlers
import os
import re
import sys
from io import TextIOWrapper

from credguard import paths
from credguard.errors import StoreError

_KEY_SHAPES = re.compile(
    r"(?<![A-Za-z0-9/+=])(?:[A-Za-z0-9/+]{40}|gh[pousr]_[A-Za-z0-9]{36,})(?![A-Za-z0-9/+=])"
)
_MAX_BYTES = 2_000_000
# A file name may hold a line end: it must not begin a line of its own in the log.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class RedactingFormatter(logging.Formatter):
    """Formats a record as one line, then replaces what has the shape of a secret key."""

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line without secret-shaped texts; control characters are escaped."""
        return _KEY_SHAPES.sub("***", super().format(record).translate(_CONTROL))


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Every file of it is made 0600; a full disk is said once on standard error."""

    _complained = False

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        os.chmod(self.baseFilename, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's
        error = sys.exc_info()[1]
        if not self._complained and sys.stderr is not None:
            self._complained = True
            reason = getattr(error, "strerror", None) or type(error).__name__
            with contextlib.suppress(OSError):
                sys.stderr.write(f"credguard: cannot write {self.baseFilename}: {reason}\n")


def to_file(level: int = logging.INFO) -> None:
    """Send the `credguard` loggers to the log file (0600, rotated at 2 MB, three kept).

    Raises StoreError when it cannot be opened.
    """
    paths.private_dir(paths.state_dir())
    try:
        handler = _PrivateFile(paths.log_file(), maxBytes=_MAX_BYTES, backupCount=3)
    except OSError as exc:
        raise StoreError(f"cannot open {paths.log_file()}: {exc.strerror}") from exc
    _attach(handler, level)


def to_stderr(level: int = logging.INFO) -> None:
    """Send the `credguard` loggers to standard error."""
    _attach(logging.StreamHandler(), level)


def _attach(handler: logging.Handler, level: int) -> None:
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("credguard")
    logger.setLevel(level)
    logger.addHandler(handler)
    logger.propagate = False
