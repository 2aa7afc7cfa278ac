from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.notify import desktop as module
from credguard.notify.desktop import Notification, Said, notify
from tests.support.daemon import until
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


def test_a_bus_is_not_looked_for_in_the_working_directory(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.chdir(Path(desktop.address.removeprefix("unix:path=")).parent)
    assert not notify("title", "body")
    assert desktop.shown() == []


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


@pytest.fixture
def server() -> Iterator[module.Desktop]:
    made = module.Desktop()
    yield made
    made.close()


def heard(server: module.Desktop, count: int) -> list[Said]:
    said: list[Said] = []

    def enough() -> bool:
        said.extend(server.poll())
        return len(said) >= count

    until(enough)
    return said


def test_one_process_shows_all_and_hears_which_button_was_pressed(
    desktop: Desktop, server: module.Desktop
) -> None:
    buttons = (("allow", "Not a secret"), ("show", "Show the file"))
    for number in (1, 2):
        assert server.show(number, Notification(f"t{number}", "b", buttons, "/tmp/a file"))
    assert heard(server, 2) == [Said(1, "shown"), Said(2, "shown")]
    assert desktop.buttons() == ["allow", "Not a secret", "show", "Show the file"]
    desktop.press(2, "allow")
    assert heard(server, 1) == [Said(2, "allow")]
    desktop.press(1, "show")
    until(lambda: desktop.files() == ["file:///tmp/a%20file"])
    desktop.press(1, "dismissed")
    desktop.press(1, "allow")  # it is gone: nothing is heard of it
    desktop.press(2, "allow")
    assert heard(server, 1) == [Said(2, "allow")]


def test_a_desktop_that_goes_away_is_told(desktop: Desktop, server: module.Desktop) -> None:
    assert server.show(1, Notification("t", "b", (("a", "A"),)))
    assert heard(server, 1) == [Said(1, "shown")]
    desktop.bus.kill()
    desktop.bus.wait()
    assert server.show(2, Notification("t", "b"))
    assert heard(server, 1) == [Said(2, "failed")]
