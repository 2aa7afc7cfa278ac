"""The table of docs/audit.md, made from the table of checks. `python -m tests.audit.coverage`."""

from pathlib import Path

from credguard.audit.reads import actions_of
from credguard.audit.table import CHECKS, TIPS

DOC = Path(__file__).parents[2] / "docs" / "audit.md"
BEGIN, END = "<!-- coverage: made by tests/audit/coverage.py -->", "<!-- end of coverage -->"
_FIX = {"auto": "yes", "ask": "when named", "": "by hand"}


def table() -> str:
    """A section a habit: check, what it is, identifiers, Prowler's, the fix."""
    lines = []
    for tip, title in TIPS.items():
        lines += [
            f"### {title}", "",
            "| check | what is so | severity | CIS AWS | Security Hub | Prowler 5.46 | fix |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        for each in CHECKS:
            if each.tip == tip:
                own = ", `self`" if each.own else ""
                peer = ", ".join(f"`{name}`" for name in each.peer) or "none"
                lines.append(
                    f"| `{each.id}`{own} | {each.title} | {each.severity} | {each.cis or '-'} "
                    f"| {', '.join(each.hub) or '-'} | {peer} | {_FIX[each.fix]} |"
                )
        lines.append("")
    return "\n".join(lines)


def permissions() -> str:
    """Every IAM action that a whole audit takes, one a line."""
    actions = actions_of(fact for each in CHECKS for fact in each.facts)
    own = actions_of((f for each in CHECKS if each.own for f in each.facts), own=True)
    lines = ["```", *actions, "```", "", "With `--scope self`:", "", "```", *own, "```", ""]
    return "\n".join(lines)


def page(text: str) -> str:
    """`text` with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"\n\n{table()}\n## Permissions\n\n{permissions()}"
    return f"{before}{BEGIN}{made}{END}{after}"


if __name__ == "__main__":
    DOC.write_text(page(DOC.read_text()))
