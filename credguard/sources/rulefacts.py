"""The rules in words, for reports."""

from collections.abc import Collection

from credguard.report.model import RuleFacts
from credguard.scan.general.kinds import GENERAL_RULES
from credguard.sources.database import read_rules

_HEAD = "[[rule]]\n"


def rule_facts(wanted: Collection[str] | None = None) -> dict[str, RuleFacts]:
    """Title, severity, confidence and the vendor's page of built-in rules, by id.

    `wanted`: at least those of these ids, in 2 ms where all (None) take 30. Raises OSError.
    """
    facts = {name: RuleFacts(title, severity, "medium") for name, title, severity in GENERAL_RULES}
    if wanted is not None and facts.keys() >= set(wanted):
        return facts
    from tomllib import loads

    texts, _ = read_rules()
    for text in texts:
        for table in loads(_about(text, wanted)).get("rule", ()):
            facts[table["id"]] = RuleFacts(
                table["title"], table["severity"], table["confidence"], table.get("source", "")
            )
    return facts


def _about(text: str, wanted: Collection[str] | None) -> str:
    """The tables of a file that may be those of `wanted`."""
    if wanted is None:
        return text
    names = [f'"{name}"' for name in wanted]
    tables = text.split("\n" + _HEAD)[1:]
    return "\n".join(_HEAD + each for each in tables if any(name in each for name in names))
