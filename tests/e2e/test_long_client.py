"""A real boto3 client, its key only in the vault, under which a whole rotation goes by."""

import datetime
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from credguard import config
from credguard.app import rotate
from credguard.app.context import Context
from credguard.ipc import calls
from credguard.rotation.model import Step
from credguard.store import profiles
from tests.support.person import add_key, file_vault
from tests.support.simulator import Simulator

Start = Callable[[], subprocess.Popen[bytes]]
HOUR = 3600.0


class Clocks:
    """How far each side's clock stands ahead of the real one, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = self.credguard = 0.0
        now = Context.now
        monkeypatch.setattr(Context, "now", lambda ctx: now(ctx) + self.credguard)

    def of_client(self) -> datetime.datetime:
        """What botocore is given as its clock."""
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.client)


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key in the file vault under the profile `work`."""
    file_vault(poisoned, monkeypatch)
    (poisoned / "run").mkdir(mode=0o700)
    config.set_value("rotation.prove_interval", "0s")
    add_key(simulator)
    return simulator


def client_of(**keys: str) -> Any:
    session = boto3.Session(profile_name=None if keys else "work", **keys)
    return session.client("sts", "us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def test_a_client_that_outlives_a_rotation_sees_no_failed_call(
    ready: Simulator, process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process()
    config.set_value("rotation.grace", "1s")
    config.set_value("rotation.soak", "1h")
    clocks, ctx = Clocks(monkeypatch), Context()
    client, used = client_of(), []
    credentials = client._request_signer._credentials
    credentials._time_fetcher = clocks.of_client

    def call() -> str:
        client.get_caller_identity()
        used.append(credentials.get_frozen_credentials().access_key)
        return used[-1]

    def stepped(_identity: str, _step: Step) -> None:
        call()

    def tick(*names: str) -> str:
        (outcome,) = rotate.rotate(ctx, list(names), yes=bool(names), on_step=stepped)
        call()
        return outcome.state

    first = call()
    assert calls.status()["fetches"] == 1  # the agent served it
    kept = credentials.get_frozen_credentials()
    frozen = client_of(aws_access_key_id=kept.access_key, aws_secret_access_key=kept.secret_key)
    assert tick("work") == "waiting"  # a second's grace, and yet: the client was given an hour
    new = profiles.profile(ctx.db, "work").key.key_id
    assert new != first
    assert call() == first
    frozen.get_caller_identity()
    clocks.client = 50 * 60.0
    assert call() == new
    assert calls.status()["fetches"] == 2
    clocks.credguard = 2.1 * HOUR
    tick()
    assert dict(ready.iam().keys("dev"))[first] == "Inactive"
    with pytest.raises(ClientError):  # the hour is over; the simulator does refuse the old key
        frozen.get_caller_identity()
    clocks.credguard = 4 * HOUR
    assert tick() == "done"
    assert ready.iam().keys("dev") == [(new, "Active")]
    assert call() == new
    assert list(dict.fromkeys(used)) == [first, new]
