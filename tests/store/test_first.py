"""The first database: whole when it gets its name, so that an empty one there is a damaged one."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import longterm, rebuilding, upgrade
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.errors import DatabaseDamaged, StoreError
from credguard.store import db, salvage, watches
from tests.store.test_migrations import of_version


def filled() -> Path:
    connection = db.connect()
    watches.add(connection, "/home/ada/src", 7)
    connection.close()
    return Path(paths.database_file())


def names() -> set[str]:
    return set(os.listdir(paths.state_dir()))


def leave_log(path: str) -> None:
    """A row that only the log has, of a process that was killed."""
    code = (
        f"import os; from credguard.store import db, watches; c = db.connect();"
        f"watches.add(c, {path!r}, 1); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_that_was_cut_to_nothing_is_damage_for_whoever_opens_it() -> None:
    filled().write_bytes(b"")
    for use in (
        db.connect,
        lambda: db.connect_to_hand_out(1.0),
        lambda: upgrade.finish(Context(), print),
    ):
        with pytest.raises(DatabaseDamaged, match="it is empty") as caught:
            use()
        assert "vault recover" in caught.value.hint
    assert db.reader(1.0) is None
    (found,) = state.database(state.database_facts(Context()))
    assert "it is empty" in found.said
    assert Path(paths.database_file()).read_bytes() == b""


@pytest.mark.parametrize("damage", [b"", b"no database at all " * 500])
def test_a_damaged_one_does_not_keep_the_version_away_that_mends_it(damage: bytes) -> None:
    filled().write_bytes(damage)
    upgrade.check()
    with pytest.raises(DatabaseDamaged) as caught:
        upgrade.finish(Context(), print)
    assert "vault recover" in caught.value.hint


def test_where_it_cannot_be_looked_for_that_is_told_not_that_there_is_none() -> None:
    # As another user's folder is for a container: root, who may look anywhere, gets no EACCES.
    folder = Path(paths.state_dir())
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file")
    for use in (
        lambda: longterm.connect("work"),
        db.connect,
        upgrade.check,
        lambda: upgrade.finish(Context(), print),
        lambda: rebuilding.if_damaged(Context()),
    ):
        with pytest.raises(StoreError, match=r"Not a directory|File exists") as caught:
            use()
        assert "modes" in caught.value.hint
    (found,) = state.database(state.database_facts(Context()))
    assert "Not a directory" in found.said
    assert db.reader(1.0) is None


def test_it_is_made_anew_kept_aside_and_told() -> None:
    filled().write_bytes(b"")
    done = rebuilding.if_damaged(Context())
    assert done is not None
    assert "which was nothing" in done.what
    assert [name for name in names() if "damaged" in name]
    assert watches.roots(db.connect()) == []


@pytest.mark.parametrize("gone", [False, True])
def test_what_its_log_still_has_comes_back(gone: bool) -> None:
    file = filled()
    code = (
        "import os; from credguard.store import db, watches; c = db.connect();"
        "c.execute('VACUUM'); watches.add(c, '/new', 1); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # every page is in the log
    if gone:
        file.unlink()
    else:
        file.write_bytes(b"")
    with pytest.raises(DatabaseDamaged):
        db.connect()
    assert state.there()
    done = rebuilding.if_damaged(Context())
    assert done is not None
    assert watches.roots(db.connect()) == ["/home/ada/src", "/new"]


def test_a_log_without_its_database_is_not_read_into_a_new_one() -> None:
    file = filled()
    leave_log("/new")
    file.unlink()
    with pytest.raises(DatabaseDamaged, match="only its log is left"):
        db.connect()
    before = Path(f"{file}-wal").read_bytes()
    done = salvage.rebuild(str(file), 0.0, lambda _db, _done: None)
    assert Path(f"{done.aside}-wal").read_bytes() == before
    assert {"watch_root", "profile", "rotation"} <= done.torn
    assert db.connect().execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("gone", [False, True])
def test_a_journal_of_the_lost_one_is_not_rolled_back_into_the_new(gone: bool) -> None:
    # Where SQLite can keep no log (a network's file system) it writes a journal, and a crash in the
    # middle of a write leaves that.
    file = filled()
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA journal_mode=DELETE'); c.execute('PRAGMA cache_size=1');"
        "c.execute('BEGIN'); c.execute('UPDATE watch_root SET path = 1');"
        "c.execute('CREATE TABLE many AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1"
        " FROM n LIMIT 999) SELECT x, randomblob(999) FROM n'); import os; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, file], check=True)
    journal = Path(f"{file}-journal").read_bytes()
    assert any(journal[:8])  # as SQLite begins one that is to be rolled back
    if gone:
        file.unlink()
        watches.add(db.connect(), "/new", 1)
        assert watches.roots(db.connect()) == ["/new"]
    else:
        file.write_bytes(b"")
        done = salvage.rebuild(str(file), 0.0, lambda new, _done: watches.add(new, "/new", 1))
        assert Path(f"{done.aside}-journal").read_bytes() == journal
        assert len(salvage.kept(str(file))) == 1
        assert "/new" in watches.roots(db.connect())
    assert db.connect().execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_empty_files_beside_none_are_no_damage() -> None:
    file = filled()
    leave_log("/new")
    file.unlink()
    Path(f"{file}-wal").write_bytes(b"")
    assert not state.there()
    assert watches.roots(db.connect()) == []


STEPS = ("unlink", "rename", "replace", "open", "fsync")


def test_a_crash_at_any_step_leaves_none_or_a_whole_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for crash in range(100):
        calls = 0
        with monkeypatch.context() as patch:
            for name in STEPS:
                real = getattr(os, name)

                def step(
                    *args: object, real: object = real, last: int = crash, **given: object
                ) -> object:
                    nonlocal calls
                    calls += 1
                    if calls > last:
                        raise KeyboardInterrupt
                    return real(*args, **given)  # type: ignore[operator]

                patch.setattr(os, name, step)
            try:
                db.connect().close()
                break
            except KeyboardInterrupt:
                pass
        # The next one starts from what this crash left.
        kept = tmp_path / str(crash)
        shutil.copytree(paths.state_dir(), kept)
        db.connect().close()
        shutil.rmtree(paths.state_dir())
        shutil.move(kept, paths.state_dir())
        file = Path(paths.database_file())
        assert not file.exists() or file.stat().st_size > 0
    else:
        pytest.fail("it never came to its end")
    assert crash > 3
    assert not [name for name in names() if "first" in name]


def test_two_that_start_at_the_same_moment_get_the_same_one() -> None:
    paths.private_dir(paths.state_dir())
    code = (
        "import sys; from credguard.store import db, watches; sys.stdin.read(1);"
        "c = db.connect(); watches.add(c, sys.argv[1], 1)"
    )
    many = [
        subprocess.Popen([sys.executable, "-c", code, f"/{number}"], stdin=subprocess.PIPE)
        for number in range(8)
    ]
    for each in many:
        assert each.stdin is not None
        each.stdin.write(b"x")
        each.stdin.close()
    assert [each.wait(60) for each in many] == [0] * 8
    assert watches.roots(db.connect()) == sorted(f"/{number}" for number in range(8))


def test_one_that_an_older_version_began_to_make_is_brought_to_the_newest_schema() -> None:
    of_version(0).close()  # it wrote the first page, and was ended before the tables
    assert db.connect().execute("PRAGMA user_version").fetchone()[0] == len(db._MIGRATIONS)


def test_it_is_whole_without_its_log() -> None:
    file = filled()
    leave_log("/new")
    Path(f"{file}-wal").unlink()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT path FROM watch_root").fetchall() == [("/home/ada/src",)]
    connection.close()
