from pathlib import Path

import pytest

from credguard import notify as module
from credguard.notify import notify
from tests.support.desktop import Desktop


def test_without_a_desktop_nothing_is_shown_and_nothing_hangs() -> None:
    assert not notify("title", "body")


def test_a_bus_that_is_not_there_is_no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=credguard-absent")
    assert not notify("title", "body")


def test_the_desktop_shows_it_and_a_path_is_no_markup(desktop: Desktop) -> None:
    assert notify("title", "/a/<b>x</b>&y")
    assert desktop.shown() == [("title", "/a/&lt;b&gt;x&lt;/b&gt;&amp;y")]


def test_a_bus_that_is_not_named_is_found_where_systemd_puts_it(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    folder = Path(desktop.address.removeprefix("unix:path=")).parent
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    assert notify("title", "body")


@pytest.mark.parametrize("desktop", ["hang"], indirect=True)
def test_a_desktop_that_never_answers_is_given_up(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 1.0)
    assert not notify("title", "body")


def test_a_folder_of_that_name_in_the_working_directory_is_not_run(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credguard").mkdir()
    (tmp_path / "credguard" / "__init__.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert notify("title", "body")
