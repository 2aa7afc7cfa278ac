"""The watching part over real files and events, stepped by the test; time is passed by hand."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import baseline, hook, watch
from credguard.app.context import Context
from credguard.config import WatchConfig
from credguard.daemon import watching as module
from credguard.daemon.commits import Commits
from credguard.daemon.layered import Layered
from credguard.daemon.letting import Letting
from credguard.daemon.offers import Offers
from credguard.daemon.watching import Watching
from credguard.daemon.worker import Worker
from credguard.sources.database import load_engine
from credguard.store import findings, watches
from credguard.store.fingerprint_key import fingerprint_key
from tests.support.daemon import leak


class World:
    """The parts of the daemon that watch, and what a person would have been told."""

    def __init__(self, tree: Path, **settings: object) -> None:
        self.tree = tree
        self.ctx = Context()
        self.db: sqlite3.Connection = self.ctx.db
        self.told: list[str] = []
        self.buttons: dict[str, Callable[[], None] | None] = {}
        self.woken = threading.Event()
        self.now = self.ahead = 0.0
        config = WatchConfig(**settings)  # type: ignore[arg-type]
        rules = load_engine(paths.private_dir(paths.cache_dir()))
        engine, key = Layered(rules), fingerprint_key()
        letting = Letting(rules, time.monotonic)
        worker = Worker(
            engine, self.db, key, max_bytes=1_000_000, tell=self.tell, now=time.time,
            letting=letting,
        )  # fmt: skip
        commits = Commits(engine, self.db, key, max_bytes=1_000_000, tell=self.tell, now=time.time)
        self.offers = Offers(self.ctx, self.tell, config.hooks, time.time, lambda: self.now)
        self.watching = Watching(
            self.db, worker, commits, letting, self.offers, config,
            wake=self.woken.set, stopping=lambda: False,
            wall=lambda: time.time() + self.ahead,
        )  # fmt: skip

    def tell(
        self,
        _title: str,
        body: str,
        done: Callable[[], None] = lambda: None,
        *,
        actions: tuple[object, ...] = (),
        urgent: bool = False,
    ) -> None:
        self.told.append(body)
        self.buttons.update({each.name: each.do for each in actions})  # type: ignore[attr-defined]
        done()

    def turn(self) -> bool:
        self.watching.refresh()
        self.watching.check()
        return self.watching.step()

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "the condition did not come true"
            if not self.turn():
                self.woken.wait(0.02)
                self.woken.clear()

    def settle(self) -> None:
        """Until a mark written now was seen, and nothing is left to do."""
        mark = self.tree / "settled"
        mark.write_text(leak(9999))
        self.until(lambda: str(mark) in self.open())
        mark.unlink()
        self.until(lambda: str(mark) not in self.open())
        while self.turn():
            pass

    def open(self) -> set[str]:
        return {each.path for each in findings.open_findings(self.db)}

    def states(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in findings.in_state(self.db):
            found.setdefault(os.path.relpath(each.path, self.tree), set()).add(each.state)
        return found


Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path, compiled_rules: None) -> Iterator[Make]:
    made: list[World] = []

    def start(**settings: object) -> World:
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        watch.add(Context(), str(tree))
        world = World(tree, **{"places": [], **settings})
        world.watching.start()
        made.append(world)
        while world.turn():
            pass
        return world

    yield start
    for world in made:
        world.watching.close()


@pytest.fixture
def world(make: Make) -> World:
    return make()


def git(folder: Path, *args: str) -> None:
    subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True)


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
    monkeypatch.setattr(module, "_POLL_S", 0.0)
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


@pytest.fixture
def home(poisoned: Path) -> Path:
    for name in (".aws/cli/cache", "Downloads", "other", ".local/share/fish"):
        (poisoned / name).mkdir(parents=True)
    return poisoned


def test_places_where_keys_lie_are_watched_without_being_chosen(make: Make, home: Path) -> None:
    (home / ".bash_history").write_text("ls\n")
    world = make(places=["aws", "histories", "downloads"])
    wanted = {
        home / ".bash_history", home / ".local/share/fish/fish_history", home / ".aws/credentials",
        home / "Downloads/dev_accessKeys.csv", home / "Downloads/notes.txt", home / ".env",
    }  # fmt: skip
    others = {
        home / "notes.txt", home / "other/.env", home / ".aws/cli/cache/x.json",
        home / "Downloads/movie.mp4",
    }  # fmt: skip
    for number, file in enumerate([*sorted(wanted), *sorted(others)]):
        with open(file, "a") as opened:
            opened.write(leak(number))
    world.until(lambda: world.open() >= {str(file) for file in wanted})
    world.settle()
    assert world.open() == {str(file) for file in wanted}
    said = next(body for body in world.told if "accessKeys.csv" in body)
    assert f"credguard import {home}/Downloads/dev_accessKeys.csv" in said
    (home / "Downloads/dev_accessKeys.csv").unlink()
    world.until(lambda: str(home / "Downloads/dev_accessKeys.csv") not in world.open())


def test_a_downloads_folder_of_another_name_that_comes_later(
    make: Make, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PLACES_S", 0.0)
    (home / ".config").mkdir()
    (home / ".config/user-dirs.dirs").write_text('# x\nXDG_DOWNLOAD_DIR="$HOME/Geladen"\n')
    world = make(places=["downloads"])
    (home / "Geladen").mkdir()
    (home / "Geladen" / "rootkey.csv").write_text(leak())
    world.until(lambda: world.open() == {str(home / "Geladen/rootkey.csv")})


def offered(world: World) -> list[str]:
    for _ in range(20):
        world.turn()
        world.now += 1
        world.offers.poll()
    return [body for body in world.told if "hook" in body]


def test_a_new_repository_is_offered_the_hook_once_and_the_button_installs_it(make: Make) -> None:
    world = make()
    git(world.tree, "init", "-q", "one")
    world.settle()
    (said,) = offered(world)
    assert f"credguard hook install {world.tree}/one" in said
    assert hook.status(world.ctx, str(world.tree / "one")).state == "absent"
    button = world.buttons["hook"]
    assert button is not None
    button()
    assert hook.status(world.ctx, str(world.tree / "one")).state == "installed"
    again = World(world.tree, places=[])
    again.watching.start()
    git(world.tree, "init", "-q", "two")
    again.settle()
    (said,) = offered(again)
    assert "two" in said
    again.watching.close()


def test_many_repositories_are_one_offer(make: Make, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "tree" / str(number)).mkdir(parents=True)
        git(tmp_path / "tree" / str(number), "init", "-q")
    (said,) = offered(make())
    assert said.startswith("6 repositories have no credguard hook")
    assert "credguard hook install --global" in said


def test_by_a_setting_the_hook_is_installed_but_not_where_a_repository_points_elsewhere(
    make: Make, tmp_path: Path
) -> None:
    world = make(hooks="install")
    for name in ("good", "evil"):
        git(world.tree, "init", "-q", name)
    elsewhere = tmp_path / "elsewhere"
    git(world.tree / "evil", "config", "core.hooksPath", str(elsewhere))
    world.settle()
    offered(world)
    assert hook.status(world.ctx, str(world.tree / "good")).state == "installed"
    assert not elsewhere.exists()


@pytest.mark.parametrize("mode", ["off", "global"])
def test_nothing_is_offered_where_nobody_wants_it(make: Make, mode: str) -> None:
    if mode == "global":
        hook.install(Context(), None, global_=True)
    world = make(hooks="off" if mode == "off" else "offer")
    git(world.tree, "init", "-q", "one")
    world.settle()
    assert offered(world) == []


def test_a_new_repository_is_read_without_running_what_it_names(make: Make, tmp_path: Path) -> None:
    world = make(hooks="install")
    ran, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o755)
    (tmp_path / "included").write_text(f"[core]\n\tfsmonitor = {program}\n\tpager = {program}\n")
    top = tmp_path / "hostile"
    git(tmp_path, "init", "-q", "hostile")
    (top / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (top / "a.py").write_text(leak(1))
    git(top, "add", ".")
    git(top, "commit", "-qm", "x")
    for name, value in (
        ("core.fsmonitor", str(program)), ("core.pager", str(program)),
        ("core.sshCommand", str(program)), ("core.alternateRefsCommand", str(program)),
        ("filter.evil.clean", str(program)), ("filter.evil.smudge", str(program)),
        ("filter.evil.process", str(program)), ("diff.evil.textconv", str(program)),
        ("diff.evil.command", str(program)), ("diff.external", str(program)),
        ("gpg.program", str(program)), ("log.showSignature", "true"),
        (f"includeIf.gitdir:{world.tree}/.path", str(tmp_path / "included")),
    ):  # fmt: skip
        git(top, "config", name, value)
    (top / "a.py").write_text(leak(2))
    top.rename(world.tree / "hostile")
    world.until(lambda: str(world.tree / "hostile" / "a.py") in world.open())
    world.settle()
    offered(world)
    assert any("in commit" in body for body in world.told)
    assert not ran.exists()
