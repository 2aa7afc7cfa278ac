import pytest

from credguard.notify import notify


def test_without_a_desktop_nothing_is_shown_and_nothing_hangs() -> None:
    assert not notify("title", "body")


def test_a_bus_that_is_not_there_is_no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=credguard-absent")
    assert not notify("title", "body")
