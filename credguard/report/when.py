"""Times and spans in a person's words; local time comes from the system's zone."""

from datetime import UTC, datetime

UNKNOWN = "UNKNOWN"
_HOUR, _DAY = 3600.0, 86400.0


def span(seconds: float) -> str:
    """Such as 5 min, 30 h, 12 d; at least a minute."""
    if seconds < _HOUR:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} d"


def later(seconds: float) -> str:
    """When something comes that is `seconds` away: now, or in 5 min."""
    return "now" if seconds <= 0 else f"in {span(seconds)}"


def ago(seconds: float) -> str:
    """How long ago something was: just now, or 5 min ago."""
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def minute(at: float) -> str:
    """`at` to the minute in local time; UNKNOWN when no calendar has it."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return UNKNOWN
