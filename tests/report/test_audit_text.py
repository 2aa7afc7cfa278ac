"""The report for a person."""

from credguard.audit.model import FAIL
from credguard.report.audit_text import audit_text
from tests.report.audits import NAMES, made, row


def test_how_remedies_of_one_check_begin_is_said_once() -> None:
    remedies = (
        ("Look first.", "run: a 1", "or:", "run: b 1"),
        ("Look first.", "run: a 2", "or:", "run: b 2"),
        ("Look first.", "run: a 2", "or:", "run: b 2"),
        ("Else.", "run: c"),
    )
    rows = [
        row("user-mfa", FAIL, name, remedy=remedy, evidence="x")
        for name, remedy in zip(NAMES, remedies, strict=False)
    ]
    text = audit_text(made(*rows), 100)
    shown = [line.strip() for line in text.splitlines() if line.startswith(" " * 8)]
    assert shown[1:] == [
        "do: Look first.", "$ a 1", "or:", "$ b 1", "$ a 2", "or:", "$ b 2", "do: Else.", "$ c",
    ]  # fmt: skip


def test_a_note_steers_no_terminal() -> None:
    assert "\x1b" not in audit_text(made(notes=("the waiver of x on \x1b[2J ended",)), 100)
