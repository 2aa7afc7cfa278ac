"""Use case: a second, slower look with detect-secrets' plugins (`scan --deep`)."""

from __future__ import annotations

import re

from credguard.scan.engine import plain
from credguard.scan.model import LOW, MEDIUM, Finding
from credguard.scan.values import plausible
from credguard.sources.deep import Plugins

PREFIX = "deep-"
"""Ids of what the plugins find begin with this."""
# Plugins that judge by name or randomness alone: 28 of 28 findings in ordinary source were theirs.
_WEAK = {"KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"}
_NOT_ID = re.compile(r"[^a-z0-9]+")


def look(
    plugins: Plugins, least: int, data: bytes, path: bytes, found: list[Finding]
) -> tuple[list[Finding], list[tuple[bytes, str]]]:
    """What the plugins find in `data` beyond `found`, of confidence `least` and above; problems.

    Raises CredguardError when they do not run.
    """
    text = plain(data)
    if b"\0" in text[:8192]:
        return [], []  # no lines to speak of
    name = path.decode("utf-8", "replace")
    lines = text.decode("utf-8", "replace").split("\n")
    deeper = plugins.examine(lines, name)
    more: list[Finding] = []
    for number, kind, value, plugin in deeper.found:
        weak = plugin in _WEAK
        confidence = LOW if weak else MEDIUM
        secret = value.encode("utf-8", "replace")
        if confidence < least or (weak and not plausible(secret, 0.0, ("password", "name"))):
            continue
        same = [each for each in (*found, *more) if each.line <= number <= each.end_line]
        if any(secret in each.value or each.value in secret for each in same):
            continue
        column = lines[number - 1].find(value) + 1
        rule = PREFIX + _NOT_ID.sub("-", kind.lower()).strip("-")
        more.append(Finding(path, number, max(column, 1), number, rule, kind, confidence, secret))
    problems = []
    if deeper.cut:
        shown = ", ".join(map(str, deeper.cut[:5])) + ("..." if len(deeper.cut) > 5 else "")
        problems.append((path, f"line {shown}: given up by --deep, too slow"))
    more.sort(key=lambda each: (each.line, each.column))
    return more, problems
