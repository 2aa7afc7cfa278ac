"""Reads and compiles a person's own rules from `.credguard.toml`."""

from __future__ import annotations

import os
from typing import Any

from credguard.errors import CredguardError
from credguard.scan.custom import CustomEngine, Joined, custom_pattern, parse_custom
from credguard.scan.engine import Engine
from credguard.scan.rules import RuleError
from credguard.sources.database import extension

MAX_FILE = 1 << 20
"""The largest file of rules, in bytes."""


def read_custom(path: str) -> list[dict[str, Any]]:
    """The checked rules of `path`; []: no such file, or none in it. Raises CredguardError."""
    try:
        # Non-blocking: a FIFO in its place must not hang.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise CredguardError(f"rules not read: {path}: {exc.strerror}") from exc
    try:
        with open(descriptor, "rb") as file:
            data = file.read(MAX_FILE + 1) or b""
    except OSError as exc:
        raise CredguardError(f"rules not read: {path}: {exc.strerror}") from exc
    if len(data) > MAX_FILE:
        raise _wrong(path, f"larger than {MAX_FILE:,} bytes")
    try:
        return _parsed(data.decode(), path)
    except UnicodeDecodeError as exc:
        raise _wrong(path, "not UTF-8") from exc


def _parsed(text: str, path: str) -> list[dict[str, Any]]:
    try:
        return parse_custom(text)
    except RuleError as exc:
        raise _wrong(path, str(exc)) from exc


_COMPILED: dict[str, CustomEngine | None] = {}


def joined(engine: Engine, texts: list[tuple[str, str]]) -> Joined | None:
    """`engine` and the rules of `texts`: name, for messages, and text of each `.credguard.toml`.

    None: they hold no rules. Raises CredguardError, one line: a rule is invalid.
    """
    customs = []
    for name, text in texts:
        if text not in _COMPILED:
            tables = _parsed(text, name)
            _COMPILED[text] = compile_custom(tables, name) if tables else None
        custom = _COMPILED[text]
        if custom is not None and custom not in customs:
            customs.append(custom)
    return Joined(engine, customs) if customs else None


def compile_custom(tables: list[dict[str, Any]], path: str) -> CustomEngine:
    """The engine over checked `tables`; `path` is for messages. Raises CredguardError."""
    hyperscan = extension()
    patterns = [custom_pattern(table) for table in tables]
    try:
        database = _compiled(hyperscan, patterns)
        values = {
            number: _compiled(hyperscan, [table["value"].encode()])
            for number, table in enumerate(tables)
            if "value" in table
        }
    except hyperscan.error as exc:
        _name_the_wrong_one(hyperscan, tables, patterns, path)
        raise _wrong(path, f"the rules together: {_said(exc)}") from exc
    return CustomEngine(database, values, tables, hyperscan.error)


def _name_the_wrong_one(
    hyperscan: Any, tables: list[dict[str, Any]], patterns: list[bytes], path: str
) -> None:
    """Raise CredguardError for a pattern that fails alone: Hyperscan does not say which it was."""
    for table, pattern in zip(tables, patterns, strict=True):
        try:
            _compiled(hyperscan, [pattern])
        except hyperscan.error as exc:
            raise _wrong(path, f"rule {table['id']}: {_said(exc)}") from exc


def _compiled(hyperscan: Any, patterns: list[bytes]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=patterns,
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[hyperscan.HS_FLAG_SOM_LEFTMOST] * len(patterns),
    )
    database.scratch = hyperscan.Scratch(database)
    return database


def _said(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:]


def _wrong(path: str, what: str) -> CredguardError:
    from shlex import quote

    return CredguardError(
        f"{path}: {what}", hint=f"mend it, then run: credguard rules test {quote(path)}"
    )
