"""A damaged database and what was on the way: nothing goes on by itself, everything is told."""

import os
import sqlite3
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import keys, password, rebuilding, recover, rotate, rotate_decide, tick
from credguard.app.context import Context
from credguard.app.items import known
from credguard.app.rotate import Wanted
from credguard.app.status import status
from credguard.errors import DatabaseReplaced, RebuiltTooOften
from credguard.store import notices, passwords, profiles, salvage
from credguard.vault.base import key_item
from credguard.vault.memory import MemoryVault
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    for name, value in (("grace", "1d"), ("soak", "0s"), ("prove_interval", "0s")):
        config.set_value(f"rotation.{name}", value)
    context = Context()
    context.__dict__["vault"] = MemoryVault()
    keys.add(context, "work", simulator.key_id, simulator.secret)
    profiles.set_consent(context.db, "work")
    return context


def rebuilt(ctx: Context, table: str = "") -> tuple[Context, rebuilding.Rebuilt]:
    """The database made anew, after the pages of `table` were overwritten."""
    vault = ctx.vault
    ctx.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ctx.db.close()
    file = Path(paths.database_file())
    with sqlite3.connect(file) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = connection.execute("SELECT pageno FROM dbstat WHERE name = ?", (table,)).fetchall()
    connection.close()
    with file.open("r+b") as opened:
        for (page,) in pages:
            opened.seek((page - 1) * size)
            opened.write(b"\xff" * size)
    again = Context()
    done = rebuilding.rebuild(again)
    again.__dict__["vault"] = vault
    return again, done


def test_a_rotation_on_the_way_waits_for_a_person_who_goes_on_from_what_iam_says(
    ctx: Context, simulator: Simulator
) -> None:
    (first,) = rotate.rotate(ctx, ["work"], yes=True)
    assert first.state == "waiting"
    assert first.new_id is not None
    listed = simulator.iam().keys("dev")
    ctx, done = rebuilt(ctx, "event")
    assert "the rotation of aws/" in done.what
    assert "--rebuild" in done.hint
    (stopped,) = rotate.rotate(ctx, [], all_=True)
    assert stopped.state == "failed"
    assert stopped.error is not None
    assert "--rebuild work" in (stopped.error.hint or "")
    tick.tick(ctx)
    assert simulator.iam().keys("dev") == listed
    assert keys.credentials(ctx, "work").key_id == first.new_id
    assert key_item("aws", simulator.account, simulator.key_id) in known(ctx).all
    assert rotate_decide.rebuild(ctx, "work", Wanted(yes=True)).state == "rebuilt"
    config.set_value("rotation.grace", "0s")
    (ended,) = rotate.rotate(ctx, ["work"], yes=True)
    assert ended.state in {"done", "waiting"}


def test_where_the_journal_is_lost_every_user_may_have_been_on_the_way(
    ctx: Context, simulator: Simulator
) -> None:
    rotate.rotate(ctx, ["work"], yes=True)
    ctx, done = rebuilt(ctx, "rotation")
    assert "rotations on the way" in done.what
    listed = simulator.iam().keys("dev")
    (stopped,) = rotate.rotate(ctx, [], all_=True)
    assert stopped.error is not None
    assert "--rebuild work" in (stopped.error.hint or "")
    assert simulator.iam().keys("dev") == listed


def test_without_a_rotation_all_goes_on_and_it_is_told_until_the_keys_were_looked_for(
    ctx: Context, simulator: Simulator
) -> None:
    ctx, done = rebuilt(ctx, "event")
    assert "stopped" not in done.what
    assert "the log" in done.what
    assert profiles.profile(ctx.db, "work").consent
    assert [each.what for each in status(ctx).problems] == [done.what]
    (notice,) = notices.waiting(ctx.db)
    assert notice.body.startswith(done.what.partition("; the damaged file")[0])
    assert notice.urgent
    assert "credguard vault recover" in notice.body
    assert recover.recover(ctx) == []
    rebuilding.recovered(ctx)
    assert status(ctx).problems == []


def test_a_change_of_the_console_password_waits_too(ctx: Context) -> None:
    identity = profiles.profile(ctx.db, "work").key.identity
    passwords.write_change(
        ctx.db, identity, {"identity": identity, "state": "intent", "target": 2}, 1.0
    )
    ctx, done = rebuilt(ctx, "event")
    assert "console password" in done.what
    with pytest.raises(Exception, match="is damaged") as caught:
        password.record_of(ctx, identity)
    assert "--current-stdin" in str(caught.value.hint)  # type: ignore[attr-defined]


def test_a_whole_one_is_left_as_it_is(ctx: Context) -> None:
    assert rebuilding.if_damaged(ctx) is None
    ctx.close()
    Path(paths.database_file()).write_bytes(b"x" * 5000)
    done = rebuilding.if_damaged(ctx)
    assert done is not None
    assert "which was nothing" in done.what
    assert "credguard watch add" in done.hint
    assert profiles.profiles(ctx.db) == []


def test_what_another_made_anew_meanwhile_is_not_made_anew_again(ctx: Context) -> None:
    seen = rebuilding.which()
    ctx, _done = rebuilt(ctx, "event")
    before = set(os.listdir(paths.state_dir()))
    with pytest.raises(DatabaseReplaced, match="another process made"):
        rebuilding.rebuild(ctx, seen)
    with pytest.raises(DatabaseReplaced):
        salvage.rebuild(paths.database_file(), 1.0, lambda _db, _done: None, seen)
    assert set(os.listdir(paths.state_dir())) <= before


def test_rows_that_make_no_sense_are_counted_in_what_is_told(ctx: Context) -> None:
    ctx.db.execute("INSERT INTO watch_root (path, added) VALUES (x'ff', 1), ('/a', 'x')")
    ctx, done = rebuilt(ctx)
    assert "missing, or some of them: watched folders" in done.what
    assert "2 rows that made no sense left out" in done.what
    assert profiles.profile(ctx.db, "work").consent


def test_a_disk_that_damages_it_again_and_again_is_told_and_nothing_more_is_copied(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hour, start = 3600, 1_790_000_000.0
    for number in range(rebuilding.MOST):
        monkeypatch.setattr(Context, "now", lambda _, at=start + number * hour: at)
        ctx, done = rebuilt(ctx, "event")
        assert ("damaged 3 times within a day" in done.what) is (number == rebuilding.MOST - 1)
    folder = Path(paths.state_dir())
    before = {each: each.read_bytes() for each in folder.iterdir()}
    monkeypatch.setattr(Context, "now", lambda _: start + 23 * hour)
    for _ in range(2):
        with pytest.raises(RebuiltTooOften, match="3 times within a day, and is again") as caught:
            rebuilding.rebuild(Context())
    assert "state.db.damaged-*" in caught.value.hint
    assert "credguard vault recover" in caught.value.hint
    after = {each: each.read_bytes() for each in folder.iterdir()}
    assert after == before
    # One that is set aside elsewhere, or a day later: a person, or time, had a look.
    with monkeypatch.context() as patch:
        patch.setattr(Context, "now", lambda _: start + 24 * hour + 1)
        rebuilding.rebuild(Context())
    with pytest.raises(RebuiltTooOften):
        rebuilding.rebuild(Context())
    for each in folder.glob("state.db.damaged-*"):
        each.rename(tmp_path / each.name)
    rebuilding.rebuild(Context())
