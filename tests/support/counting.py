"""Prints what the tests counted, also when they ran in several processes."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each name that tests gave to `record_property` with a number."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                total.update({k: v for k, v in report.user_properties if isinstance(v, int)})
    for name, count in sorted(total.items()):
        terminalreporter.write_line(f"{count:,} {name} were run to their end")
