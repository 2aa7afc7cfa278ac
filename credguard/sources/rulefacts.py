"""The rules in words, for reports."""

import os
import tomllib

from credguard.report.model import RuleFacts
from credguard.scan.general.kinds import GENERAL_RULES


def rule_facts() -> dict[str, RuleFacts]:
    """Title, severity, confidence and the vendor's page of every built-in rule, by id.

    Raises OSError.
    """
    facts = {name: RuleFacts(title, severity, "medium") for name, title, severity in GENERAL_RULES}
    for path in _files():
        with open(path, encoding="utf-8") as file:
            tables = tomllib.loads(file.read())["rule"]
        for table in tables:
            facts[table["id"]] = RuleFacts(
                table["title"], table["severity"], table["confidence"], table.get("source", "")
            )
    return facts


def _files() -> list[str]:
    """The files of rules: the package's `scan/rules.toml` and those in `scan/rules/`."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "scan")
    below = os.path.join(folder, "rules")
    found = [os.path.join(folder, "rules.toml")]
    if os.path.isdir(below):
        found += [os.path.join(below, name) for name in sorted(os.listdir(below))]
    return [path for path in found if path.endswith(".toml") and os.path.isfile(path)]
