"""Logging to a file for the background service, with key-shaped texts blotted out."""

import contextlib
import json
import logging
import logging.handlers
import os
import re
import sys
from datetime import UTC, datetime
from io import TextIOWrapper

from credguard import paths
from credguard.errors import StoreError

# What is blotted out. Nothing here is meant to log a secret: this is for what slips through, such
# as the text of a foreign error. A git object id (40 hex digits) stays: logs are read by it.
_SHAPES = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL
        ),
        "***",
    ),
    (
        re.compile(
            r"(?<![A-Za-z0-9/+=])(?![0-9a-f]{40}(?![A-Za-z0-9/+=]))"
            r"(?:[A-Za-z0-9/+]{40}|[A-Za-z0-9/+]{100,}={0,2})(?![A-Za-z0-9/+=])"
        ),
        "***",
    ),
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
            r"|xox[abeoprs]-[\w-]{10,}|sk-[\w-]{20,}|npm_[A-Za-z0-9]{36}|AIza[\w-]{35}"
            r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*)"
        ),
        "***",
    ),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), "***"),
    (
        re.compile(
            r"(?i)((?:password|passphrase|passwd|secret(?:_access_key)?|token|api_?key)[\"']?"
            r"\s?[=:]\s?[\"']?(?:bearer )?)[^\s\"',;]{8,}"
        ),
        r"\1***",
    ),
)
_MAX_BYTES = 2_000_000
KEPT = 3  # older files beside the log, named .1 to .3
# A file name may hold a line end: it must not begin a line of its own in the log.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def redacted(text: str) -> str:
    """`text` with everything that has the shape of a secret replaced by ***."""
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats a record as one line, then replaces what has the shape of a secret key."""

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line without secret-shaped texts; control characters are escaped."""
        return redacted(super().format(record).translate(_CONTROL))


class JsonFormatter(RedactingFormatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, process, thread.

    `error`: a traceback, where the record has one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line; every text in it without what has the shape of a secret."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        row: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            "process": record.process,
            "thread": record.threadName,
        }
        if record.exc_info:
            row["error"] = redacted(self.formatException(record.exc_info))
        return json.dumps(row)


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


def to_file(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """Send the `credguard` loggers to the log file (0600, rotated at 2 MB, three kept).

    `as_json`: as JSON lines. Raises StoreError when it cannot be opened.
    """
    paths.private_dir(paths.state_dir())
    try:
        handler = _PrivateFile(paths.log_file(), maxBytes=_MAX_BYTES, backupCount=KEPT)
    except OSError as exc:
        raise StoreError(f"cannot open {paths.log_file()}: {exc.strerror}") from exc
    _attach(handler, level, as_json=as_json)


def to_stderr(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """Send the `credguard` loggers to standard error."""
    _attach(logging.StreamHandler(), level, as_json=as_json)


def _attach(handler: logging.Handler, level: int, *, as_json: bool) -> None:
    text = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonFormatter() if as_json else RedactingFormatter(text))
    logger = logging.getLogger("credguard")
    logger.setLevel(level)
    logger.addHandler(handler)
    logger.propagate = False
