"""kill -9 of a real `credguard rotate` at every journal write, then a re-run with real parts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import keys
from credguard.app.context import Context
from credguard.aws import sts
from credguard.errors import CredguardError
from credguard.store import journal, profiles
from tests.support import killer
from tests.support.person import add_key, credguard, file_vault, wait_for_nothing
from tests.support.simulator import Simulator

KILLER = killer.program("journal", "write", "remove")
STEPS = 7  # intent, created, stored, proven, switched, deactivated, deleted; then the removal


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=dict(os.environ),
    )


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    file_vault(poisoned, monkeypatch)
    wait_for_nothing()
    add_key(simulator)
    return simulator


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, STEPS + 2))
def test_a_kill_at_any_journal_write(ready: Simulator, number: int, moment: str) -> None:
    killed = _run("-c", KILLER, str(number), moment, "rotate", "work", "--yes")
    assert killed.returncode == -9, killed.stderr
    ctx = Context()
    identity = sts.caller_identity(keys.credentials(ctx, "work"))  # it still works
    assert identity.user_name == "dev"
    again = _run("-m", "credguard", "rotate", "work", "--yes")
    assert again.returncode == 0, again.stderr
    ((key_id, status),) = ready.iam().keys("dev")
    assert status == "Active"
    ctx = Context()
    assert profiles.profile(ctx.db, "work").key.key_id == key_id
    assert [key.key_id for key in profiles.keys(ctx.db)] == [key_id]
    assert sts.caller_identity(keys.credentials(ctx, "work")).user_name == "dev"
    assert journal.identities(ctx.db) == []
    with pytest.raises(CredguardError):
        keys.secret_of(ctx, profiles.Key(ready.key_id, "aws", "123456789012", "", "", None, ""))


def _works(name: str) -> str:
    """The key that the profile hands out, which AWS takes."""
    ctx = Context()
    assert sts.caller_identity(keys.credentials(ctx, name)).user_name == "dev"
    return profiles.profile(ctx.db, name).key.key_id


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "moment"), [(1, "before"), (1, "after"), (2, "before"), (2, "after")]
)
def test_a_kill_on_the_way_back(ready: Simulator, number: int, moment: str) -> None:
    credguard("config", "set", "rotation.grace", "1h")
    credguard("rotate", "work", "--yes")
    assert _works("work") != ready.key_id
    killed = _run("-c", KILLER, str(number), moment, "rotate", "work", "--rollback", "--yes")
    assert killed.returncode == -9, killed.stderr
    _works("work")
    if (number, moment) == (1, "before"):  # nothing was written, so it is typed again
        credguard("rotate", "work", "--rollback", "--yes")
    credguard("config", "set", "rotation.grace", "0s")
    credguard("rotate", "work", "--yes")
    assert ready.iam().keys("dev") == [(ready.key_id, "Active")]
    assert _works("work") == ready.key_id
    assert journal.identities(Context().db) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 5, 6, 8])
def test_a_kill_in_an_emergency(ready: Simulator, number: int) -> None:
    killed = _run("-c", KILLER, str(number), "after", "rotate", "work", "--emergency", "--yes")
    assert killed.returncode == -9, killed.stderr
    _works("work")
    credguard("rotate", "work", "--yes")
    ((key_id, status),) = ready.iam().keys("dev")
    assert (key_id != ready.key_id, status) == (True, "Active")
    assert _works("work") == key_id
    assert journal.identities(Context().db) == []
