"""gitleaks' rules in our form, as far as they have one. Pure.

Source of the form: https://github.com/gitleaks/gitleaks#configuration
"""

import re
import tomllib
from typing import Any

from credguard.scan.rules import RuleError

_KNOWN = {"id", "description", "regex", "secretGroup", "entropy", "keywords", "path", "tags"}


def convert(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Tables for `[[rules]]`, and a line for each thing that could not be taken over.

    Keywords are left out without a word: they only make gitleaks faster. Raises RuleError when the
    text is no TOML with rules.
    """
    try:
        rules = tomllib.loads(text).get("rules", [])
    except tomllib.TOMLDecodeError as exc:
        raise RuleError(f"not valid TOML: {exc}") from exc
    if not isinstance(rules, list) or not rules:
        raise RuleError("no [[rules]] in it")
    top = tomllib.loads(text)
    notes = [
        f"{field}: not taken over"
        for field in ("extend", "allowlist", "allowlists")
        if top.get(field)
    ]
    tables: list[dict[str, Any]] = []
    for number, rule in enumerate(rules, 1):
        name = rule.get("id") if isinstance(rule, dict) else None
        if not isinstance(name, str) or not name:
            notes.append(f"rule {number}: no id, left out")
            continue
        table, told = _one(name, rule)
        notes += [f"rule {name}: {each}" for each in told]
        if table is not None:
            tables.append(table)
    return tables, notes


def _one(name: str, rule: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    regex = rule.get("regex")
    if not isinstance(regex, str) or not regex:
        return None, ["only a path, no regex: left out"]
    notes = []
    table: dict[str, Any] = {"id": name}
    if isinstance(rule.get("description"), str) and rule["description"]:
        table["title"] = rule["description"]
    table["pattern"] = regex
    found = groups(regex)
    wanted = rule.get("secretGroup", 0)
    if not isinstance(wanted, int) or wanted < 0 or wanted > len(found):
        notes.append("secretGroup names no group: the whole match counts")
    elif found:
        # Without a secretGroup gitleaks takes the first group that is not empty.
        table["value"] = found[max(0, wanted - 1)]
        if not wanted and len(found) > 1:
            notes.append("several groups: the first counts, even where it is empty")
    entropy = rule.get("entropy")
    if isinstance(entropy, int | float) and entropy > 0:
        table["entropy"] = float(min(entropy, 8))
    if rule.get("path"):
        notes.append("path: not taken over, the rule looks at every file")
    others = sorted(set(rule) - _KNOWN)
    notes += [f"{field}: not taken over" for field in others if rule[field]]
    return table, notes


def groups(regex: str) -> list[str]:
    """The text of each capture group of `regex`, in order of their opening brackets."""
    found: list[tuple[int, str]] = []
    opened: list[tuple[int, bool]] = []
    at, inside = 0, False
    while at < len(regex):
        character = regex[at]
        if character == "\\":
            at += 2
            continue
        if inside:
            inside = character != "]"
        elif character == "[":
            inside = True
            ahead = at + (2 if regex[at + 1 : at + 2] == "^" else 1)
            if regex[ahead : ahead + 1] == "]":  # a bracket that stands first is a member
                at = ahead
        elif character == "(":
            named = re.match(r"\(\?P?<\w+>", regex[at:])
            captures = named is not None or regex[at + 1 : at + 2] != "?"
            opened.append((at + (named.end() if named else 1), captures))
        elif character == ")" and opened:
            start, captures = opened.pop()
            if captures:
                found.append((start, regex[start:at]))
        at += 1
    return [text for _, text in sorted(found)]
