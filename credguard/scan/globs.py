"""Patterns as in .gitignore, matched in linear steps: a hostile pattern costs no time.

Source: gitignore(5), PATTERN FORMAT. Paths and patterns are bytes with `/` between the parts.
Imports nothing: the hook loads this where a repository has a `.credguard.toml`.
"""

from __future__ import annotations


class Globs:
    """Patterns in order; the last that matches decides, and `!` in front of it takes back."""

    __slots__ = ("_rules",)

    def __init__(self, patterns: list[str]) -> None:
        """`patterns`: lines of a .gitignore; empty ones and comments match nothing."""
        self._rules: list[tuple[bool, bool, list[bytes], str]] = []
        for pattern in patterns:
            rule = _rule(pattern)
            if rule is not None:
                self._rules.append(rule)

    def decide(self, path: bytes) -> tuple[bool, str] | None:
        """Whether `path`, a file relative to the patterns' folder, is in, and by which pattern.

        None: no pattern matches. One that matches a folder holds for all below it.
        """
        if not self._rules:
            return None
        parts = path.split(b"/")
        for negated, folder_only, pattern, text in reversed(self._rules):
            last = len(parts) - 1 if folder_only else len(parts)
            if any(_path(pattern, parts[:end]) for end in range(last, 0, -1)):
                return not negated, text
        return None


def _rule(text: str) -> tuple[bool, bool, list[bytes], str] | None:
    line = text.rstrip("\r\n")
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    body = line[1:] if negated else line
    folder_only = body.endswith("/")
    parts = body.strip("/").encode("utf-8", "surrogateescape").split(b"/")
    if parts == [b""]:
        return None
    if "/" not in body.rstrip("/"):
        parts = [b"**", *parts]
    if parts[-1] == b"**":  # a/** is what lies below a, not a itself
        parts.append(b"*")
    return negated, folder_only, parts, text


def _path(pattern: list[bytes], parts: list[bytes]) -> bool:
    """Whether the parts of a path match those of a pattern; `**` is any number of parts."""
    reached = {0}
    for part in parts:
        reached = _closed(pattern, reached)
        reached = {
            at if pattern[at] == b"**" else at + 1
            for at in reached
            if at < len(pattern) and (pattern[at] == b"**" or _part(pattern[at], part))
        }
        if not reached:
            return False
    return len(pattern) in _closed(pattern, reached)


def _closed(pattern: list[bytes], reached: set[int]) -> set[int]:
    found = set(reached)
    for at in range(min(reached), len(pattern)):
        if at in found and pattern[at] == b"**":
            found.add(at + 1)
    return found


def _part(pattern: bytes, text: bytes) -> bool:
    """One part: `*` any run, `?` any byte, `[a-z]` a class, backslash the next byte itself.

    A star is left for good once the next one is reached, so the steps are at most the product of
    the two lengths.
    """
    at = here = 0
    star = resume = -1
    while here < len(text):
        if at < len(pattern) and pattern[at : at + 1] == b"*":
            star, resume = at, here
            at += 1
            continue
        step = _one(pattern, at, text[here]) if at < len(pattern) else 0
        if step:
            at += step
            here += 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return not pattern[at:].strip(b"*")


def _one(pattern: bytes, at: int, byte: int) -> int:
    """How many bytes of the pattern at `at` took `byte`; 0: it does not match."""
    head = pattern[at : at + 1]
    if head == b"?":
        return 1
    if head == b"\\" and at + 1 < len(pattern):
        return 2 if pattern[at + 1] == byte else 0
    if head == b"[":
        end = pattern.find(b"]", at + 2 + (pattern[at + 1 : at + 2] in (b"!", b"^")))
        if end < 0:
            return 0  # a class without an end matches nothing
        return end + 1 - at if _in_class(pattern[at + 1 : end], byte) else 0
    return 1 if pattern[at] == byte else 0


def _in_class(body: bytes, byte: int) -> bool:
    negated = body[:1] in (b"!", b"^")
    if negated:
        body = body[1:]
    at, found = 0, False
    while at < len(body):
        if at + 2 < len(body) and body[at + 1 : at + 2] == b"-":
            found |= body[at] <= byte <= body[at + 2]
            at += 3
        else:
            found |= body[at] == byte
            at += 1
    return found != negated
