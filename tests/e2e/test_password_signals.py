"""A real `credguard password rotate` stopped at each of its requests, by each signal.

Then it is run again: what the vault hands out is in force, and nothing else is kept.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import password
from credguard.app.context import Context
from tests.support import passwords as aws
from tests.support import samples
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator
from tests.support.wire import Request

TYPED = samples.text(18, 5)
REQUESTS = 3  # who has a password, the policy, the change
CHANGE = 3
_OTHERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)


@pytest.fixture
def ready(
    faults: FaultProxy, simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> Simulator:
    file_vault(poisoned, monkeypatch)
    add_key(simulator)
    aws.user("dev").password = TYPED
    credguard("password", "rotate", "work", "--current-stdin", stdin=TYPED)
    return simulator


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize(
    "what",
    [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow) for n in _OTHERS)],
    ids=lambda each: each.name,
)
@pytest.mark.parametrize(
    "number",
    [
        CHANGE,
        *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, REQUESTS + 1) if n != CHANGE),
    ],
)
def test_stopped_at_any_request(
    ready: Simulator, faults: FaultProxy, number: int, what: signal.Signals, executed: bool
) -> None:
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
    begun.append(
        subprocess.Popen(
            [sys.executable, "-m", "credguard", "password", "rotate", "work"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )
    )  # fmt: skip
    _, said = begun[0].communicate(timeout=100)
    assert begun[0].returncode == (130 if what is signal.SIGINT else -what)
    assert "Traceback" not in said
    faults.script()
    credguard("password", "rotate", "work")
    ctx = Context()
    assert password.current(ctx, "work").reveal() == str(aws.user("dev").password)
    (row,) = password.statuses(ctx)
    assert (row.state, row.candidates) == ("kept", ())
    assert len([item for item in password.items(ctx) if ctx.vault.get(item)]) == 1
