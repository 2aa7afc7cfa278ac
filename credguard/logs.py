"""Logging to a file for the background service, with key-shaped texts blotted out."""

import logging
import logging.handlers
import os
import re

from credguard import paths

_KEY_SHAPES = re.compile(
    r"(?<![A-Za-z0-9/+=])(?:[A-Za-z0-9/+]{40}|gh[pousr]_[A-Za-z0-9]{36,})(?![A-Za-z0-9/+=])"
)
_MAX_BYTES = 2_000_000


class RedactingFormatter(logging.Formatter):
    """Formats a record, then replaces what has the shape of a secret key."""

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line without secret-shaped texts."""
        return _KEY_SHAPES.sub("***", super().format(record))


def to_file(level: int = logging.INFO) -> None:
    """Send the `credguard` loggers to the log file (0600, rotated at 2 MB, three kept)."""
    paths.private_dir(paths.state_dir())
    handler = logging.handlers.RotatingFileHandler(
        paths.log_file(), maxBytes=_MAX_BYTES, backupCount=3, encoding="utf-8"
    )
    os.chmod(paths.log_file(), 0o600)
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
