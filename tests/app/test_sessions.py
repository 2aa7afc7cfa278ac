"""Sessions of every kind of profile, over HTTP against the simulator with signatures checked."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from credguard import paths
from credguard.app import keys, sessions
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.aws import clients, sts
from credguard.errors import (
    AwsError,
    CodeRefused,
    ConfigError,
    CredguardError,
    InvalidKey,
    NeedsCode,
    NetworkDown,
    NotPermitted,
    QuotaExceeded,
    Throttled,
    UnknownProfile,
)
from credguard.store import handouts
from tests.support import in_memory, samples
from tests.support.fault_table import Fault, MfaDevice
from tests.support.faults import FaultProxy
from tests.support.roles import Role
from tests.support.simulator import ACCOUNT, Simulator

ONE, TWO, THREE = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("one", "two", "three"))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _s: None))


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    for arn in (ONE, TWO, THREE):
        simulator.iam().add_role(arn.rpartition("/")[2])
    return in_memory.context(simulator, "work")


@pytest.fixture
def device(faults: FaultProxy) -> MfaDevice:
    return faults.add_mfa_device("dev")


def configure(text: str) -> None:
    file = Path(paths.aws_config_file())
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def role(name: str, arn: str, source: str, *more: str) -> str:
    lines = [f"[profile {name}]", f"role_arn = {arn}", f"source_profile = {source}", *more]
    return "\n".join(lines) + "\n"


def codes(ctx: Context, code: Callable[[], str]) -> Codes:
    return Codes(ctx, [], ask=lambda _serial: code())


def actions(faults: FaultProxy) -> list[str]:
    """What was sent since the key was proven."""
    seen = [call.action for call in faults.requests()]
    return [each for each in seen if each not in {"GetCallerIdentity", "ListAccessKeys"}]


def who(handed: sessions.Handed) -> str:
    return sts.caller_identity(handed.credentials).arn


def test_a_long_term_key_is_handed_out_as_it_is(
    ctx: Context, faults: FaultProxy, simulator: Simulator
) -> None:
    before = time.time()
    handed = sessions.obtain(ctx, "work", None)
    assert handed.credentials.key_id == simulator.key_id == handed.key_id_of_long_term
    assert handed.credentials.token is None
    assert before <= handed.expiration - handouts.LIFETIME_S <= time.time()
    assert (handed.account, handed.source, handed.mfa, handed.note) == (
        ACCOUNT, "long-term key", False, "",
    )  # fmt: skip
    assert actions(faults) == []


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_chain_costs_one_call_for_each_role(
    ctx: Context, faults: FaultProxy, simulator: Simulator, depth: int
) -> None:
    configure(
        "[profile work]\nregion = eu-west-1\n"
        + role("one", ONE, "work", "role_session_name = me", "region = eu-west-1")
        + role("two", TWO, "one")
        + role("three", THREE, "two", "duration_seconds = 7200")
    )
    name = ("one", "two", "three")[depth - 1]
    handed = sessions.obtain(ctx, name, None)
    assert actions(faults) == ["AssumeRole"] * depth
    assert faults.requests("AssumeRole")[0].region == "eu-west-1"
    assert f"assumed-role/{name}/" in who(handed)
    assert handed.key_id_of_long_term == simulator.key_id
    assert (handed.account, handed.source) == (ACCOUNT, "role")
    assert handed.expiration == pytest.approx(time.time() + 3600, abs=60)
    assert handed.note == (
        "role chaining: the session of profile three lasts an hour at most, not 7200 s"
        if depth == 3
        else ""
    )


def test_a_role_that_asks_for_mfa_gets_the_code_in_its_own_call(
    ctx: Context, faults: FaultProxy, device: MfaDevice
) -> None:
    faults.roles[ONE] = Role(mfa=True)
    configure(role("one", ONE, "work", f"mfa_serial = {device.serial}", "duration_seconds = 7200"))
    handed = sessions.obtain(ctx, "one", codes(ctx, device.code))
    assert actions(faults) == ["AssumeRole"]
    assert handed.mfa
    assert handed.expiration == pytest.approx(time.time() + 7200, abs=60)


def test_one_code_serves_a_chain_whose_later_role_names_the_device(
    ctx: Context, faults: FaultProxy, device: MfaDevice
) -> None:
    faults.roles[ONE] = Role(mfa=True)
    configure(role("one", ONE, "work") + role("two", TWO, "one", f"mfa_serial = {device.serial}"))
    asked: list[str] = []

    def ask(serial: str) -> str:
        asked.append(serial)
        return device.code()

    handed = sessions.obtain(ctx, "two", Codes(ctx, ["two"], ask=ask))
    assert actions(faults) == ["GetSessionToken", "AssumeRole", "AssumeRole"]
    assert asked == [device.serial]
    assert handed.mfa
    assert "assumed-role/two/" in who(handed)


def test_an_mfa_process_of_the_source_serves_the_role(
    ctx: Context, faults: FaultProxy, device: MfaDevice, tmp_path: Path
) -> None:
    (tmp_path / "code").write_text(device.code())
    configure(
        f"[profile work]\nmfa_process = {sys.executable} -c"
        f" \"print(open('{tmp_path / 'code'}').read())\"\n"
        + role("one", ONE, "work", f"mfa_serial = {device.serial}")
    )
    assert sessions.obtain(ctx, "one", Codes(ctx, ["one"])).mfa


@pytest.mark.parametrize("somebody", [False, True])
def test_without_a_code_nothing_is_sent(
    ctx: Context, faults: FaultProxy, device: MfaDevice, somebody: bool
) -> None:
    configure(role("one", ONE, "work", f"mfa_serial = {device.serial}"))
    with pytest.raises(NeedsCode, match=device.serial):
        sessions.obtain(ctx, "one", Codes(ctx, ["one"]) if somebody else None)
    assert actions(faults) == []


@pytest.mark.parametrize("kind", ["role", "session"])
def test_a_wrong_code(ctx: Context, faults: FaultProxy, device: MfaDevice, kind: str) -> None:
    wrong = f"{(int(device.code()) + 1) % 1_000_000:06}"
    serial = f"mfa_serial = {device.serial}"
    configure(role("one", ONE, "work", serial) + f"[profile work]\n{serial}\n")
    with pytest.raises(CodeRefused, match=device.serial) as caught:
        sessions.obtain(ctx, "one" if kind == "role" else "work", codes(ctx, lambda: wrong))
    assert wrong not in str(caught.value) + caught.value.hint
    assert len(actions(faults)) == 1


@pytest.mark.parametrize("kind", ["drop", "500"])
def test_a_code_is_sent_once(
    ctx: Context, faults: FaultProxy, device: MfaDevice, kind: str
) -> None:
    faults.script(Fault("sts:AssumeRole", kind))  # type: ignore[arg-type]
    configure(role("one", ONE, "work", f"mfa_serial = {device.serial}"))
    with pytest.raises(NetworkDown):
        sessions.obtain(ctx, "one", codes(ctx, device.code))
    assert actions(faults) == ["AssumeRole"]


def test_an_external_id_is_given_to_the_role_that_asks(ctx: Context, faults: FaultProxy) -> None:
    faults.roles[ONE] = Role(external_id="for-us")
    configure(role("one", ONE, "work", "external_id = for-us") + role("bare", ONE, "work"))
    assert "assumed-role/one/" in who(sessions.obtain(ctx, "one", None))
    with pytest.raises(NotPermitted) as caught:
        sessions.obtain(ctx, "bare", None)
    assert "external_id" in caught.value.hint


@pytest.mark.parametrize("place", [ONE, TWO])
def test_a_role_that_denies_is_named_with_its_caller(
    ctx: Context, faults: FaultProxy, place: str
) -> None:
    faults.roles[place] = Role(trusted=False)
    configure(role("one", ONE, "work") + role("two", TWO, "one"))
    caller = f"user dev of account {ACCOUNT}" if place == ONE else f"role {ONE}"
    name = "one" if place == ONE else "two"
    with pytest.raises(NotPermitted) as caught:
        sessions.obtain(ctx, "two", None)
    assert str(caught.value) == f"{caller} may not assume {place} (profile {name})"
    assert "mfa_serial" in caught.value.hint


def test_a_session_longer_than_the_role_allows(ctx: Context, faults: FaultProxy) -> None:
    faults.roles[ONE] = Role(longest_s=3600)
    configure(role("one", ONE, "work", "duration_seconds = 7200"))
    with pytest.raises(QuotaExceeded, match="profile one") as caught:
        sessions.obtain(ctx, "one", None)
    assert "duration_seconds" in caught.value.hint


def test_less_than_twenty_minutes_is_said(ctx: Context) -> None:
    configure(role("one", ONE, "work", "duration_seconds = 900"))
    handed = sessions.obtain(ctx, "one", None)
    assert handed.note in {f"the session of one lasts {n} minutes only" for n in (14, 15)}
    assert sessions.obtain(ctx, "one", None, min_ttl_s=600).note == ""


def test_a_session_instead_of_the_long_term_key(ctx: Context, faults: FaultProxy) -> None:
    configure("[profile work]\ncredguard_session = true\n")
    handed = sessions.obtain(ctx, "work", None)
    assert actions(faults) == ["GetSessionToken"]
    assert handed.credentials.key_id.startswith("AS" + "IA")
    assert handed.expiration == pytest.approx(faults.clock() + 3600, abs=60)
    assert (handed.source, handed.mfa) == ("session", False)
    assert who(handed).endswith("user/dev")


def test_a_profile_with_a_device_hands_out_an_mfa_session(
    ctx: Context, faults: FaultProxy, device: MfaDevice, simulator: Simulator
) -> None:
    configure(f"[profile work]\nmfa_serial = {device.serial}\n")
    handed = sessions.obtain(ctx, "work", codes(ctx, device.code))
    assert (handed.source, handed.mfa) == ("session with MFA", True)
    assert handed.expiration == pytest.approx(faults.clock() + 43200, abs=60)
    configure(f"[profile work]\nmfa_serial = {device.serial}\ncredguard_session = false\n")
    assert sessions.obtain(ctx, "work", None).credentials.key_id == simulator.key_id


def web_identity(path: Path) -> None:
    configure(f"[profile ci]\nrole_arn = {ONE}\nweb_identity_token_file = {path}\n")


def test_a_web_identity_reads_its_token_each_time(
    ctx: Context, faults: FaultProxy, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    web_identity(token)
    first, second = samples.text(300, 1), samples.text(300, 2)
    faults.web_tokens = {first}
    token.write_text(first + "\n")
    handed = sessions.obtain(ctx, "ci", None)
    assert (handed.source, handed.key_id_of_long_term, handed.account) == (
        "web identity", None, ACCOUNT,
    )  # fmt: skip
    assert "assumed-role/one/credguard-" in who(handed)
    faults.web_tokens = {second}
    with pytest.raises(InvalidKey, match="does not accept the token") as caught:
        sessions.obtain(ctx, "ci", None)
    assert first not in str(caught.value) + caught.value.hint
    token.write_text(second)
    sessions.obtain(ctx, "ci", None)
    assert [call.key_id for call in faults.requests("AssumeRoleWithWebIdentity")] == [""] * 3


def test_a_role_behind_a_web_identity(ctx: Context, faults: FaultProxy, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    faults.web_tokens = {"t0ken"}
    configure(
        f"[profile ci]\nrole_arn = {ONE}\nweb_identity_token_file = {tmp_path / 'token'}\n"
        + role("two", TWO, "ci", "duration_seconds = 7200")
    )
    handed = sessions.obtain(ctx, "two", None)
    assert "assumed-role/two/" in who(handed)
    assert "role chaining" in handed.note


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"", "no token"), (b" \n", "no token"), (b"x" * 65537, "64 KiB"),
     ("ü".encode(), "no token")],
)  # fmt: skip
def test_a_token_file_that_cannot_serve(
    ctx: Context, faults: FaultProxy, tmp_path: Path, content: bytes | None, said: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    web_identity(token)
    with pytest.raises(CredguardError, match=said):
        sessions.obtain(ctx, "ci", None)
    assert actions(faults) == []


def test_a_token_file_that_is_a_pipe_is_not_waited_for(ctx: Context, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "token")
    web_identity(tmp_path / "token")
    with pytest.raises(CredguardError, match="no token"):
        sessions.obtain(ctx, "ci", None)


def test_a_clock_that_is_off_is_blamed(
    ctx: Context, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_skew", None)
    configure(role("one", ONE, "work"))
    faults.date_offset = 4000
    with pytest.raises(AwsError) as caught:
        sessions.obtain(ctx, "one", None)
    assert not isinstance(caught.value, InvalidKey)
    assert "clock" in caught.value.hint


def test_throttling_is_tried_again_and_then_said(ctx: Context, faults: FaultProxy) -> None:
    configure(role("one", ONE, "work"))
    faults.script(Fault("AssumeRole", "throttled", times=1))
    sessions.obtain(ctx, "one", None)
    faults.script(Fault("AssumeRole", "throttled"))
    with pytest.raises(Throttled):
        sessions.obtain(ctx, "one", None)


def test_a_dead_key_names_its_profile(
    ctx: Context, faults: FaultProxy, simulator: Simulator
) -> None:
    simulator.iam().set_status(simulator.key_id, "Inactive")
    configure(role("one", ONE, "work"))
    with pytest.raises(InvalidKey, match="the vault holds for profile work"):
        sessions.obtain(ctx, "one", None)


def test_a_role_of_another_partition_is_not_asked_for(ctx: Context, faults: FaultProxy) -> None:
    configure(role("one", f"arn:aws-cn:iam::{ACCOUNT}:role/x", "work"))
    with pytest.raises(ConfigError, match="partition aws-cn"):
        sessions.obtain(ctx, "one", None)
    assert actions(faults) == []


def test_no_secret_is_in_an_error_or_in_the_plan(
    ctx: Context, faults: FaultProxy, simulator: Simulator
) -> None:
    configure(role("one", ONE, "work"))
    for kind in ("denied", "garbled", "truncated", "not-aws", "expired-token", "bad-signature"):
        faults.script(Fault("AssumeRole", kind))  # type: ignore[arg-type]
        with pytest.raises(AwsError) as caught:
            sessions.obtain(ctx, "one", None)
        assert simulator.secret.reveal() not in repr(caught.value) + caught.value.hint
        assert caught.value.hint
    faults.script()
    handed = sessions.obtain(ctx, "one", None)
    assert handed.credentials.token is not None
    for secret in (handed.credentials.secret, handed.credentials.token):
        assert secret.reveal() not in repr(handed)


def test_an_unknown_profile(ctx: Context) -> None:
    with pytest.raises(UnknownProfile, match="'nope'"):
        sessions.obtain(ctx, "nope", None)


def test_a_plaintext_key_is_not_taken(ctx: Context) -> None:
    Path(paths.aws_credentials_file()).parent.mkdir(exist_ok=True)
    Path(paths.aws_credentials_file()).write_text(
        f"[old]\naws_access_key_id = {samples.aws_key_id()}\n"
        f"aws_secret_access_key = {samples.aws_secret()}\n"
    )
    with pytest.raises(ConfigError, match="plaintext") as caught:
        sessions.obtain(ctx, "old", None)
    assert caught.value.hint == "run: credguard import old"


def test_a_credential_process_of_ours_leads_to_the_profile_it_names(ctx: Context) -> None:
    configure(
        f"[profile tool]\ncredential_process = {keys.command('one')}\n" + role("one", ONE, "work")
    )
    assert sessions.plan_of(ctx, "tool").steps == sessions.plan_of(ctx, "one").steps
