from pathlib import Path

import pytest

from credguard import config
from credguard.app import keys, tick
from credguard.app.context import Context
from credguard.app.status import status
from credguard.store import profiles
from credguard.vault.base import key_item
from tests.support import samples
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
    assert tick.tick(Context()) == []
    assert status(Context()).problems == []
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
