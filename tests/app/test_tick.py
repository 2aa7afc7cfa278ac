import time
from pathlib import Path

import pytest

from credguard import config
from credguard.app import jobs, keys, rotate, rotate_due, tick
from credguard.app.context import Context
from credguard.app.status import status
from credguard.store import passwords, profiles
from credguard.vault.base import key_item
from tests.support import in_memory, samples
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator


@pytest.fixture
def aged(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key past its age in the file vault, that nobody agreed to replace yet."""
    passphrase = poisoned / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    config.set_value("vault.backend", "file")
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        config.set_value(f"rotation.{name}", "0s")
    ctx = Context()
    key = keys.prove(simulator.key_id, simulator.secret, None, "add")
    old = profiles.Key(
        key.key_id, key.partition, key.account, key.user_name, key.user_id, 1.0, key.origin
    )
    ctx.vault.put(key_item(old.partition, old.account, old.key_id), simulator.secret)
    profiles.add_profile(ctx.db, "work", old, ctx.now(), consent=False)
    ctx.db.close()
    return simulator


def test_what_needs_a_person_is_told_once_until_it_is_over(aged: Simulator) -> None:
    (note,) = tick.tick(Context())
    assert note.tell
    assert not note.failed
    assert "credguard rotate work --yes" in note.hint
    tick.told(Context(), note)
    (again,) = tick.tick(Context())
    assert not again.tell
    (problem,) = status(Context()).problems
    assert (problem.what, problem.told) == (note.what, True)
    profiles.set_consent(Context().db, "work")
    (news,) = tick.tick(Context())
    assert "took over" in news.what
    assert (news.tell, news.problem, news.failed) == (True, False, False)
    assert status(Context()).problems == []
    assert tick.tick(Context()) == []
    ((key_id, state),) = aged.iam().keys("dev")
    assert (key_id != aged.key_id, state) == (True, "Active")


def test_another_reason_is_told_again(aged: Simulator) -> None:
    (note,) = tick.tick(Context())
    tick.told(Context(), note)
    profiles.set_consent(Context().db, "work")
    aged.iam().set_status(aged.key_id, "Inactive")
    (other,) = tick.tick(Context())
    assert other.tell
    assert other.what != note.what


def test_a_lost_network_is_told_only_when_it_lasts(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_consent(Context().db, "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ctx = Context()
    (note,) = tick.tick(ctx)
    assert note.failed
    assert not note.tell
    assert len(status(ctx).problems) == 1
    now = ctx.now()
    monkeypatch.setattr(Context, "now", lambda self: now + 90_000)
    (later,) = tick.tick(Context())
    assert later.tell


def test_a_word_before_a_key_is_replaced(aged: Simulator) -> None:
    ctx = Context()
    limit = 30 * 86400
    (profile,) = profiles.profiles(ctx.db)
    profiles.set_created(ctx.db, profile.key.key_id, ctx.now() - 0.88 * limit)
    at = rotate_due.due_at(ctx, profiles.profiles(ctx.db)[0].key)
    assert at is not None
    profiles.set_created(
        ctx.db, profile.key.key_id, ctx.now() - 0.88 * limit - (at - ctx.now()) + 2 * 86400
    )
    (note,) = tick.tick(Context())
    assert "nobody agreed" in note.what
    assert "credguard rotate work --yes" in note.hint
    assert (note.tell, note.problem) == (True, False)
    assert tick.tick(Context()) == []
    assert [key for key, _ in aged.iam().keys("dev")] == [aged.key_id]


def test_what_does_not_go_on_is_tried_at_growing_intervals(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_consent(Context().db, "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    start, tried = Context().now(), []
    for minute in range(0, 60 * 48, 10):
        at = start + minute * 60.0
        monkeypatch.setattr(Context, "now", lambda self, at=at: at)
        if tick.tick(Context()):
            tried.append(minute)
    assert tried[:4] == [0, 20, 40, 80]
    assert tried[-1] - tried[-2] <= 24 * 60
    assert len(tried) < 12


def test_an_old_console_password_is_reminded_of_monthly(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = Context()
    (profile,) = profiles.profiles(ctx.db)
    profiles.set_created(ctx.db, profile.key.key_id, ctx.now())
    passwords.point(ctx.db, profile.key.identity, 1, ctx.now())
    assert tick.tick(Context()) == []
    start, told = ctx.now(), []
    for day in range(80, 160):
        at = start + day * 86400.0
        monkeypatch.setattr(Context, "now", lambda self, at=at: at)
        notes = tick.tick(Context(), [job for job in jobs.JOBS if job.name == "passwords"])
        told += [day for _ in notes]
        assert all("credguard password rotate work" in each.hint for each in notes)
    assert told[0] == 90
    assert 2 <= len(told) <= 4


def test_a_clock_that_was_ahead_holds_nothing_up(
    faults: FaultProxy, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_value("rotation.prove_interval", "0s")
    ctx = in_memory.context(simulator, "work")
    rotate.rotate(ctx, ["work"])
    with monkeypatch.context() as ahead:
        real = time.time
        ahead.setattr(time, "time", lambda: real() + 365 * 86400)
        (note,) = tick.tick(ctx)
        assert note.tell
    in_memory.later(monkeypatch, ctx, 86400 + 60)
    tick.tick(ctx)
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"


def test_a_lost_network_first_seen_by_a_clock_ahead_is_told(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_consent(Context().db, "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    now = Context().now()
    monkeypatch.setattr(Context, "now", lambda self: now + 365 * 86400)
    tick.tick(Context())
    monkeypatch.setattr(Context, "now", lambda self: now)
    (note,) = tick.tick(Context())
    assert note.tell


def test_foreign_use_that_goes_on_is_told_once(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_value("rotation.prove_interval", "0s")
    ctx = in_memory.context(simulator, "work")
    rotate.rotate(ctx, ["work"])
    told = []
    for _ in range(20):
        in_memory.later(monkeypatch, ctx, 4 * 3600)
        simulator.iam().set_last_used(simulator.key_id, ctx.now() - 60)
        for note in tick.tick(ctx):
            told += [note.what] * note.tell
            tick.told(ctx, note)
    (only,) = told
    assert only.startswith("blocked: used elsewhere (s3 in us-east-1, ")


def test_a_vault_that_stays_locked_for_hours_is_told_once_and_caught_up(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_consent(Context().db, "work")
    start, told = Context().now(), []
    with monkeypatch.context() as locked:
        locked.delenv("CREDGUARD_PASSPHRASE_FILE")
        for hour in range(12):
            at = start + hour * 3600.0
            locked.setattr(Context, "now", lambda _self, at=at: at)
            for note in tick.tick(Context()):
                told += [note.what] * note.tell
                if note.tell:
                    tick.told(Context(), note)
        assert len(told) == 1
    later = start + 36 * 3600.0
    monkeypatch.setattr(Context, "now", lambda _self: later)
    tick.tick(Context())
    assert status(Context()).problems == []
    assert aged.iam().keys("dev") != [(aged.key_id, "Active")]
