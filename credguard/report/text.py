"""Findings for a person: one line each, masked."""

from credguard.scan.model import CONFIDENCE_NAMES, Finding


def printable(text: str) -> str:
    """`text` with control characters and lone surrogates escaped: it cannot steer a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def path_text(path: bytes) -> str:
    r"""`path` on one line; bytes that are not UTF-8 show as \\xNN."""
    return printable(path.decode("utf-8", "backslashreplace"))


def findings_text(findings: list[Finding]) -> str:
    """One line a finding: place, rule, confidence, masked value; ends with a line end, or ""."""
    return "".join(
        f"{path_text(each.path)}:{each.line}:{each.column}  {each.rule_id}"
        f"  {CONFIDENCE_NAMES[each.confidence]}  {printable(each.masked())}{_commit(each)}\n"
        for each in findings
    )


def _commit(finding: Finding) -> str:
    commit = finding.commit
    if commit is None:
        return ""
    return f"  {commit.oid[:12]}  {commit.date[:10]}  {printable(commit.author)}"
