"""Every way to make a commit x place x encoding: blocked, told after, or stopped at a push."""

import shutil
from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from credguard.daemon.commits import git_folder
from credguard.store import commits as store
from tests.daemon.test_commits import Service
from tests.support import gate_ways
from tests.support.gate import (
    BLOCKED,
    ENCODINGS,
    NONE,
    PLACES,
    PUSH,
    TOLD,
    WAYS,
    Cell,
    Place,
    Stopped,
    Way,
    copy_base,
    encodings,
    make_base,
)

assert gate_ways
pytestmark = pytest.mark.usefixtures("compiled_rules")
PAGE = Path(__file__).parents[2] / "docs" / "git-gate.md"
PLAIN = next(iter(ENCODINGS))


@pytest.fixture
def base(tmp_path: Path, compiled_rules: None) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    make_base(folder, lambda repo: _install(repo))
    return folder


def _install(repo: Path) -> None:
    hook.install(Context(), str(repo), global_=False)


def outcome(way: Way, cell: Cell) -> str:
    """What happened, in order: a hook stopped it, the service told it, a push was stopped."""
    before = PUSH if way.outcome == PUSH else BLOCKED
    try:
        worked_in = way.run(cell) or cell.repo
    except Stopped:
        return before
    service = Service()
    dot_git = git_folder(str(worked_in))
    assert dot_git is not None
    for each in service.commits.repositories(dot_git):
        service.commits.look(each)
    service.turn()
    told = bool(store.found(service.ctx.db)) and bool(service.told)
    service.ctx.db.execute("DELETE FROM commit_finding")
    service.ctx.db.execute("DELETE FROM commit_seen")
    service.ctx.db.execute("DELETE FROM commit_since")
    if told:
        # The last gate holds, too.
        cell.git("remote", "set-url", "origin", str(cell.folder / "upstream"), cwd=worked_in)
        with pytest.raises(Stopped):
            cell.git("push", "-q", "origin", "HEAD:refs/heads/pushed", cwd=worked_in)
    return TOLD if told else NONE


def check(way: Way, place: Place, encoding: str, base: Path) -> None:
    folder = base.parent / "cell"
    if folder.exists():
        shutil.rmtree(folder)
    copy_base(base, folder)
    measured = outcome(way, Cell(folder, place, ENCODINGS[encoding]))
    assert measured == way.expected(place), f"{way.shown}, {place.name}, {encoding}"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way(way: Way, base: Path) -> None:
    place = next(place for place in PLACES if way.expected(place) != NONE)
    check(way, place, PLAIN, base)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@pytest.mark.parametrize("name", ["commit", "no_verify"])
def test_every_place(name: str, place: Place, base: Path) -> None:
    (way,) = (way for way in WAYS if way.name == name)
    for encoding in [PLAIN] if place.plain_only else [PLAIN, "UTF-16 little"]:
        check(way, place, encoding, base)


@pytest.mark.slow
@pytest.mark.timeout(2700)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_whole_matrix(way: Way, base: Path) -> None:
    for place in PLACES:
        if way.expected(place) == NONE:
            continue
        for encoding in encodings(way, place):
            check(way, place, encoding, base)


def table() -> str:
    """The matrix as it is promised; the tests above hold it against git."""
    rows = [
        "| way | " + " | ".join(place.name for place in PLACES) + " |",
        "|---" * (len(PLACES) + 1) + "|",
    ]
    rows += [
        f"| {way.shown} | " + " | ".join(way.expected(place) for place in PLACES) + " |"
        for way in WAYS
    ]
    return "\n".join(rows) + "\n"


def test_the_page_shows_the_matrix() -> None:
    print(table())
    assert table() in PAGE.read_text()
