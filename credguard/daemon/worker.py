"""Reads a file that changed, scans it, stores what is found and tells a person once."""

import errno
import hashlib
import hmac
import logging
import os
import re
import sqlite3
import stat
from collections.abc import Callable
from typing import Protocol

from credguard.daemon.announcer import Action
from credguard.daemon.letting import Letting
from credguard.daemon.snapshot import Snapshot
from credguard.report.advice import advice
from credguard.report.text import printable
from credguard.scan.allow import Allow
from credguard.scan.custom import Joined
from credguard.scan.engine import plain
from credguard.scan.model import MEDIUM, Finding
from credguard.sources import synced
from credguard.store import events, findings
from credguard.store.db import transaction

_LOG = logging.getLogger("credguard.daemon.worker")
_TITLE = "credguard: a secret in a file"
_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
_OPEN = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


class Scanner(Protocol):
    """What the worker needs of the engine."""

    def scan(self, data: bytes, path: bytes, joined: Joined | None = None) -> list[Finding]:
        """The secrets in `data`; `joined`: the engine with the rules that hold around `path`."""


def own_in_names(scanner: Scanner, names: dict[bytes, str]) -> list[tuple[Finding, str]]:
    """Own secrets in the names of files, each with what the name is mapped to.

    As the hooks do; a finding's line counts the names.
    """
    if not names:
        return []
    mapped = list(names.values())
    hits = scanner.scan(b"\n".join(names), b"(a name)")
    return [(hit, mapped[hit.line - 1]) for hit in hits if hit.own and hit.line <= len(mapped)]


def fingerprint(key: bytes, finding: Finding, place: bytes | None = None) -> str:
    """Names `finding` without telling its value: HMAC-SHA256 over rule, place and value.

    `place`: None for its path.
    """
    rule = finding.rule_id.encode()
    parts = (rule, finding.path if place is None else place, finding.value)
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def value_name(key: bytes, value: bytes) -> str:
    """Names a value without telling it, wherever it stands and whatever found it."""
    return hmac.new(key, b"value\0" + value, hashlib.sha256).hexdigest()


def shown(path: str) -> str:
    """`path` as text that SQLite and a log take: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def real(text: str) -> str:
    """The path that `shown` made `text` of, as far as the file system can tell."""
    if "\\x" not in text or os.path.lexists(text):
        return text
    raw = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text.encode())
    return os.fsdecode(raw)


class TooLarge(Exception):
    """A file over the limit: what is in it cannot be told."""


def read_regular(path: str, max_bytes: int) -> tuple[bytes, os.stat_result] | None:
    """The bytes and status of a regular file; None for anything else.

    Never opens a FIFO, socket or device, follows no symlink. Raises OSError (FileNotFoundError:
    gone; also for what is on a server alone) and TooLarge (over `max_bytes`).
    """
    known = os.lstat(path)
    if not stat.S_ISREG(known.st_mode):
        return None
    if synced.elsewhere(known):
        raise OSError(errno.EAGAIN, "its content is on a server alone", path)
    try:
        descriptor = os.open(path, _OPEN)  # it may have been replaced since
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > max_bytes:
            raise TooLarge
        return file.read(max_bytes + 1)[:max_bytes], status


class Tell(Protocol):
    """Shows a notification later."""

    def __call__(
        self,
        title: str,
        body: str,
        done: Callable[[], None] = ...,
        *,
        actions: tuple[Action, ...] = ...,
        urgent: bool = ...,
    ) -> None:
        """`done` once it was shown, or certainly cannot be. `urgent`: in quiet hours too."""


class Worker:
    """Scans one file at a time; used by one thread. Keeps a snapshot of what was scanned."""

    def __init__(
        self,
        scanner: Scanner,
        connection: sqlite3.Connection,
        key: bytes,
        *,
        max_bytes: int,
        tell: Tell,
        now: Callable[[], float],
        letting: Letting | None = None,
        own: Callable[[str, bytes, list[Finding]], list[Finding]] = lambda _p, _d, found: found,
    ) -> None:
        """`now` gives Unix seconds. `letting`: what lets findings pass; None: nothing but marks.

        `own` is asked which findings of a file are to be told.
        """
        self._scanner = scanner
        self._own = own
        self._db = connection
        self._key = key
        self._max_bytes = max_bytes
        self._tell = tell
        self._now = now
        self._letting = letting
        self._snapshot = Snapshot()
        self._being_told: set[str] = set()

    def changed(self, path: str) -> bool:
        """Whether `path` differs from when it was scanned last (or never was)."""
        try:
            status = os.lstat(path)
        except OSError:
            return True
        return not self._snapshot.same(shown(path), status)

    def scan(self, path: str, ignored: str = "") -> list[Finding]:
        """Scan `path`, store its findings, resolve those gone, tell of new ones; gives them.

        `ignored`: why whatever is found in it passes. A file that is gone or unreadable has none.
        Raises StoreError.
        """
        found: list[Finding] = []
        status: os.stat_result | None = None
        try:
            content = read_regular(path, self._max_bytes)
        except (FileNotFoundError, NotADirectoryError):
            content = None
            self._snapshot.drop(shown(path))
        except TooLarge:
            # What was found in it earlier may still be there.
            _LOG.warning("not scanned, larger than watch.max_file_mb: %s", shown(path))
            return []
        except OSError as exc:
            _LOG.info("cannot read %s: %s", shown(path), exc.strerror)
            return []
        if content is not None:
            data, status = content
            found = self._found(data, os.fsencode(path))
            for each in found:
                each.allowed = each.allowed or ("" if each.own else ignored)
            told = self._own(path, data, [each for each in found if not each.allowed])
            found = [each for each in found if each.allowed] + told
        self._store(shown(path), found)
        if status is not None:  # only now: a file whose findings were not stored is read again
            self._snapshot.put(shown(path), status)
        return [finding for finding in found if not finding.allowed]

    def _found(self, data: bytes, path: bytes) -> list[Finding]:
        """The findings of `data`; `allowed` tells which of them pass."""
        letting = self._letting
        joined = None if letting is None else letting.joined(path)
        hits = self._scanner.scan(data, path, joined)
        found = [finding for finding in hits if finding.confidence >= MEDIUM]
        if not found:
            return []
        if letting is None:
            Allow().judge(found, plain(data), path)
        else:
            letting.judge(found, plain(data), path)
        return found

    def gone(self, path: str) -> None:
        """`path`, a file or folder, is no longer there: its findings are resolved."""
        with transaction(self._db):
            findings.resolve_gone(self._db, shown(path), set(), self._now())
            below = findings.resolve_below(self._db, shown(path), self._now())
        self.forget(path, below)

    def forget(self, path: str, below: set[str] | None = None) -> None:
        """Read `path`, and of the files `below` it those named, again when they are seen next."""
        # A folder that is moved back has its old files, unchanged: they are to be read again.
        for name in (shown(path), *(below or ())):
            self._snapshot.drop(name)

    def _store(self, path: str, found: list[Finding]) -> None:
        named = {fingerprint(self._key, finding): finding for finding in found}
        now = self._now()
        if not named and not findings.any_in(self._db, path):
            return
        fresh: list[str] = []
        with transaction(self._db):
            for name, finding in named.items():
                seen = findings.Seen(
                    name,
                    finding.line,
                    finding.rule_id,
                    finding.masked(),
                    value_name(self._key, finding.value),
                    finding.own,
                    finding.allowed,
                )
                if findings.observe(self._db, now, path, seen) and name not in self._being_told:
                    fresh.append(name)
            findings.resolve_gone(self._db, path, set(named), now)
        if fresh:
            self._announce(path, {name: named[name] for name in fresh})

    def _announce(self, path: str, fresh: dict[str, Finding]) -> None:
        for finding in fresh.values():
            _LOG.warning(
                "secret found: %s:%d %s %s", path, finding.line, finding.rule_id, finding.masked()
            )
        first = next(iter(fresh.values()))
        more = f" and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        what = advice(path, {finding.rule_id for finding in fresh.values()}, first.own)
        body = f"{path}:{first.line}: {first.title} ({first.masked()}){more}. {what}"
        names = list(fresh)
        self._being_told.update(names)

        def done() -> None:
            findings.mark_notified(self._db, self._now(), names)
            self._being_told.difference_update(names)

        def allow() -> None:
            why = "by its notification"
            with transaction(self._db):
                findings.allow(self._db, names, why)
                for each in fresh.values():
                    events.record(
                        self._db, self._now(), "finding.allowed", path, line=each.line,
                        rule=each.rule_id, reason=why,
                    )  # fmt: skip
            _LOG.info("allowed by a person: %s", path)

        actions: tuple[Action, ...] = (Action("show", "Show the file", None, real(path)),)
        if not first.own:
            actions = (Action("allow", "Not a secret", allow), *actions)
        urgent = bool(first.own)
        self._tell(_TITLE, printable(body), done, actions=actions, urgent=urgent)
