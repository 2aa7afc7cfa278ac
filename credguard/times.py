"""Times as settings name them: durations such as "30d", hours of the day such as "22:00-07:00"."""

import re

from credguard.errors import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])\Z")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_LONGEST_S = 36_500 * 86400


def seconds(duration: str) -> int:
    """The seconds that `duration` ("30d", "24h", "10m", "0s", "2w") names. Raises ConfigError."""
    match = _DURATION.match(duration)
    if match is None:
        raise ConfigError(
            f"{duration!r} is not a duration", hint="write a number and a unit: 30d, 24h, 10m, 0s"
        )
    value = int(match[1]) * _UNITS[match[2]]
    if value > _LONGEST_S:
        raise ConfigError(f"{duration!r} is longer than 100 years", hint="36500d at most")
    return value


def quiet_hours(text: str) -> tuple[int, int] | None:
    """Minutes of the day at which "22:00-07:00" begins and ends; None: no hours are quiet.

    Raises ConfigError.
    """
    if not text:
        return None
    match = _HOURS.match(text)
    if match is None:
        raise ConfigError(f"{text!r} is not a time of day", hint="write it as 22:00-07:00")
    hours = [int(each) for each in match.groups()]
    return hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
