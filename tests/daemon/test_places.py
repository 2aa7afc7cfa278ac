"""Places where keys lie, and repositories without the hook: found and told, each once."""

from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from credguard.daemon import watching as module
from tests.support.daemon import leak
from tests.support.watched import Make, World, git


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
