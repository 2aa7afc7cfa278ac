"""The runner of periodic jobs: due, caught up, put off, and one that fails or dies."""

from pathlib import Path

import pytest

from credguard import config, paths, power
from credguard.app import jobs, tick, vault_check
from credguard.app.context import Context
from credguard.app.periodic import EVERY_LOOK, Job, Note
from credguard.atomic import locked
from credguard.errors import NetworkDown
from credguard.secret import Secret
from credguard.store import problems, secrets
from credguard.vault.base import secret_item
from tests.support import samples

DAY = 86400.0


class World:
    """A clock, jobs that count, and a machine that is on mains power unless told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1e9
        self.ran: list[str] = []
        self.battery = self.metered = False
        self.ctx = Context()
        monkeypatch.setattr(Context, "now", lambda _self: self.at)
        monkeypatch.setattr(power, "on_battery", lambda: self.battery)
        monkeypatch.setattr(power, "metered", lambda: self.metered)

    def job(self, name: str = "daily", **kinds: object) -> Job:
        def run(_ctx: Context) -> list[Note]:
            self.ran.append(name)
            return []

        return Job(name, "count", run, **{"every": "1d", **kinds})  # type: ignore[arg-type]

    def look(self, *jobs: Job) -> int:
        """Run what is due of `jobs`; how many ran."""
        self.ran.clear()
        tick.tick(self.ctx, jobs)
        return len(self.ran)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_job_runs_at_first_then_after_its_time_with_some_jitter(world: World) -> None:
    daily = world.job()
    assert world.look(daily) == 1
    waits = []
    for _ in range(5):
        start = world.at
        while not world.look(daily):
            world.at += 1800
        waits.append(world.at - start)
    assert all(0.9 * DAY <= wait <= 1.1 * DAY + 1800 for wait in waits)
    assert len(set(waits)) > 1


def test_one_that_was_due_while_the_machine_was_off_is_caught_up_once(world: World) -> None:
    daily = world.job()
    world.look(daily)
    world.at += 10 * DAY
    assert world.look(daily) == 1
    assert world.look(daily) == 0


def test_a_clock_that_was_ahead_for_a_year_holds_nothing_up(world: World) -> None:
    daily = world.job()
    world.at += 365 * DAY
    world.look(daily)
    world.at -= 365 * DAY
    assert world.look(daily) == 1


def test_a_clock_that_was_hours_ahead_does_not_hold_up_what_is_looked_at_each_time(
    world: World,
) -> None:
    each = world.job(every=EVERY_LOOK)
    world.at += 3 * 3600
    world.look(each)
    world.at -= 3 * 3600
    assert world.look(each) == 1


def test_a_job_that_the_system_refuses_something_says_so_and_keeps_no_other_back(
    world: World,
) -> None:
    def refused(_ctx: Context) -> list[Note]:
        raise PermissionError(13, "Permission denied", "/srv/record")

    notes = tick.tick(world.ctx, (Job("refused", "write", refused), world.job()))
    assert [(each.failed, each.what) for each in notes] == [
        (True, "/srv/record: Permission denied")
    ]
    assert world.ran == ["daily"]


def test_on_battery_a_heavy_job_waits_for_as_long_as_it_can(world: World) -> None:
    heavy = world.job(heavy=True, patience="2d")
    world.battery = True
    assert world.look(heavy) == 0
    assert world.look(world.job("light")) == 1
    world.at += DAY
    assert world.look(heavy) == 0
    world.at += 1.1 * DAY
    assert world.look(heavy) == 1
    world.at += 1.2 * DAY
    assert world.look(heavy) == 0  # its next turn waits anew
    world.battery = False
    assert world.look(heavy) == 1


@pytest.mark.parametrize("setting", ["schedule.on_battery", "schedule.on_metered"])
def test_a_person_may_have_them_run_all_the_same(world: World, setting: str) -> None:
    job = world.job(heavy=True, network=True, patience="2d")
    world.battery = setting.endswith("battery")
    world.metered = not world.battery
    assert world.look(job) == 0
    config.set_value(setting, "true")
    world.ctx = Context()
    assert world.look(job) == 1


def test_what_is_urgent_is_not_put_off(world: World) -> None:
    world.metered = True
    assert world.look(world.job("later", network=True, patience="9d")) == 0
    assert world.look(world.job("now", network=True, patience="9d", urgent=lambda _: True)) == 1


def test_a_setting_gives_the_time_or_switches_a_job_off(world: World) -> None:
    config.set_value("rotation.delete_foreign_inactive", "0s")
    job = world.job(every="rotation.delete_foreign_inactive")
    assert world.look(job) == 0
    config.set_value("rotation.delete_foreign_inactive", "7d")
    world.ctx = Context()
    assert world.look(job) == 1
    world.at += 6 * DAY
    assert world.look(job) == 0


def test_one_that_fails_is_told_when_it_lasts_tried_again_and_keeps_no_other_back(
    world: World,
) -> None:
    def fail(_ctx: Context) -> list[Note]:
        raise NetworkDown("cannot reach it", hint="look")

    failing = Job("failing", "fail", fail, every="1d")
    told = []
    for _ in range(30):
        (note,) = tick.tick(Context(), [failing, world.job("other", every=EVERY_LOOK)])
        assert note.failed
        if note.tell:
            told.append(note.title)
            tick.told(Context(), note)
        world.at += 3600
    assert told == ["credguard: could not fail"]
    assert len(world.ran) == 30
    assert [each.subject for each in problems.present(Context().db)] == ["periodic job failing"]
    tick.tick(Context(), [world.job("failing")])
    assert problems.present(Context().db) == []


def test_one_that_ends_the_process_is_not_first_again(world: World) -> None:
    def die(_ctx: Context) -> list[Note]:
        raise MemoryError

    both = Job("dying", "die", die, every="1d"), world.job("other")
    with pytest.raises(MemoryError):
        tick.tick(Context(), both)
    assert world.look(*both) == 1
    world.at += 3600
    with pytest.raises(MemoryError):
        tick.tick(Context(), both)


def test_two_at_once_run_nothing_twice(world: World) -> None:
    paths.private_dir(paths.state_dir())
    with locked(paths.lock_file("tick")):
        (note,) = tick.tick(Context(), [world.job()])
    assert (world.ran, note.failed, note.tell) == ([], False, False)


def test_every_job_of_the_table_has_its_own_name_and_times_that_can_be_read() -> None:
    assert len({job.name for job in jobs.JOBS}) == len(jobs.JOBS)
    ctx = Context()
    for job in jobs.JOBS:
        assert (tick._every(ctx, job) or 0.0) >= 0
        assert config.seconds(job.patience) >= 0
        assert bool(config.seconds(job.patience)) == (job.network or job.heavy)


@pytest.fixture
def vaulted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Context:
    """A file vault that opens, with one secret in it that is also listed."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    config.set_value("vault.backend", "file")
    ctx = Context()
    ctx.vault.put(secret_item("token"), Secret("v" * 9))
    secrets.add(ctx.db, "token", ctx.now())
    return ctx


def test_what_the_vault_lacks_is_told_once_until_it_is_there_again(vaulted: Context) -> None:
    assert vault_check.run(vaulted) == []
    vaulted.vault.delete(secret_item("token"))
    (note,) = vault_check.run(vaulted)
    assert note.tell
    assert secret_item("token") in note.what
    tick.told(vaulted, note)
    (again,) = vault_check.run(vaulted)
    assert not again.tell
    vaulted.vault.put(secret_item("token"), Secret("v" * 9))
    assert vault_check.run(vaulted) == []
    assert problems.present(vaulted.db) == []


def test_a_locked_vault_is_not_looked_through(
    vaulted: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    vaulted.vault.delete(secret_item("token"))
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    assert vault_check.run(Context()) == []
