"""What goes wrong from outside midway, and orders that nobody expects; IAM over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from credguard import config
from credguard.app import rotate, rotate_decide, rotate_due, tick
from credguard.app.context import Context
from credguard.app.rotate import Outcome, Wanted
from credguard.app.rotate_status import statuses
from credguard.errors import RotationRefused, StoreError
from credguard.report.log import Entry, sentence
from credguard.store import events, journal, profiles
from credguard.vault.base import key_item
from tests.support import in_memory
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
YES = Wanted(yes=True)
DAY = 86400.0


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


class Stopped(Exception):
    pass


def stop_at(ctx: Context, at: str, /, **changes: object) -> dict[str, Any]:
    """A rotation whose process died once `at` was journalled; its record, with `changes`."""
    real = journal.write

    def stopping(db: Any, identity: str, record: dict[str, object], now: float) -> None:
        real(db, identity, record, now)
        if record["state"] == at:
            db.execute("COMMIT")
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "write", stopping)
        with pytest.raises(Stopped):
            rotate.rotate(ctx, ["work"], yes=True)
    record = {**(journal.read(ctx.db, IDENTITY) or {}), **changes}
    if changes:
        put(ctx, record)
    return record


def put(ctx: Context, record: object) -> None:
    ctx.db.execute("UPDATE rotation SET record = ?", (json.dumps(record),))


def handed_out(ctx: Context) -> str:
    return profiles.profile(ctx.db, "work").key.key_id


def lose(ctx: Context, key_id: str) -> None:
    """Its vault item is deleted by hand."""
    ctx.vault.delete(key_item("aws", "123456789012", key_id))


def works(ctx: Context, simulator: Simulator) -> bool:
    """I1: what the profile hands out is in the vault and Active."""
    key_id = handed_out(ctx)
    held = ctx.vault.get(key_item("aws", "123456789012", key_id)) is not None
    return held and dict(simulator.iam().keys("dev")).get(key_id) == "Active"


# The vault item of one key deleted by hand


def test_no_way_back_to_a_key_whose_secret_is_gone(ctx: Context, simulator: Simulator) -> None:
    new = str(stop_at(ctx, "stored")["new_id"])
    lose(ctx, simulator.key_id)
    outcome = rotate_decide.rollback(ctx, "work", YES)
    assert isinstance(outcome.error, RotationRefused)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "grace"
    assert handed_out(ctx) == new
    assert works(ctx, simulator)


def test_the_only_key_with_a_secret_is_never_deleted(ctx: Context, simulator: Simulator) -> None:
    new = str(stop_at(ctx, "stored", state="aborting")["new_id"])
    lose(ctx, simulator.key_id)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "grace"
    assert handed_out(ctx) == new
    assert dict(simulator.iam().keys("dev"))[new] == "Active"


def test_a_new_secret_lost_in_grace_brings_the_old_key_back_at_once(
    ctx: Context, simulator: Simulator
) -> None:
    new = str(stop_at(ctx, "switched")["new_id"])
    lose(ctx, new)
    (outcome,) = rotate.rotate(ctx, [])
    assert (outcome.state, outcome.why) == ("waiting", "grace")
    assert handed_out(ctx) == simulator.key_id
    assert works(ctx, simulator)
    (event,) = events.recent(ctx.db, families=frozenset({"rotation.reverting"}))
    said = sentence(Entry(event.at, event.kind, event.subject, event.detail))
    assert said.startswith(f"dev: profiles go back to {simulator.key_id}: the vault does not hold")


@pytest.mark.parametrize("state", ["switched", "deactivated"])
def test_with_both_secrets_lost_a_person_is_asked_and_nothing_goes(
    ctx: Context, simulator: Simulator, state: str
) -> None:
    config.set_value("rotation.grace", "0s")
    new = str(stop_at(ctx, state)["new_id"])
    lose(ctx, new)
    lose(ctx, simulator.key_id)
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.state == "asks"
    assert "restore a backup" in outcome.why
    assert len(simulator.iam().keys("dev")) == 2


# The key in use stopped in the console


@pytest.mark.parametrize("state", ["switched", "deactivated"])
def test_who_asks_is_told_that_the_key_in_use_is_dead(
    ctx: Context, simulator: Simulator, state: str
) -> None:
    config.set_value("rotation.grace", "0s" if state == "deactivated" else "24h")
    new = str(stop_at(ctx, state)["new_id"])
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.state == "waiting"
    simulator.iam().set_status(new, "Inactive")
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.state == "asks"
    assert new in outcome.why


def test_who_asks_without_a_network_reads_what_it_waits_for(
    ctx: Context, faults: FaultProxy
) -> None:
    stop_at(ctx, "switched")
    rotate.rotate(ctx, ["work"])
    faults.script(Fault("*", "drop"))
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert (outcome.state, outcome.why, outcome.error) == ("waiting", "grace", None)


# A journal with other content

DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "not an object": lambda _r: [1, 2],
    "null": lambda _r: None,
    "new_id is a list": lambda r: {**r, "new_id": ["x"]},
    "new_id is a number": lambda r: {**r, "new_id": 5},
    "the new key is the old one": lambda r: {**r, "new_id": r["old_id"]},
    "the stray is the old key": lambda r: {**r, "stray_id": r["old_id"]},
    "stray_id is a number": lambda r: {**r, "stray_id": 7},
    "why is null": lambda r: {**r, "why": None},
    "another user's": lambda r: {**r, "identity": "aws/123456789012/other"},
    "a newer state": lambda r: {**r, "state": "thawed"},
    "a newer field": lambda r: {**r, "x": 1},
    "baseline is a text": lambda r: {**r, "baseline": "abc"},
    "baseline is an object": lambda r: {**r, "baseline": {"abc": 1}},
    "a field is missing": lambda r: {name: r[name] for name in r if name != "old_id"},
    "old_id is an object": lambda r: {**r, "old_id": {}},
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("state", ["intent", "stored", "switched"])
def test_a_journal_of_the_wrong_shape_touches_no_key(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, state: str, damage: str
) -> None:
    profiles.add_profile(ctx.db, "a name", profiles.profile(ctx.db, "work").key, 1.0, consent=True)
    put(ctx, DAMAGE[damage](stop_at(ctx, state)))
    before, pointer = simulator.iam().keys("dev"), handed_out(ctx)
    for seconds in (0.0, DAY + 100):
        in_memory.later(monkeypatch, ctx, seconds)
        (outcome,) = rotate.rotate(ctx, [])
        assert isinstance(outcome.error, StoreError)
        assert "--rebuild 'a name'" in outcome.error.hint
        assert {row.state for row in statuses(ctx)} == {"UNKNOWN"}
        tick.tick(ctx)
    assert (simulator.iam().keys("dev"), handed_out(ctx)) == (before, pointer)
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert outcome.state == "rebuilt", outcome.error
    assert simulator.iam().keys("dev") == before


def test_an_intent_never_takes_the_key_in_use_for_the_new_one(
    ctx: Context, simulator: Simulator
) -> None:
    stop_at(ctx, "intent", baseline=["AKIA" + "NOTHING"])
    config.set_value("rotation.orphan_wait", "0s")
    config.set_value("rotation.grace", "0s")
    rotate.rotate(ctx, [])
    assert works(ctx, simulator)


# An emergency in every state


@pytest.mark.parametrize(
    "state",
    ["intent", "created", "stored", "proven", "switched", "deactivated", "deleted", "aborting",
     "reverting"],
)  # fmt: skip
def test_an_emergency_replaces_what_is_in_use_whatever_was_on_the_way(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    for name in ("grace", "soak"):
        if state in {"deactivated", "deleted"} and (name, state) != ("soak", "deactivated"):
            config.set_value(f"rotation.{name}", "0s")
    base = {"aborting": "stored", "reverting": "switched"}.get(state, state)
    stop_at(ctx, base, **({"state": state} if base != state else {}))
    config.set_value("rotation.grace", "24h")
    config.set_value("rotation.soak", "7d")
    leaked = handed_out(ctx)
    rotate_decide.emergency(ctx, "work", YES)
    for _ in range(2):
        in_memory.later(monkeypatch, ctx, 3700)
        rotate.rotate(ctx, [])
    assert handed_out(ctx) != leaked
    assert works(ctx, simulator)
    assert dict(simulator.iam().keys("dev")).get(leaked, "Inactive") == "Inactive"


def test_an_emergency_cut_off_between_its_two_rotations_goes_on(
    ctx: Context, simulator: Simulator, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked = str(stop_at(ctx, "switched")["new_id"])
    faults.script(Fault("iam:ListAccessKeys", "503"))
    assert rotate_decide.emergency(ctx, "work", YES).error is not None
    faults.script()
    in_memory.later(monkeypatch, ctx, 60)
    rotate.rotate(ctx, [])
    assert handed_out(ctx) != leaked
    assert works(ctx, simulator)
    assert dict(simulator.iam().keys("dev")).get(leaked) != "Active"


# Wishes that fit no state


def refused(outcomes: list[Outcome]) -> str:
    (outcome,) = outcomes
    assert isinstance(outcome.error, RotationRefused), outcome
    return outcome.error.hint


def test_the_key_in_use_is_not_deleted_on_request(ctx: Context, simulator: Simulator) -> None:
    wanted = Wanted(yes=True, delete=(simulator.key_id,))
    refused(rotate.rotate(ctx, ["work"], wanted=wanted))
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]
    stop_at(ctx, "switched")
    refused(rotate.rotate(ctx, ["work"], wanted=wanted))
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Active"


def test_deactivate_without_a_rotation_makes_none(ctx: Context, simulator: Simulator) -> None:
    wanted = Wanted(deactivate=True)
    assert "--yes --deactivate" in refused(rotate.rotate(ctx, ["work"], wanted=wanted))
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


@pytest.mark.parametrize("decision", ["--rollback", "--emergency", "--lock-out", "--rebuild"])
@pytest.mark.parametrize("more", ["--dry-run", "--deactivate", "--keep=A", "--rollback", "--all"])
def test_a_decision_takes_no_wish_that_it_would_not_heed(decision: str, more: str) -> None:
    from click.testing import CliRunner

    from credguard.cli.rotate import rotate as command

    if more != decision:
        done = CliRunner().invoke(command, ["work", decision, more, "--yes"])
        assert done.exit_code == 2
        assert "Usage" in done.output


def test_a_rebuild_while_the_list_lags(
    ctx: Context, simulator: Simulator, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ctx, stop_at(ctx, "switched") | {"state": "thawed"})
    monkeypatch.setattr("credguard.aws.iam.list_access_keys", lambda *_a: [])
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert "not listed" in outcome.why


# Policies changed midway


@pytest.mark.parametrize("action", ["ListAccessKeys", "UpdateAccessKey"])
def test_a_permission_lost_midway_is_named_with_the_policy(
    ctx: Context, faults: FaultProxy, action: str
) -> None:
    config.set_value("rotation.grace", "0s")
    stop_at(ctx, "switched")
    faults.script(Fault(f"iam:{action}", "denied"))
    (outcome,) = rotate.rotate(ctx, [])
    assert f"iam:{action}" in str(outcome.error)
    assert outcome.error is not None
    assert '"iam:UpdateAccessKey"' in outcome.error.hint


def test_an_emergency_midway_under_quarantine_offers_the_lock_out(
    ctx: Context, simulator: Simulator, faults: FaultProxy
) -> None:
    config.set_value("rotation.orphan_wait", "0s")  # else the key that is gone may still appear
    leaked = str(stop_at(ctx, "switched")["new_id"])
    faults.script(Fault("CreateAccessKey", "denied"), Fault("UpdateAccessKey", "denied"))
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert outcome.error is not None
    assert "--lock-out work" in outcome.error.hint
    rotate_decide.lock_out(ctx, "work", YES)
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]
    faults.script()
    (waiting,) = rotate.rotate(ctx, [])
    assert waiting.state == "asks"  # never back to a leaked key by itself
    rotate_decide.rollback(ctx, "work", YES)
    assert works(ctx, simulator)
    rotate_decide.emergency(ctx, "work", YES)
    assert handed_out(ctx) not in {leaked, simulator.key_id}  # both had leaked
    assert works(ctx, simulator)


# Unattended


def test_a_key_of_unknown_age_is_asked_about_so_that_it_falls_due(
    ctx: Context, simulator: Simulator, faults: FaultProxy
) -> None:
    ctx.db.execute("UPDATE key SET created = NULL")
    faults.script(Fault("iam:ListAccessKeys", "denied"))
    (note,) = tick.tick(ctx)
    assert (note.tell, note.problem) == (True, True)
    tick.told(ctx, note)
    assert tick.tick(ctx) == []  # later, and not every time
    faults.script()
    ctx.db.execute("DELETE FROM schedule")
    assert tick.tick(ctx) == []
    assert rotate_due.due_at(ctx, profiles.profile(ctx.db, "work").key) is not None
    assert not ctx.db.execute("SELECT * FROM problem").fetchall()


def test_a_new_key_that_was_given_up_is_told_and_tried_again_later(
    ctx: Context, simulator: Simulator, faults: FaultProxy
) -> None:
    ctx.db.execute("UPDATE key SET created = 1.0")
    faults.script(Fault("sts:*", "bad-signature", when=lambda r: r.key_id != simulator.key_id))
    (note,) = tick.tick(ctx)
    assert note.tell
    assert "given up" in note.what
    assert "AWS refuses its secret" in note.what
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]
    before = faults.count("CreateAccessKey")
    tick.tick(ctx)
    assert faults.count("CreateAccessKey") == before
