"""The rules in words, for reports."""

import os
import tomllib

from credguard.report.model import RuleFacts


def rule_facts() -> dict[str, RuleFacts]:
    """Title, severity, confidence and the vendor's page of every built-in rule, by id.

    Raises OSError.
    """
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "scan")
    with open(os.path.join(folder, "rules.toml"), encoding="utf-8") as file:
        tables = tomllib.loads(file.read())["rule"]
    return {
        table["id"]: RuleFacts(
            table["title"], table["severity"], table["confidence"], table.get("source", "")
        )
        for table in tables
    }
