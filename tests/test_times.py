import time

import pytest

from credguard import config
from credguard.daemon.main import _quiet
from credguard.errors import ConfigError
from credguard.times import quiet_hours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("22:00-07:30", (1320, 450)),
        ("00:00-23:59", (0, 1439)),
        ("09:00-09:00", (540,) * 2),
    ],
)
def test_hours_of_the_day(text: str, expected: tuple[int, int] | None) -> None:
    assert quiet_hours(text) == expected


@pytest.mark.parametrize("text", ["22-7", "24:00-07:00", "22:60-07:00", "22:00", "22:00-07:00 "])
def test_what_is_no_time_of_day_is_an_error_that_names_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match=r"notify\.quiet") as caught:
        config.set_value("notify.quiet", text)
    assert "22:00-07:00" in caught.value.hint


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [("watch.places", "aws,desk", "downloads"), ("watch.hooks", "always", "offer")],
)
def test_words_that_are_not_known_are_errors_that_name_those_that_are(
    key: str, value: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match="is not known") as caught:
        config.set_value(key, value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        (None, 3, False), ((1320, 450), 23, True), ((1320, 450), 3, True), ((1320, 450), 12, False),
        ((540, 1020), 12, True), ((540, 1020), 20, False), ((540, 540), 9, False),
    ],
)  # fmt: skip
def test_hours_may_go_over_midnight(
    hours: tuple[int, int] | None, at: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = time.struct_time((2026, 11, 26, at, 30, 0, 3, 330, 0))
    monkeypatch.setattr(time, "localtime", lambda: moment)
    assert _quiet(hours) is expected
