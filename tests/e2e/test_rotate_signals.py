"""A real `credguard rotate` stopped at each of its requests, by Ctrl-C, SIGTERM, kill -9.

Then it is run again: one working key, no stray.

Ctrl-C goes to the whole process group, as a terminal sends it, so to the vault's worker too.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import keys
from credguard.app.context import Context
from credguard.aws import sts
from credguard.store import journal, profiles
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.person import add_key, credguard, file_vault, wait_for_nothing
from tests.support.simulator import Simulator
from tests.support.wire import Request

REQUESTS = 24
CREATE = 6  # of a rotation without faults: who, list, two tries, last used, create
_SLOW = [n for n in range(1, REQUESTS + 1) if n != CREATE]


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "credguard", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def prepare(simulator: Simulator, backend: str) -> None:
    credguard("config", "set", "vault.backend", backend)
    wait_for_nothing()
    add_key(simulator)


@pytest.fixture
def ready(
    faults: FaultProxy, simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> Simulator:
    file_vault(poisoned, monkeypatch)
    prepare(simulator, "file")
    return simulator


@pytest.fixture
def in_keyring(
    faults: FaultProxy, simulator: Simulator, request: pytest.FixtureRequest
) -> Simulator:
    request.getfixturevalue("keyring_session")
    prepare(simulator, "keyring:secretservice")
    return simulator


def stop_at(faults: FaultProxy, number: int, what: signal.Signals, executed: bool) -> int:
    """Run it and send the signal as the n-th request arrives, or once it was executed."""
    begun: list[subprocess.Popen[str]] = []
    seen = 0

    def hit(_request: Request) -> bool:
        nonlocal seen
        seen += 1
        if seen != number:
            return False
        os.killpg(begun[0].pid, what)
        return executed

    faults.script(Fault("*", "drop", when=hit, executed=executed))
    begun.append(start("rotate", "work", "--yes"))
    _, said = begun[0].communicate(timeout=100)
    assert "Traceback" not in said
    faults.script()
    return begun[0].returncode


def assert_whole(faults: FaultProxy, simulator: Simulator) -> None:
    ctx = Context()
    assert sts.caller_identity(keys.credentials(ctx, "work")).user_name == "dev"  # it still works
    credguard("rotate", "work", "--yes")
    ((key_id, status),) = simulator.iam().keys("dev")
    assert status == "Active"
    ctx = Context()
    assert profiles.profile(ctx.db, "work").key.key_id == key_id
    assert [key.key_id for key in profiles.keys(ctx.db)] == [key_id]
    assert profiles.profile(ctx.db, "work").key.created is not None
    assert sts.caller_identity(keys.credentials(ctx, "work")).user_name == "dev"
    assert journal.identities(ctx.db) == []
    faults.assert_one_create_per_transaction()
    credguard("log", "--verify")


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize(
    "what", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name
)
@pytest.mark.parametrize(
    "number", [CREATE, *(pytest.param(n, marks=pytest.mark.slow) for n in _SLOW)]
)
def test_stopped_at_any_request(
    ready: Simulator, faults: FaultProxy, number: int, what: signal.Signals, executed: bool
) -> None:
    code = stop_at(faults, number, what, executed)
    if what is not signal.SIGINT:
        assert code in {-what, 0}  # 0: it needs fewer requests
    assert_whole(faults, ready)


@pytest.mark.keyring
@pytest.mark.parametrize("number", [CREATE, CREATE + 1])
def test_ctrl_c_does_not_take_the_keyring_from_a_new_key(
    in_keyring: Simulator, faults: FaultProxy, number: int
) -> None:
    assert stop_at(faults, number, signal.SIGINT, executed=False) == 130
    assert faults.count("DeleteAccessKey") == 1  # precheck's try with a key that cannot exist
    assert_whole(faults, in_keyring)
    assert faults.count("CreateAccessKey") == 1


def test_two_at_once_make_one_key(ready: Simulator, faults: FaultProxy) -> None:
    both = [start("rotate", "work", "--yes") for _ in range(2)]
    said = [each.communicate(timeout=100)[1] for each in both]
    codes = sorted(each.returncode for each in both)
    assert codes in ([0, 0], [0, 2]), said
    if codes == [0, 2]:
        assert any("another credguard rotates" in each for each in said)
    faults.assert_one_create_per_transaction()
    ((_, status),) = ready.iam().keys("dev")
    assert status == "Active"
    assert_whole(faults, ready)
