"""The posture of a machine for a person at a terminal."""

import textwrap
from collections.abc import Iterator

from credguard.report.audit_text import Paint, plain
from credguard.report.posture import Posture
from credguard.report.team import machine_needs
from credguard.report.text import printable


def posture_text(posture: Posture, width: int, paint: Paint = plain) -> str:
    """What the record says, and what of it needs a look."""
    lines = [paint(f"{posture.user} on {posture.host}", "", True)]
    lines += _row("vault", posture.vault or "none was chosen", width)
    lines += _row("service", posture.service, width)
    lines += [each for part in (_keys(posture), _hooks(posture), _ssh(posture)) for each in part]
    if posture.last_audit is not None:
        days = (posture.at - posture.last_audit) / 86400
        lines += _row("audit", f"{days:.0f} days ago, {posture.last_audit_failed} wrong", width)
    for each in posture.unknown:
        lines += _row("not told", printable(each), width)
    needs = machine_needs(posture, posture.at)
    said = ", ".join(needs) if needs else "nothing"
    colour = "yellow" if needs else "green"
    lines += [paint(line, colour, False) for line in _row("to look at", said, width)]
    return "\n".join(lines) + "\n"


def _row(name: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13,
        break_on_hyphens=False,
    )  # fmt: skip


def _keys(posture: Posture) -> Iterator[str]:
    for each in posture.keys:
        age = "age not known" if each.age_days is None else f"{each.age_days:.0f} days old"
        due = "" if each.due_days is None else f", due in {each.due_days:.0f}"
        if each.due_days is not None and each.due_days < 0:
            due = f", {-each.due_days:.0f} overdue"
        yield f"  {'key':<11}{printable(each.profile)} ({each.key}): {age}{due}"


def _hooks(posture: Posture) -> Iterator[str]:
    for each in posture.hooks:
        yield f"  {'hooks':<11}{each.repository}: {each.state}"


def _ssh(posture: Posture) -> Iterator[str]:
    for each in posture.ssh:
        number = f"{each.regions} region" + ("" if each.regions == 1 else "s")
        yield f"  {'SSH key':<11}{printable(each.name)}: {each.age_days:.0f} days old, in {number}"
