"""Damaged databases: what is carried over, what is said to be missing, and crashes on the way."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.errors import Busy, DatabaseDamaged, StoreError
from credguard.store import chain, db, events, findings, salvage, watches

ROWS = 400


def fill() -> None:
    connection = db.connect()
    watches.add(connection, "/home/ada/src", 7)
    with db.transaction(connection):
        for number in range(ROWS):
            events.record(connection, number, "kind", "x" * 100, number=number)
            seen = findings.Seen(f"f{number:05}", 1, "rule", "x***" * 20)
            findings.observe(connection, number, f"/a/{number}", seen)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def damage(table: str) -> bytes:
    """Overwrite a page in the middle of `table`; what the file is then."""
    file = Path(paths.database_file())
    with sqlite3.connect(file) as connection:
        pages = [
            row[0]
            for row in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)
            )
        ]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    page = sorted(pages)[len(pages) // 2]
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
    return file.read_bytes()


def rebuild(settled: list[salvage.Salvaged] | None = None) -> salvage.Salvaged:
    kept = [] if settled is None else settled
    return salvage.rebuild(paths.database_file(), 0.0, lambda _db, done: kept.append(done))


def count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def filled() -> None:
    fill()


@pytest.mark.usefixtures("filled")
def test_all_but_a_damaged_page_is_carried_over_and_the_file_kept() -> None:
    was = damage("finding")
    done = rebuild()
    assert done.torn == {"finding"}
    assert Path(done.aside).read_bytes() == was
    connection = db.connect()
    assert watches.roots(connection) == ["/home/ada/src"]
    assert count(connection, "event") == ROWS
    assert chain.verify(connection, "event").broken_at is None
    left = [each.path for each in findings.open_findings(connection)]
    assert ROWS // 2 < len(left) < ROWS
    assert {"/a/0", f"/a/{ROWS - 1}"} <= set(left)  # from both ends
    assert done.rows == count(connection, "finding") + ROWS + 1
    modes = {os.stat(f"{paths.state_dir()}/{name}").st_mode & 0o777 for name in kept_files()}
    assert modes == {0o600}


def kept_files() -> list[str]:
    return [name for name in os.listdir(paths.state_dir()) if name.startswith("state.db")]


@pytest.mark.usefixtures("filled")
def test_rows_lost_in_the_log_show() -> None:
    damage("event")
    assert rebuild().torn == {"event"}
    assert chain.verify(db.connect(), "event").broken_at is not None


@pytest.mark.usefixtures("filled")
def test_of_one_that_cannot_be_opened_nothing_is_left_and_all_is_missing() -> None:
    with open(paths.database_file(), "r+b") as file:
        file.write(b"x" * 4096)
    with pytest.raises(DatabaseDamaged):
        db.connect()
    done = rebuild()
    assert done.rows == 0
    assert {"key", "rotation", "watch_root", "finding"} <= done.torn
    assert watches.roots(db.connect()) == []


@pytest.mark.usefixtures("filled")
def test_what_is_only_in_its_log_is_carried_over() -> None:
    code = (
        "import os; from credguard.store import db, watches; c = db.connect();"
        "watches.add(c, '/new', 1); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert os.path.getsize(paths.database_file() + "-wal")
    assert rebuild().torn == set()
    assert watches.roots(db.connect()) == ["/home/ada/src", "/new"]


@pytest.mark.usefixtures("filled")
def test_while_another_process_has_it_open_it_is_left_alone() -> None:
    before = kept_files()
    code = "from credguard.store import db; c = db.connect(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Busy, match="another process uses"):
            rebuild()
        assert not [name for name in kept_files() if "damaged" in name or "rebuil" in name]
        other.communicate(b"\n")
    rebuild()
    assert set(before) < set(kept_files())


@pytest.mark.usefixtures("filled")
def test_who_waited_for_it_gets_the_new_one() -> None:
    code = (
        "from credguard.store import db, watches; print(flush=True);"
        "c = db.connect(); watches.add(c, '/waited', 1)"
    )
    waiting = []

    def settle(_connection: sqlite3.Connection, _done: salvage.Salvaged) -> None:
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        waiting.append(other)
        assert other.stdout is not None
        other.stdout.readline()
        inode = os.stat(paths.database_file()).st_ino
        while not any(  # it has the old one open
            os.stat(f"/proc/{other.pid}/fd/{name}").st_ino == inode
            for name in os.listdir(f"/proc/{other.pid}/fd")
        ):
            assert other.poll() is None

    salvage.rebuild(paths.database_file(), 0.0, settle)
    assert waiting[0].wait(30) == 0
    waiting[0].stdout.close()
    assert watches.roots(db.connect()) == ["/home/ada/src", "/waited"]


@pytest.mark.usefixtures("filled")
def test_where_a_symlink_leads_the_log_is_carried_over_and_the_link_stays(tmp_path: Path) -> None:
    link, target = Path(paths.database_file()), tmp_path / "elsewhere.db"
    os.rename(link, target)
    link.symlink_to(target)
    code = (
        "import os; from credguard.store import db, watches; c = db.connect();"
        "watches.add(c, '/new', 1); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert os.path.getsize(f"{target}-wal")
    rebuild()
    assert link.is_symlink()
    assert watches.roots(db.connect()) == ["/home/ada/src", "/new"]


@pytest.mark.usefixtures("filled")
def test_what_fails_leaves_nothing_beside_it() -> None:
    damage("finding")
    before = {*kept_files(), "state.db.lock"}

    def full(_connection: sqlite3.Connection, _done: salvage.Salvaged) -> None:
        raise StoreError("no space is left")

    for _ in range(2):
        with pytest.raises(StoreError, match="no space"):
            salvage.rebuild(paths.database_file(), 0.0, full)
    assert set(kept_files()) <= before


@pytest.mark.usefixtures("filled")
def test_two_of_the_same_second_are_both_kept() -> None:
    was = damage("finding")
    first = rebuild().aside
    second = rebuild().aside
    assert first != second
    assert Path(first).read_bytes() == was


def test_the_new_one_keeps_a_log_from_the_start() -> None:
    # Else the first to open it writes a journal, which who has the damaged one open rolls back.
    fill()
    rebuild()
    modes = [Path(paths.database_file()).read_bytes()[18:20]]
    assert not [name for name in kept_files() if name.endswith(db.BESIDE)]
    os.unlink(paths.database_file())
    db._make(paths.database_file())
    modes.append(Path(paths.database_file()).read_bytes()[18:20])
    assert modes == [b"\2\2"] * 2  # sqlite.org/fileformat2.html, 1.3.3
    assert not [name for name in kept_files() if name.endswith(db.BESIDE)]


@pytest.mark.usefixtures("filled")
def test_one_that_is_killed_midway_leaves_nothing_that_stays_or_counts() -> None:
    was = damage("finding")
    code = (
        "import os, signal; from credguard import paths; from credguard.store import salvage;"
        "salvage.rebuild(paths.database_file(), 0.0,"
        " lambda _db, _done: os.kill(os.getpid(), signal.SIGKILL))"
    )
    before = set(kept_files())
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert salvage.kept(paths.database_file()) == []
    aside = rebuild().aside
    assert Path(aside).read_bytes() == was
    assert set(kept_files()) == before | {os.path.basename(aside), "state.db.lock"}


STEPS = ("os.unlink", "os.rename", "os.replace", "os.open")


@pytest.mark.usefixtures("filled")
def test_a_crash_at_any_step_leaves_the_old_one_or_the_new(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from credguard.store import db, watches; c = db.connect();"
        "watches.add(c, '/new', 1); import os; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # leaves a log beside it
    calls = 0
    for crash in range(100):
        calls = 0
        with monkeypatch.context() as patch:
            for name in STEPS:
                real = getattr(os, name.partition(".")[2])

                def step(
                    *args: object, real: object = real, last: int = crash, **kwargs: object
                ) -> object:
                    nonlocal calls
                    calls += 1
                    if calls > last:
                        raise KeyboardInterrupt
                    return real(*args, **kwargs)  # type: ignore[operator]

                patch.setattr(name, step)
            try:
                rebuild()
                break
            except KeyboardInterrupt:
                pass
        # As the crash left it, into a place of its own: looking must not mend it for the next.
        look = (
            "from credguard.store import db, watches; c = db.connect();"
            "print(*watches.roots(c)); c.close()"
        )
        said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True)
        assert said.stdout.split() == ["/home/ada/src", "/new"], (crash, said.stderr)
    else:
        pytest.fail("it never came to its end")
    assert crash > 8
    assert not [name for name in kept_files() if "rebuil" in name]


@pytest.mark.usefixtures("filled")
def test_one_of_a_newer_version_is_left_alone() -> None:
    with sqlite3.connect(paths.database_file()) as connection:
        connection.execute("PRAGMA user_version=9999")
    connection.close()
    with pytest.raises(StoreError, match="newer credguard"):
        rebuild()
    assert sqlite3.connect(paths.database_file()).execute("SELECT path FROM watch_root").fetchall()


def test_one_of_an_older_version_is_brought_up_to_date() -> None:
    paths.private_dir(paths.state_dir())
    with sqlite3.connect(paths.database_file()) as connection:
        connection.executescript(db._MIGRATIONS[0])
        connection.execute("INSERT INTO watch_root VALUES ('/home/ada/src', 7)")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    assert rebuild().torn == set()
    assert watches.roots(db.connect()) == ["/home/ada/src"]
