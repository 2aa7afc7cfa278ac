import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import watchdog.observers  # noqa: F401 - chosen by the real platform

from credguard.daemon import watcher as this_platform
from credguard.daemon.tree import Ignores
from credguard.daemon.watcher import Watcher
from tests.support.daemon import until


@pytest.fixture
def seen() -> set[str]:
    return set()


@pytest.fixture
def watcher(seen: set[str]) -> Iterator[Watcher]:
    watcher = Watcher(seen.add, Ignores(time.monotonic))
    yield watcher
    watcher.close()


def test_written_moved_and_deleted_files_are_seen(
    tmp_path: Path, watcher: Watcher, seen: set[str]
) -> None:
    (tmp_path / "old").write_text("x")
    assert list(watcher.add_tree(str(tmp_path))) == [str(tmp_path / "old")]
    (tmp_path / "new").write_text("x")
    until(lambda: str(tmp_path / "new") in seen)
    (tmp_path / "new").rename(tmp_path / "renamed")
    until(lambda: str(tmp_path / "renamed") in seen)
    (tmp_path / "old").unlink()
    until(lambda: str(tmp_path / "old") in seen)


def test_a_new_folder_is_put_and_its_content_given(
    tmp_path: Path, watcher: Watcher, seen: set[str]
) -> None:
    list(watcher.add_tree(str(tmp_path)))
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "f").write_text("x")
    until(lambda: str(tmp_path / "a") in seen)
    assert list(watcher.add_tree(str(tmp_path / "a"))) == [str(tmp_path / "a" / "b" / "f")]


def test_a_moved_folder_reports_under_its_new_name(
    tmp_path: Path, watcher: Watcher, seen: set[str]
) -> None:
    (tmp_path / "a").mkdir()
    list(watcher.add_tree(str(tmp_path)))
    (tmp_path / "a").rename(tmp_path / "b")
    until(lambda: str(tmp_path / "b") in seen)
    list(watcher.add_tree(str(tmp_path / "b")))
    (tmp_path / "b" / "f").write_text("x")
    until(lambda: str(tmp_path / "b" / "f") in seen)
    assert watcher.count == 2


def test_a_stopped_event_thread_is_told(tmp_path: Path) -> None:
    watcher = Watcher(lambda _: None, Ignores(time.monotonic))
    assert watcher.alive
    watcher.close()
    assert not watcher.alive


def test_beyond_its_budget_folders_are_named_until_there_is_room(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"d{number}").mkdir()
    watcher = Watcher(lambda _: None, Ignores(time.monotonic), most=4)
    try:
        list(watcher.add_tree(str(tmp_path)))
        assert (watcher.count, len(watcher.unwatched)) == (4, 2)
        assert watcher.folders() | set(watcher.unwatched) == {
            str(tmp_path), *(str(tmp_path / f"d{number}") for number in range(5))
        }  # fmt: skip
        kept = next(iter(watcher.folders() - {str(tmp_path)}))
        watcher.forget_tree(kept)
        list(watcher.add_tree(next(iter(watcher.unwatched))))
        assert (watcher.count, len(watcher.unwatched)) == (4, 1)
    finally:
        watcher.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as other platforms have it, over this one's observer."""
    spec = importlib.util.spec_from_file_location("elsewhere", this_platform.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        spec.loader.exec_module(module)
    return module


def test_elsewhere_a_tree_below_a_folder_that_is_watched_alone_is_watched(
    tmp_path: Path, seen: set[str], elsewhere: ModuleType
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    watcher = elsewhere.Watcher(seen.add, Ignores(time.monotonic))
    try:
        watcher.add_folder(str(tmp_path))
        list(watcher.add_tree(str(tmp_path / "a")))
        (tmp_path / "a" / "b" / "f").write_text("x")
        until(lambda: str(tmp_path / "a" / "b" / "f") in seen)
    finally:
        watcher.close()
