"""CREDGUARD_SKIP: findings that a person lets pass once, by rule or path, with a reason.

`CREDGUARD_SKIP='rule-or-path:reason'`; several with `;` between. Nothing is ever skipped silently.
"""

from __future__ import annotations

from credguard.scan.allow import OWN_RULES

VARIABLE = "CREDGUARD_SKIP"


class Skips:
    """What the variable says. `problem`: why it cannot be followed; then it skips nothing."""

    __slots__ = ("_entries", "problem")

    def __init__(self, text: str) -> None:
        """`text`: the variable's value; empty: nothing is skipped."""
        self.problem = ""
        self._entries: list[tuple[str, str]] = []
        for part in text.split(";"):
            if not part.strip():
                continue
            what, _, reason = (each.strip() for each in part.partition(":"))
            if not what or not reason:
                self.problem = f"{VARIABLE} is not followed: write rule-or-path:reason"
                self._entries = []
                return
            self._entries.append((what, reason))

    def reason(self, rule_id: str, path: bytes) -> str | None:
        """Why what a rule found in `path` is let pass; None: it is not.

        A path is whole, or ends with /*.
        """
        if rule_id.startswith(OWN_RULES):
            return None
        text = path.decode("utf-8", "backslashreplace")
        for what, reason in self._entries:
            folder = what.endswith("/*") and text.startswith(what[:-1])
            if what in (rule_id, text) or folder:
                return reason
        return None
