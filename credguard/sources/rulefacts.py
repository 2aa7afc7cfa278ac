"""The rules in words, for reports."""

import tomllib

from credguard.report.model import RuleFacts
from credguard.scan.general.kinds import GENERAL_RULES
from credguard.sources.database import read_rules


def rule_facts() -> dict[str, RuleFacts]:
    """Title, severity, confidence and the vendor's page of every built-in rule, by id.

    Raises OSError.
    """
    facts = {name: RuleFacts(title, severity, "medium") for name, title, severity in GENERAL_RULES}
    texts, _ = read_rules()
    for text in texts:
        for table in tomllib.loads(text)["rule"]:
            facts[table["id"]] = RuleFacts(
                table["title"], table["severity"], table["confidence"], table.get("source", "")
            )
    return facts
