"""The daemon replaces a due key by itself, and says what it cannot do; real parts throughout."""

import socket
import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.context import Context
from credguard.app.status import status
from credguard.store import profiles
from tests.support import daemon as support
from tests.support.daemon import until
from tests.support.desktop import Desktop
from tests.support.person import add_key, credguard, file_vault, wait_for_nothing
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def aged(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key over its age in the file vault; nobody agreed to its rotation yet."""
    file_vault(poisoned, monkeypatch)
    wait_for_nothing()
    simulator.iam().set_created(simulator.key_id, 1e9)
    add_key(simulator)
    return simulator


def _key() -> str:
    return profiles.profile(Context().db, "work").key.key_id


def test_a_due_key_that_was_agreed_to_is_replaced_at_start(aged: Simulator) -> None:
    profiles.set_consent(Context().db, "work")
    process = support.start()
    until(lambda: status(Context()).last_tick is not None)
    support.stop(process)
    ((key_id, state),) = aged.iam().keys("dev")
    assert (key_id, state) == (_key(), "Active")
    assert key_id != aged.key_id


def test_one_that_needs_a_person_is_told_once_on_the_desktop_and_stays_in_the_status(
    aged: Simulator, desktop: Desktop
) -> None:
    for runs in (1, 2):
        process = support.start()
        until(lambda runs=runs: support.log().count("nobody agreed yet") == runs)
        until(lambda: status(Context()).last_tick is not None)
        until(lambda: len(desktop.shown()) == 1)
        support.stop(process)
    ((title, body),) = desktop.shown()
    assert title == "credguard: a key rotation needs you"
    assert "credguard rotate work --yes" in body
    shown = credguard("status").stdout
    assert "Problem   rotation of aws/123456789012/dev" in shown
    assert "nobody agreed yet" in shown
    assert _key() == aged.key_id


def test_a_failure_is_said_in_the_log_and_the_status(aged: Simulator) -> None:
    profiles.set_consent(Context().db, "work")
    Path(paths.vault_file()).unlink()
    process = support.start()
    until(lambda: "the look for due rotations failed: rotation of" in support.log())
    support.stop(process)
    subjects = {each.subject.split(" of ")[0] for each in status(Context()).problems}
    assert subjects == {"rotation", "vault"}
    assert all(each.what in support.log() for each in status(Context()).problems)
    assert aged.secret.reveal() not in support.log()


@pytest.mark.skipif(sys.platform != "linux", reason="children are read from /proc")
def test_it_stops_while_a_tick_waits_for_an_answer(
    aged: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_consent(Context().db, "work")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = support.start()
        asked, _ = silent.accept()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        assert support.stop(process) == b""
        asked.close()
    assert not Path(f"/proc/{children[0]}").exists()
