"""The watching part over real files and events, stepped by the test; time is passed by hand."""

import ctypes
import itertools
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import baseline
from credguard.daemon import polling, watching
from credguard.daemon.layered import Layered
from credguard.daemon.roots import removed, root_at
from credguard.sources import ignored
from credguard.sources.database import load_engine
from credguard.store import watches
from tests.support.daemon import leak
from tests.support.watched import Make, World, git


@pytest.fixture
def world(make: Make) -> World:
    return make()


# How editors save `f`, with the new text: vim (backupcopy=no), VS Code, JetBrains, Emacs, GNOME.


def vim(file: Path, text: str) -> None:
    folder = file.parent
    (folder / f".{file.name}.swp").write_text(text)
    (folder / "4913").write_text("")
    (folder / "4913").unlink()
    backup = folder / f"{file.name}~"
    file.rename(backup)
    file.write_text(text)
    backup.unlink()
    (folder / f".{file.name}.swp").unlink()


def code(file: Path, text: str) -> None:
    with open(file, "r+") as opened:
        opened.truncate(0)
        opened.write(text)


def jetbrains(file: Path, text: str) -> None:
    new, old = (file.with_name(f"{file.name}___jb_{word}___") for word in ("tmp", "old"))
    new.write_text(text)
    file.rename(old)
    new.rename(file)
    old.unlink()


def emacs(file: Path, text: str) -> None:
    lock = file.with_name(f".#{file.name}")
    lock.symlink_to("person@host.1234:5678")
    file.with_name(f"#{file.name}#").write_text(text)
    file.rename(file.with_name(f"{file.name}~"))
    file.write_text(text)
    file.with_name(f"#{file.name}#").unlink()
    lock.unlink()


def gnome(file: Path, text: str) -> None:
    new = file.with_name(".goutputstream-AB12CD")
    new.write_text(text)
    new.rename(file)


@pytest.mark.parametrize("save", [vim, code, jetbrains, emacs, gnome])
def test_a_file_saved_by_an_editor_is_found_under_its_own_name_and_told_once(
    world: World, save: Callable[[Path, str], None]
) -> None:
    file = world.tree / "settings.py"
    file.write_text("a = 1\n")
    save(file, leak())
    world.until(lambda: world.open() == {str(file)})
    save(file, "# a comment\n" + leak())
    world.settle()
    assert str(file) in world.open()
    assert len([body for body in world.told if str(file) in body]) == 1
    save(file, "a = 1\n")
    if save is emacs:  # its backup has what was there before
        world.until(lambda: world.open() == {f"{file}~"})
    else:
        world.until(lambda: world.open() == set())


def test_a_file_of_an_open_editor_is_not_told_beside_the_file(world: World) -> None:
    for name in (".a.py.swp", "#a.py#", "a.py___jb_tmp___", ".goutputstream-1"):
        (world.tree / name).write_text(leak())
    world.settle()
    assert world.open() == set()


def test_ignored_files_and_folders_are_left_alone_but_for_those_where_keys_lie(
    world: World,
) -> None:
    git(world.tree, "init", "-q")
    (world.tree / ".gitignore").write_text("out/\n*.log\n.env\n")
    (world.tree / "out" / "deep").mkdir(parents=True)
    world.settle()
    before = len(world.watching._watcher.folders())
    (world.tree / "out" / "deep" / "new").mkdir()
    for number, name in enumerate(("a.log", "out/b.py", "out/deep/new/c.py", ".env", "d.py")):
        (world.tree / name).write_text(leak(number))
    world.until(lambda: str(world.tree / "d.py") in world.open())
    world.settle()
    assert world.open() == {str(world.tree / ".env"), str(world.tree / "d.py")}
    assert len(world.watching._watcher.folders()) == before


def test_what_lets_pass_counts_as_soon_as_it_is_written(world: World) -> None:
    git(world.tree, "init", "-q")
    (world.tree / "a").mkdir()
    files = [world.tree / "a" / name for name in ("one.py", "two.log", "three.py")]
    for number, file in enumerate(files):
        file.write_text(leak(number))
    world.until(lambda: world.open() == {str(file) for file in files})
    told = len(world.told)
    (world.tree / ".gitignore").write_text("*.log\n")
    world.until(lambda: world.states()["a/two.log"] == {"allowed"})
    (world.tree / "a" / ".credguard.toml").write_text('[allow]\npaths = ["one.py"]\n')
    world.until(lambda: world.states()["a/one.py"] == {"allowed"})
    known = baseline.new(str(world.tree / baseline.FILE))
    data = files[2].read_bytes()
    engine = Layered(load_engine(paths.cache_dir()))
    for each in engine.scan(data, os.fsencode(files[2])):
        known.baseline.add(each, b"a/three.py")
    known.save()
    world.until(lambda: world.open() == set())
    (world.tree / baseline.FILE).unlink()
    world.until(lambda: world.open() == {str(files[2])})
    assert len(world.told) == told


def test_beyond_the_budget_folders_are_polled(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(polling, "EVERY_S", 0.0)
    for number in range(6):
        (tmp_path / "tree" / f"d{number}").mkdir(parents=True)
    world = make(most_watches=3)
    for number in range(6):
        (world.tree / f"d{number}" / "new").mkdir()
        (world.tree / f"d{number}" / "new" / "a.py").write_text(leak(number))
        (world.tree / f"d{number}" / "b.py").write_text(leak(number + 10))
    world.until(lambda: len(world.open()) == 12)
    assert len(world.watching._watcher.folders()) <= 3
    shutil.rmtree(world.tree / "d5")
    world.until(lambda: len(world.open()) == 10)


def test_a_sleep_or_a_set_clock_ends_in_a_look_at_everything(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for ahead in (3600.0, -365 * 86400.0):  # in a sleep the monotonic clock stands still
        caplog.clear()
        world.ahead = ahead
        world.turn()
        assert "the machine slept, or its clock was set" in caplog.text
        world.until(lambda: "every watched file was looked at" in caplog.text)
    world.turn()
    assert caplog.text.count("slept") == 1


def test_links_fifos_and_devices_are_not_followed_or_opened(world: World) -> None:
    (world.tree / "loop").symlink_to(world.tree)
    (world.tree / "a").mkdir()
    (world.tree / "a" / "b").symlink_to(world.tree / "a")
    os.mkfifo(world.tree / "fifo")
    (world.tree / "zero").symlink_to("/dev/zero")
    if os.geteuid() == 0:
        os.mknod(world.tree / "device", 0o600 | 0o020000, os.makedev(1, 5))
    world.settle()
    world.watching.look_at_everything("test")
    world.settle()
    assert world.open() == set()
    assert len(world.watching._watcher.folders()) == 2


def test_counts_of_a_root_are_kept_for_who_asks(world: World) -> None:
    for number in range(5):
        (world.tree / f"{number}.py").write_text("a = 1\n")
    world.watching.look_at_everything("test")
    while world.turn():
        pass
    (looked,) = watches.looked(world.db).values()
    assert looked.files == 5
    assert looked.at is not None
    other = world.tree.parent / "other"
    other.mkdir()
    (other / "a.py").write_text("a = 1\n")
    watches.add(world.db, str(other), 1)
    world.until(lambda: watches.looked(world.db)[str(other)].files == 1)


def test_a_look_at_everything_ends_also_while_new_folders_come_without_an_end(
    world: World,
) -> None:
    file = world.tree / "a.py"
    file.write_text("a = 1\n")
    world.watching._backlog.append(itertools.repeat(str(file)))
    world.watching.look_at_everything("test")
    for _ in range(50):
        world.turn()
    assert not world.watching._walking


def test_a_place_that_was_removed_and_made_again_is_watched_again(
    make: Make, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_PLACES_S", 0.0)
    folder = Path(paths.aws_credentials_file()).parent
    folder.mkdir(exist_ok=True)
    world = make(places=["aws"])
    for moved in (False, True):
        if moved:
            folder.rename(folder.with_name("moved"))
        else:
            shutil.rmtree(folder)
        folder.mkdir()
        world.turn()
        (folder / "credentials").write_text(leak(moved))
        world.until(lambda: str(folder / "credentials") in world.open())


def test_a_place_in_a_folder_that_is_no_longer_watched_is_watched_on(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tree" / "aws" / "credentials"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    world = make(places=["aws"])
    watches.remove(world.db, str(world.tree))
    while world.turn():
        pass
    file.write_text(leak())
    world.until(lambda: world.open() == {str(file)})


def test_what_cannot_be_reached_for_a_while_is_not_taken_for_gone(make: Make) -> None:
    held_to_modes(lambda: out_of_reach(make()))


def test_what_went_with_its_file_system_is_not_taken_for_removed(tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "tree"
    folder.mkdir(parents=True)
    was = root_at(str(folder))
    assert was is not None
    shutil.rmtree(folder.parent)
    assert removed(str(folder), was)
    assert not removed(str(folder), replace(was, device=was.device + 1))
    assert not removed(str(folder), replace(was, mounted=True))


def held_to_modes(body: Callable[[], None]) -> None:
    """Call `body` in a thread that may read and enter what modes allow only, root's too."""

    def run() -> None:
        if os.geteuid() == 0:
            libc = ctypes.CDLL(None, use_errno=True)
            header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capabilities(7), version 3; ourselves
            sets = (ctypes.c_uint32 * 6)()
            assert libc.capget(header, sets) == 0
            for each in range(3):
                sets[each] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert libc.capset(header, sets) == 0
        body()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def out_of_reach(world: World) -> None:
    folder = world.tree / "sub"
    folder.mkdir()
    file = folder / "a.py"
    file.write_text(leak())
    world.until(lambda: world.open() == {str(file)})
    for closed in (folder, world.tree):
        closed.chmod(0)
        try:
            world.ahead += 3600  # a look at everything
            while world.turn():
                pass
            assert world.open() == {str(file)}
        finally:
            closed.chmod(0o700)
    world.until(lambda: world.watching.roots == 1)
    file.unlink()
    world.until(lambda: world.open() == set())


def test_many_files_with_findings_are_looked_at_again_in_turns_and_git_is_asked_for_many_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(world.tree, "init", "-q")
    files = [world.tree / f"f{number}.txt" for number in range(150)]
    for number, file in enumerate(files):
        file.write_text("")
        world.db.execute(
            "INSERT INTO finding (fingerprint, path, line, rule_id, masked, first_seen, last_seen)"
            " VALUES (?, ?, 1, 'r', '***', 1e9, 1e9)",
            (str(number), str(file)),
        )
    asked: list[int] = []
    among = ignored.among

    def counted(top: str, paths: list[str]) -> set[str]:
        asked.append(len(paths))
        return among(top, paths)

    world.watching._inbox.take(1000)
    monkeypatch.setattr(ignored, "among", counted)
    world.watching.look_at_everything("as at a start")
    world.watching.step()
    assert 0 < len(world.open()) < 150
    world.until(lambda: not world.open())
    assert len(asked) < 20
