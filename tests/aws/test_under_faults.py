"""What each fault of the network and of AWS becomes in the adapter, over real HTTP and retries."""

import traceback
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import get_args

import pytest

from credguard.aws import clients, ec2, iam, sts
from credguard.aws.model import Credentials
from credguard.aws.translate import translated
from credguard.errors import (
    AwsError,
    BadSignature,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    Throttled,
)
from credguard.secret import Secret
from tests.support import samples
from tests.support.fault_table import Fault, Kind
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """botocore's pauses between attempts, noted instead of slept."""
    noted: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=noted.append))
    return noted


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For calls that are never answered, and only for those: an answer may take longer."""
    for name in ("_READ_S", "_ONCE_READ_S"):
        monkeypatch.setattr(clients, name, 0.1)


@pytest.fixture
def mine(simulator: Simulator) -> Credentials:
    return Credentials(simulator.key_id, simulator.secret)


def _list_secrets(creds: Credentials) -> None:
    with (
        translated("secretsmanager:ListSecrets", "the account"),
        closing(clients.client("secretsmanager", creds)) as client,
    ):
        client.list_secrets()


def _key_pairs(creds: Credentials) -> object:
    with ec2.in_region(creds, "us-east-1") as here:
        return here.key_pairs()


READS: dict[str, Callable[[Credentials], object]] = {
    "GetCallerIdentity": sts.caller_identity,
    "ListAccessKeys": lambda creds: iam.list_access_keys(creds, "dev"),
    "DescribeKeyPairs": _key_pairs,
    "ListSecrets": _list_secrets,  # the JSON protocol, which nothing in the adapter speaks yet
}
# kind -> the error's class, and how often botocore sends a call that may be repeated
KINDS: dict[Kind, tuple[type[AwsError], int]] = {
    "drop": (NetworkDown, 3),
    "hang": (NetworkDown, 3),
    "truncated": (NetworkDown, 1),  # botocore does not compare the body with its length
    "garbled": (NetworkDown, 1),
    "empty": (NetworkDown, 1),
    "not-aws": (NetworkDown, 1),
    "500": (NetworkDown, 3),
    "503": (NetworkDown, 3),
    "throttled": (Throttled, 3),
    "denied": (NotPermitted, 1),
    "mfa-required": (NotPermitted, 1),
    "expired-token": (InvalidKey, 1),
    "request-expired": (AwsError, 1),
    "clock-skew": (BadSignature, 1),  # while AWS's own clock says the same as ours
    "bad-signature": (BadSignature, 1),
    "invalid-key": (InvalidKey, 1),
}
# EC2 has one code for a bad key and a bad signature, and one for an old token and an old request.
EC2_KINDS: dict[Kind, tuple[type[AwsError], int]] = {
    "bad-signature": (InvalidKey, 1),
    "expired-token": (AwsError, 1),
    "clock-skew": (AwsError, 1),
}
_SKIPPED = {("GetCallerIdentity", "mfa-required")} | {  # the policy leaves it out
    # botocore takes no body, or a page, for a JSON answer without fields.
    ("ListSecrets", kind)
    for kind in ("truncated", "garbled", "empty", "not-aws")
}


@pytest.mark.parametrize(
    ("action", "kind"),
    [(action, kind) for action in READS for kind in KINDS if (action, kind) not in _SKIPPED],
)
def test_a_read_that_fails(
    faults: FaultProxy,
    mine: Credentials,
    action: str,
    kind: Kind,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "hang":
        impatient(monkeypatch)
    faults.script(Fault(action, kind))
    expected, sent = KINDS[kind]
    if action == "DescribeKeyPairs":
        expected, sent = EC2_KINDS.get(kind, (expected, sent))
    with pytest.raises(AwsError, match=action) as caught:
        READS[action](mine)
    assert type(caught.value) is expected
    assert caught.value.hint
    assert (faults.count(action), len(pauses)) == (sent, sent - 1)
    assert faults.unused() == []


WRITES: dict[str, Callable[[Credentials], object]] = {
    "UpdateAccessKey": lambda creds: iam.set_access_key_status(creds, "dev", creds.key_id, True),
    "DeleteAccessKey": lambda creds: iam.delete_access_key(creds, "dev", creds.key_id),
}


def test_every_kind_of_fault_is_tried() -> None:
    assert set(KINDS) == set(get_args(Kind))


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("kind", ["drop", "hang", "500", "503", "throttled"])
def test_a_create_that_fails_is_sent_once(
    faults: FaultProxy,
    simulator: Simulator,
    mine: Credentials,
    kind: Kind,
    executed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "hang":
        impatient(monkeypatch)
    faults.script(Fault("CreateAccessKey", kind, executed=executed))
    with pytest.raises(Throttled if kind == "throttled" else NetworkDown):
        iam.create_access_key(mine, "dev", "t-1")
    assert faults.assert_one_create_per_transaction() == {"t-1"}
    (call,) = faults.requests("CreateAccessKey")
    assert call.executed is executed
    assert len(simulator.iam().keys("dev")) == (2 if executed else 1)


def _all_told(error: BaseException) -> str:
    """Whatever a log or a crash report could print of the error and what stands behind it."""
    told: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None:
            continue
        told += [str(each), repr(each), repr(each.args), repr(vars(each))]
        told += traceback.format_exception(each)
        todo += [each.__cause__, each.__context__]
    return "\n".join(told)


@pytest.mark.parametrize("kind", ["truncated", "garbled", "empty"])
def test_a_cut_answer_to_create_shows_no_secret(
    faults: FaultProxy, simulator: Simulator, mine: Credentials, kind: Kind
) -> None:
    faults.script(Fault("CreateAccessKey", kind))
    with pytest.raises(NetworkDown, match="cannot be read") as caught:
        iam.create_access_key(mine, "dev", "t-1")
    assert faults.assert_one_create_per_transaction() == {"t-1"}
    made = simulator.iam().find(simulator.iam().keys("dev")[1][0])
    assert made is not None
    told = _all_told(caught.value)
    assert made.secret_access_key not in told
    assert simulator.secret.reveal() not in told


def test_a_session_token_stays_out_of_an_error(faults: FaultProxy, mine: Credentials) -> None:
    token = Secret(samples.text(100))
    faults.script(Fault("*", "drop"))
    with pytest.raises(NetworkDown) as caught:
        sts.caller_identity(Credentials(mine.key_id, mine.secret, token))
    assert token.reveal() not in _all_told(caught.value)


@pytest.mark.parametrize("kind", ["drop", "500"])
def test_a_status_change_with_a_lost_reply_is_repeated_and_done(
    faults: FaultProxy, simulator: Simulator, mine: Credentials, kind: Kind
) -> None:
    other, _ = simulator.iam().create_key("dev")
    faults.script(Fault("UpdateAccessKey", kind, nth=1, executed=True))
    iam.set_access_key_status(mine, "dev", other, active=False)
    assert [each.executed for each in faults.requests("UpdateAccessKey")] == [True, True]
    assert simulator.iam().keys("dev")[1] == (other, "Inactive")


def test_a_deletion_with_a_lost_reply_ends_in_no_such_entity(
    faults: FaultProxy, simulator: Simulator, mine: Credentials
) -> None:
    other, _ = simulator.iam().create_key("dev")
    faults.script(Fault("DeleteAccessKey", "drop", nth=1, executed=True))
    with pytest.raises(NoSuchEntity):
        iam.delete_access_key(mine, "dev", other)
    assert [each.executed for each in faults.requests("DeleteAccessKey")] == [True, False]
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("kind", ["drop", "503", "throttled", "denied", "invalid-key"])
def test_a_write_that_fails(
    faults: FaultProxy, simulator: Simulator, mine: Credentials, action: str, kind: Kind
) -> None:
    faults.script(Fault(action, kind))
    expected, sent = KINDS[kind]
    with pytest.raises(AwsError, match=action) as caught:
        WRITES[action](mine)
    assert type(caught.value) is expected
    assert faults.count(action) == sent
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_a_fault_that_passes_is_not_noticed(faults: FaultProxy, mine: Credentials) -> None:
    faults.script(Fault("GetCallerIdentity", "503", times=1), Fault("sts:*", "drop", nth=2))
    assert sts.caller_identity(mine).user_name == "dev"
    assert [each.answered for each in faults.requests()] == [
        "503 ServiceUnavailable",
        "drop",
        "200",
    ]


def test_a_wrong_secret_is_a_bad_signature(faults: FaultProxy, mine: Credentials) -> None:
    wrong = Credentials(mine.key_id, Secret(samples.aws_secret(3)))
    with pytest.raises(BadSignature, match="GetCallerIdentity"):
        sts.caller_identity(wrong)
    with pytest.raises(BadSignature, match="CreateAccessKey"):
        iam.create_access_key(wrong, "dev", "t-1")
    assert not any(each.executed for each in faults.requests())


@pytest.mark.parametrize("offset", [-4000, -200, 0, 200, 4000])
def test_the_clock_of_aws_is_known_from_any_answer(
    faults: FaultProxy, mine: Credentials, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_skew", None)
    assert clients.server_skew() is None
    faults.date_offset = offset
    if abs(offset) > 300:
        with pytest.raises(AwsError) as caught:
            sts.caller_identity(mine)
        # A key is not to be thought dead because of a clock.
        assert not isinstance(caught.value, InvalidKey)
        assert "clock" in caught.value.hint
    else:
        sts.caller_identity(mine)
    assert clients.server_skew() == pytest.approx(-offset, abs=60)


def test_no_answer_and_a_senseless_date_tell_nothing_of_the_clock(
    faults: FaultProxy, mine: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_skew", None)
    faults.script(Fault("*", "drop"))
    with pytest.raises(NetworkDown):
        sts.caller_identity(mine)
    for date in ("", "soon", "Wed, 99 Nov 2026 18:30:37 GMT", "Wed, 25 Nov 2026 18:30:37 -0000"):
        clients._note_date(response_dict={"headers": {"Date": date}})
    assert clients.server_skew() is None


def test_a_silent_endpoint_is_given_up_in_bounded_time(mine: Credentials) -> None:
    with closing(clients.client("iam", mine)) as client:
        config = client.meta.config
        attempts = config.retries["total_max_attempts"]
        # Two pauses of at most 1 and 2 s: botocore's standard mode, its older releases included.
        assert attempts * (config.connect_timeout + config.read_timeout) + 1 + 2 <= 35
    with closing(clients.client("iam", mine, once=True)) as client:
        config = client.meta.config
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout + config.read_timeout <= 35


def test_what_is_never_sent_names_the_settings_and_no_value(mine: Credentials) -> None:
    name = samples.text(1)
    with pytest.raises(
        AwsError, match=r"not sent: not valid: .*ExternalId, DurationSeconds"
    ) as got:
        sts.assume_role(
            mine, "arn:aws:iam::123456789012:role/x", "name", duration_s=1, external_id=name
        )
    assert f"{name}," not in str(got.value)
