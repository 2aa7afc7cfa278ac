"""Rotation under a policy that denies everything without MFA; IAM over HTTP with a device."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import rotate, tick
from credguard.app.context import Context
from credguard.app.doctor.rotation import rotation as rotation_checks
from credguard.app.mfa import STEP_S, Codes
from credguard.app.rotate import Wanted
from credguard.app.rotate_status import statuses
from credguard.errors import CredguardError, NeedsCode
from credguard.secret import Secret
from credguard.store import journal, mfa, passwords, profiles
from tests.support import in_memory
from tests.support.fault_table import Fault, MfaDevice
from tests.support.faults import FaultProxy
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator
from tests.support.wire import Request


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


@pytest.fixture
def device(ctx: Context, faults: FaultProxy) -> MfaDevice:
    made = faults.add_mfa_device("dev")
    faults.script(Fault("iam:*", "mfa-required"))
    _configure(f"[profile work]\nmfa_serial = {made.serial}\n")
    return made


def _configure(text: str) -> None:
    file = Path(paths.aws_config_file())
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def _asking(device: MfaDevice, asked: list[str]) -> Wanted:
    def ask(serial: str) -> str:
        asked.append(serial)
        return device.code()

    return Wanted(yes=True, ask=ask)


def test_one_code_serves_the_whole_run(
    ctx: Context, device: MfaDevice, faults: FaultProxy, simulator: Simulator
) -> None:
    asked: list[str] = []
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=_asking(device, asked))
    assert outcome.error is None, outcome.error
    assert outcome.why == "grace"
    assert asked == [device.serial]
    assert faults.count("GetSessionToken") == 1
    faults.assert_one_create_per_transaction()
    assert len(simulator.iam().keys("dev")) == 2


def test_a_given_code_is_enough(ctx: Context, device: MfaDevice) -> None:
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True, code=Secret(device.code())))
    assert outcome.why == "grace"


def test_the_doctor_takes_a_code_and_without_one_tells_the_rest(
    ctx: Context, device: MfaDevice
) -> None:
    found = {each.name: each for each in rotation_checks(ctx, "work", Wanted())}
    assert found["iam"].state == "UNKNOWN"
    assert "--code-stdin" in found["iam"].fix
    assert {"vault", "journal", "key", "consent"} < set(found)
    given = Wanted(code=Secret(device.code()))
    found = {each.name: each for each in rotation_checks(ctx, "work", given)}
    assert found["iam:ListAccessKeys"].state == "ok"


def test_the_status_says_that_the_service_needs_a_code(ctx: Context, device: MfaDevice) -> None:
    (profile,) = profiles.profiles(ctx.db)
    profiles.set_created(ctx.db, profile.key.key_id, ctx.now() - 40 * 86400)
    tick.tick(ctx)
    (row,) = statuses(ctx)
    assert (row.state, row.hint) == ("needs code", "run: credguard rotate work")
    assert device.serial in row.why
    rotate.rotate(ctx, ["work"], wanted=Wanted(code=Secret(device.code())))
    assert [each.state for each in statuses(ctx)] == ["grace", "active"]


def test_when_nobody_is_there_it_needs_a_code_and_makes_no_key(
    ctx: Context, device: MfaDevice, simulator: Simulator
) -> None:
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True))
    assert outcome.state == "needs-code"
    assert isinstance(outcome.error, NeedsCode)
    assert device.serial in str(outcome.error)
    assert journal.identities(ctx.db) == []
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_a_wrong_code_is_said(ctx: Context, device: MfaDevice, simulator: Simulator) -> None:
    wrong = f"{(int(device.code()) + 1) % 1_000_000:06}"
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True, code=Secret(wrong)))
    assert outcome.error is not None
    assert "refused the code" in str(outcome.error)
    assert wrong not in str(outcome.error) + outcome.error.hint
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_the_device_of_a_role_profile_serves_its_source(ctx: Context, device: MfaDevice) -> None:
    _configure(
        "[profile admin]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = work\n"
        f"mfa_serial = {device.serial}\n"
    )
    assert Codes(ctx, ["work"]).serial() == device.serial
    assert Codes(ctx, ["other"]).serial() is None


def test_an_mfa_process_gives_codes_unattended(
    ctx: Context, device: MfaDevice, tmp_path: Path
) -> None:
    file = tmp_path / "code"
    file.write_text(device.code() + "\n")
    _configure(
        f"[profile work]\nmfa_serial = {device.serial}\n"
        f"mfa_process = {sys.executable} -c \"print(open('{file}').read())\"\n"
    )
    (outcome,) = rotate.rotate(ctx, []) or rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True))
    assert outcome.why == "grace"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/no/such/program", "No such file"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "exit code 3"),
        (f"{sys.executable} -c pass", "exit code 0"),
        ("yes", "printed over 4096 bytes"),
        ("sleep 100", "no answer"),
    ],
)
def test_a_program_that_gives_no_code(
    ctx: Context, device: MfaDevice, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    _configure(f"[profile work]\nmfa_serial = {device.serial}\nmfa_process = {command}\n")
    if command.startswith("sleep"):
        monkeypatch.setattr("credguard.app.mfa._DEADLINE_S", 0.1)
    with pytest.raises(NeedsCode, match=said):
        Codes(ctx, ["work"]).code(device.serial)


def test_an_agent_that_the_program_leaves_behind_is_not_waited_for(
    ctx: Context, device: MfaDevice
) -> None:
    command = "sh -c 'sleep 50 & echo 123456'"
    _configure(f"[profile work]\nmfa_serial = {device.serial}\nmfa_process = {command}\n")
    assert Codes(ctx, ["work"]).code(device.serial) == Secret("123456")


def test_ykman_is_asked_for_the_account_in_the_settings(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ykman"
    program.write_text(
        '#!/bin/sh\n[ "$*" = "oath accounts code --single aws:me" ] && echo 123456\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    config.set_value("mfa.ykman", "aws:me")
    assert Codes(ctx, ["work"]).code("serial").reveal() == "123456"


def test_a_second_code_waits_for_the_next_step(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("threading.Event.wait", lambda _self, s=0.0: waited.append(s) or True)
    monkeypatch.setattr(Context, "now", lambda _self: 1000.0 * STEP_S + 10)
    codes = Codes(ctx, ["work"], ask=lambda _serial: "123456")
    codes.code("serial")
    assert waited == []
    assert mfa.step(ctx.db, "serial") == 1000
    codes.code("serial")
    assert waited == [20.0]


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"])
def test_what_is_no_code_is_refused(ctx: Context, text: str) -> None:
    with pytest.raises(CredguardError, match="not a code"):
        Codes(ctx, ["work"], ask=lambda _serial: text or " ").code("serial")


def test_a_policy_that_asks_for_mfa_only_to_create(
    ctx: Context, device: MfaDevice, faults: FaultProxy, simulator: Simulator
) -> None:
    faults.script(Fault("CreateAccessKey", "mfa-required"))
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True))
    assert outcome.state == "needs-code", outcome
    assert journal.identities(ctx.db) == []
    asked: list[str] = []
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=_asking(device, asked))
    assert outcome.why == "grace", outcome
    assert asked == [device.serial]
    faults.assert_one_create_per_transaction()


def test_a_session_that_ends_right_before_the_key_is_made(
    ctx: Context, device: MfaDevice, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credguard.app.mfa._wait_for_a_new_one", lambda *_: None)

    left = [4000.0]

    def ending(request: Request) -> bool:
        if request.action == "CreateAccessKey" and left:
            faults.clock.advance(left.pop())
        return False

    faults.script(Fault("*", "drop", when=ending), Fault("iam:*", "mfa-required"))
    asked: list[str] = []
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=_asking(device, asked))
    assert outcome.why == "grace", outcome
    assert len(asked) == 2
    faults.assert_one_create_per_transaction()


def asked_for_a_code(device: MfaDevice, program: list[str], given: str) -> str:
    role = "arn:aws:iam::123456789012:role/r"
    _configure(
        f"[profile role]\nrole_arn = {role}\nsource_profile = work\nmfa_serial = {device.serial}\n"
    )
    done = subprocess.run(
        [sys.executable, *program], input=given, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_who_takes_no_code_is_not_sent_to_an_option(
    faults: FaultProxy, simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An AWS tool asks by way of the agent's child; a command of ours says --code-stdin."""
    file_vault(poisoned, monkeypatch)
    add_key(simulator)
    device = faults.add_mfa_device("dev")
    child = "credguard.daemon.session_child"
    asked = json.dumps({"profile": "role", "code": "", "min_ttl": 60})
    said = asked_for_a_code(device, ["-c", f"from {child} import main; main()"], asked)
    assert "run, at a terminal: credguard exec role -- true" in said
    assert "--code-stdin" not in said
    said = asked_for_a_code(device, ["-m", "credguard", "exec", "role", "--", "true"], "")
    assert "--code-stdin" in said
    faults.script(Fault("iam:*", "mfa-required"))
    _configure(f"[profile work]\nmfa_serial = {device.serial}\n")
    said = credguard("password", "rotate", "work", "--current-stdin", stdin="x", ok=2).stderr
    assert "at a terminal" in said
    assert "--code-stdin" not in said
    assert passwords.changes(Context().db) == {}  # AWS refused it: nothing is in doubt
