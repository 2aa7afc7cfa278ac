import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from credguard.aws import clients, iam, sts
from credguard.aws.model import Credentials, NewKey
from credguard.errors import AwsError, BadSignature, InvalidKey, NetworkDown, NotPermitted
from credguard.secret import Secret
from tests.support import samples
from tests.support.fault_table import Fault, Lag, MfaDevice
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator


@pytest.fixture
def mine(simulator: Simulator) -> Credentials:
    return Credentials(simulator.key_id, simulator.secret)


def by(new: NewKey) -> Credentials:
    return Credentials(new.key_id, new.secret)


def works(call: Callable[..., object], *arguments: object) -> bool:
    try:
        call(*arguments)
    except InvalidKey:
        return False
    return True


def listed(creds: Credentials) -> list[tuple[str, str]]:
    return [(key.key_id, key.status) for key in iam.list_access_keys(creds, "dev")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "drop", "nth": 1, "times": 1},
        {"kind": "truncated", "executed": True},
        {"kind": "denied", "executed": True},
        {"kind": "drop", "nht": 1},
    ],
)
def test_a_wrong_row_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Fault("CreateAccessKey", **wrong)


def test_without_faults_calls_go_through_and_are_noted(
    faults: FaultProxy, mine: Credentials
) -> None:
    iam.create_access_key(mine, "dev", "t-1")
    sts.caller_identity(mine, region="eu-west-1")
    first, second = faults.requests()
    assert (first.service, first.action, first.transaction) == ("iam", "CreateAccessKey", "t-1")
    assert (first.key_id, first.parameters["UserName"]) == (mine.key_id, "dev")
    assert (second.region, second.transaction) == ("eu-west-1", None)
    assert "credguard/" in second.user_agent
    assert [(each.executed, each.answered) for each in (first, second)] == [(True, "200")] * 2
    assert first.at == second.at == faults.clock()


def test_moto_itself_checks_the_signature_of_what_goes_through(
    faults: FaultProxy, mine: Credentials
) -> None:
    with pytest.raises(BadSignature):
        sts.caller_identity(Credentials(mine.key_id, Secret(samples.aws_secret(2))))
    assert faults.requests()[0].answered == "403 SignatureDoesNotMatch"


def test_rows_are_chosen_by_what_they_name(faults: FaultProxy, mine: Credentials) -> None:
    faults.script(
        Fault("sts:GetCallerIdentity", "denied", region="eu-west-1"),
        Fault("iam:GetCallerIdentity", "denied"),
        Fault("*", "denied", key_id="another"),
        Fault("*", "denied", when=lambda request: request.parameters.get("UserName") == "eva"),
        Fault("ListAccessKeys", "denied", nth=2),
    )
    assert works(sts.caller_identity, mine)
    with pytest.raises(NotPermitted):
        sts.caller_identity(mine, region="eu-west-1")
    with pytest.raises(NotPermitted):
        iam.get_user(mine, "eva")
    assert listed(mine)
    with pytest.raises(NotPermitted):
        listed(mine)
    assert listed(mine)
    assert [each.action for each in faults.unused()] == ["iam:GetCallerIdentity", "*"]


def test_a_new_key_reaches_each_service_in_its_own_time(
    faults: FaultProxy, mine: Credentials
) -> None:
    faults.lag = Lag(sts=5, iam=20, listing=30)
    new = iam.create_access_key(mine, "dev", "t-1")
    seen = []
    for step in (0, 5, 15, 10):
        faults.clock.advance(step)
        seen.append(
            (
                works(sts.caller_identity, by(new)),
                works(iam.get_user, by(new), "dev"),
                (new.key_id, "Active") in listed(mine),
            )
        )
    assert seen == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]
    assert works(sts.caller_identity, mine)


def test_a_deactivation_is_seen_late(faults: FaultProxy, mine: Credentials) -> None:
    faults.lag = Lag(status=4, listing=9)
    new = iam.create_access_key(mine, "dev", "t-1")
    iam.set_access_key_status(by(new), "dev", mine.key_id, active=False)
    assert works(iam.get_user, mine, "dev")
    with pytest.raises(BadSignature):
        sts.caller_identity(Credentials(mine.key_id, Secret(samples.aws_secret(2))))
    faults.clock.advance(4)
    assert not works(iam.get_user, mine, "dev")
    assert listed(by(new)) == [(mine.key_id, "Active")]
    faults.clock.advance(5)
    assert listed(by(new)) == [(mine.key_id, "Inactive"), (new.key_id, "Active")]


def test_a_deletion_is_seen_late(faults: FaultProxy, mine: Credentials) -> None:
    new = iam.create_access_key(mine, "dev", "t-1")
    faults.lag = Lag(deletion=4, listing=9)
    faults.clock.advance(100)
    iam.delete_access_key(by(new), "dev", mine.key_id)
    assert sts.caller_identity(mine).user_name == "dev"
    faults.clock.advance(4)
    assert not works(sts.caller_identity, mine)
    assert set(listed(by(new))) == {(mine.key_id, "Active"), (new.key_id, "Active")}
    (old,) = [key for key in iam.list_access_keys(by(new), "dev") if key.key_id == mine.key_id]
    assert old.created < new.created + 1
    faults.clock.advance(5)
    assert listed(by(new)) == [(new.key_id, "Active")]


def test_an_inactive_key_is_refused_before_moto_sees_it(
    faults: FaultProxy, simulator: Simulator, mine: Credentials
) -> None:
    simulator.iam().set_status(mine.key_id, "Inactive")
    assert not works(sts.caller_identity, mine)
    assert simulator.iam().last_used(mine.key_id) is None
    simulator.iam().set_status(mine.key_id, "Active")
    assert works(sts.caller_identity, mine)
    assert simulator.iam().last_used(mine.key_id) is not None


# MFA


@pytest.fixture
def device(faults: FaultProxy) -> MfaDevice:
    return faults.add_mfa_device("dev")


def session(creds: Credentials, device: MfaDevice | None, code: str = "") -> Credentials:
    if device is not None:
        return sts.session_token(creds, device.serial, Secret(code or device.code()), 900)
    with closing(clients.client("sts", creds)) as client:
        made = client.get_session_token(DurationSeconds=900)["Credentials"]
    return Credentials(
        made["AccessKeyId"], Secret(made["SecretAccessKey"]), Secret(made["SessionToken"])
    )


def test_a_policy_that_wants_mfa_lets_a_session_with_a_code_through(
    faults: FaultProxy, simulator: Simulator, mine: Credentials, device: MfaDevice
) -> None:
    faults.script(Fault("*", "mfa-required"))
    with pytest.raises(NotPermitted):
        listed(mine)
    assert works(sts.caller_identity, mine)
    with_code = session(mine, device)
    assert with_code.key_id.startswith("ASIA")
    assert sts.caller_identity(with_code) == sts.caller_identity(mine)
    new = iam.create_access_key(with_code, "dev", "t-1")
    assert [key for key, _ in listed(with_code)] == [mine.key_id, new.key_id]
    assert faults.requests("CreateAccessKey")[0].key_id == with_code.key_id
    assert len(simulator.iam().keys("dev")) == 2


def test_a_code_is_taken_once_and_only_when_right(
    faults: FaultProxy, mine: Credentials, device: MfaDevice
) -> None:
    wrong = f"{(int(device.code()) + 1) % 1_000_000:06}"
    spent = device.code()
    with pytest.raises(BadSignature):
        session(Credentials(mine.key_id, Secret(samples.aws_secret(2))), device)
    session(mine, device)
    for code in (wrong, spent, device.code(steps=9)):
        with pytest.raises(NotPermitted):
            session(mine, device, code)
    faults.clock.advance(30)
    session(mine, device)
    device.serial += "x"
    faults.clock.advance(30)
    with pytest.raises(NotPermitted):
        session(mine, device)


def test_a_session_without_a_code_reaches_no_iam(faults: FaultProxy, mine: Credentials) -> None:
    plain = session(mine, None)
    assert works(sts.caller_identity, plain)
    assert not works(iam.get_user, plain, "dev")
    with pytest.raises(ClientError, match="session credentials"):
        session(plain, None)


@pytest.mark.parametrize("end", ["deactivated", "deleted", "expired", "wrong secret", "no token"])
def test_a_session_ends(faults: FaultProxy, mine: Credentials, device: MfaDevice, end: str) -> None:
    new = iam.create_access_key(mine, "dev", "t-1")
    with_code = session(mine, device)
    assert works(iam.get_user, with_code, "dev")
    answered = "403 InvalidClientTokenId"
    if end == "deactivated":
        iam.set_access_key_status(by(new), "dev", mine.key_id, active=False)
    elif end == "deleted":
        iam.delete_access_key(by(new), "dev", mine.key_id)
    elif end == "expired":
        faults.clock.advance(900)
        answered = "403 ExpiredToken"
    elif end == "wrong secret":
        with_code = Credentials(with_code.key_id, Secret(samples.aws_secret(2)), with_code.token)
        answered = "403 SignatureDoesNotMatch"
    else:
        with_code = Credentials(with_code.key_id, with_code.secret)
    assert not works(iam.get_user, with_code, "dev")
    assert faults.requests()[-1].answered == answered
    assert works(sts.caller_identity, by(new))


def test_a_session_has_to_name_the_user(mine: Credentials, device: MfaDevice) -> None:
    with (
        closing(clients.client("iam", session(mine, device))) as client,
        pytest.raises(ClientError, match="Must specify userName"),
    ):
        client.list_access_keys()


# The proxy's own life


def test_a_second_create_of_one_transaction_is_found(faults: FaultProxy, mine: Credentials) -> None:
    iam.create_access_key(mine, "dev", "t-1")
    assert faults.assert_one_create_per_transaction() == {"t-1"}
    with pytest.raises(AwsError):
        iam.create_access_key(mine, "dev", "t-1")
    with pytest.raises(AssertionError, match="sent again"):
        faults.assert_one_create_per_transaction()


def test_many_at_once_are_all_answered(faults: FaultProxy, mine: Credentials) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: sts.caller_identity(mine).user_name, range(40)))
    assert done == ["dev"] * 40
    assert faults.count("GetCallerIdentity") == 40


def test_the_end_cuts_off_who_still_waits(
    simulator: Simulator, mine: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    proxy = FaultProxy(simulator)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    arrived = threading.Event()

    def noted(_request: object) -> bool:
        arrived.set()
        return True

    proxy.script(Fault("*", "hang", when=noted))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(iam.create_access_key, mine, "dev", "t-1")
        assert arrived.wait(20)
        proxy.close()
        with pytest.raises(NetworkDown):
            waiting.result()
    assert proxy.requests()[0].answered == "hang"
    assert set(threading.enumerate()) <= before
