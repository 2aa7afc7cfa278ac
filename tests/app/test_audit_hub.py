"""Findings in a Security Hub that keeps to AWS's documented limits."""

from collections.abc import Iterator
from typing import Any

import pytest

from credguard.app.audit.hub import Sent, publish
from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.aws.audit import hub
from credguard.aws.model import Credentials
from credguard.errors import AwsError, NotPermitted
from credguard.report.audit import Audit
from credguard.secret import Secret
from tests.report.audits import REGION, every, made, row
from tests.support.security_hub import SecurityHub

AT, LATER = 1767225600.0, 1767312000.0
CREDENTIALS = Credentials("AKIA" + "A" * 16, Secret("nothing"), None, "aws")


def user(number: int) -> str:
    return f"arn:aws:iam::123456789012:user/u{number:03}"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecurityHub]:
    made = SecurityHub()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.close()


def send(audit: Audit) -> Sent:
    return publish(CREDENTIALS, audit, REGION)


def test_what_is_wrong_or_not_told_is_open_and_nothing_else_is_sent(service: SecurityHub) -> None:
    statuses = (FAIL, UNKNOWN, PASS, WAIVED, NA)
    sent = send(made(*(row("user-mfa", status, user(n)) for n, status in enumerate(statuses))))
    assert (sent.opened, sent.closed, sent.failed) == (2, 0, [])
    assert service.open() == {user(0), user(1)}
    assert len(service.findings) == 2


def test_it_goes_in_batches_of_a_hundred(service: SecurityHub) -> None:
    sent = send(made(*(row("user-mfa", FAIL, user(number)) for number in range(201))))
    assert service.batches == [100, 100, 1]
    assert (sent.opened, len(service.open())) == (201, 201)


def test_the_same_again_makes_no_second_finding_and_keeps_its_birthday(
    service: SecurityHub,
) -> None:
    send(made(row("user-mfa", FAIL, user(1))))
    send(made(row("user-mfa", FAIL, user(1)), at=LATER))
    (found,) = service.findings.values()
    assert found["CreatedAt"] == "2026-01-01T00:00:00.000Z"
    assert found["UpdatedAt"] == "2026-01-02T00:00:00.000Z"


def test_what_is_put_right_waived_or_gone_is_closed(service: SecurityHub) -> None:
    send(made(*(row("user-mfa", FAIL, user(number)) for number in range(8))))
    after = [row("user-mfa", PASS, user(0)), row("user-mfa", WAIVED, user(1)),
             row("user-mfa", FAIL, user(2))]  # fmt: skip
    sent = send(made(*after, at=LATER))
    assert (sent.opened, sent.closed, sent.failed) == (1, 7, [])
    assert service.open() == {user(2)}
    by_name = {each["Resources"][0]["Id"]: each for each in service.findings.values()}
    assert by_name[user(0)]["Compliance"]["Status"] == "PASSED"
    assert by_name[user(7)]["Compliance"]["StatusReasons"][0]["ReasonCode"] == "GONE"
    assert send(made(*after, at=LATER + 60)).closed == 0


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([row("user-mfa", UNKNOWN, user(9))], {}),
        ([row("root-mfa", PASS)], {"checks": ()}),
        ([], {"scope": "self"}),
    ],
    ids=["list not read", "check not run", "own user alone"],
)
def test_what_the_audit_did_not_look_at_stays_open(
    service: SecurityHub, rows: list[Any], more: dict[str, Any]
) -> None:
    send(made(row("user-mfa", FAIL, user(1))))
    if more.get("checks") == ():
        more = {"checks": tuple(each for each in made().checks if each.id == "root-mfa")}
    assert send(made(*rows, at=LATER, **more)).closed == 0
    assert user(1) in service.open()


def test_a_region_that_was_not_looked_at_keeps_its_findings(service: SecurityHub) -> None:
    send(made(row("ebs-encryption", FAIL, user(1), region="eu-north-1"),
              row("ebs-encryption", FAIL, user(2), region=REGION),
              regions=(REGION, "eu-north-1")))  # fmt: skip
    assert send(made(at=LATER)).closed == 1
    assert service.open() == {user(1)}


def test_findings_of_others_are_left_alone(service: SecurityHub) -> None:
    send(made(row("user-mfa", FAIL, user(1))))
    (foreign,) = [{**each, "Id": "x", "GeneratorId": "other"} for each in service.findings.values()]
    elsewhere = {
        **foreign,
        "Id": "y",
        "GeneratorId": "credguard/user-mfa",
        "AwsAccountId": "2" * 12,
    }
    service.findings.update({"x": foreign, "y": elsewhere})
    send(made(at=LATER))
    assert {n for n, each in service.findings.items() if each["RecordState"] == "ACTIVE"} == {
        "x", "y"
    }  # fmt: skip


def test_what_is_not_taken_is_told(service: SecurityHub) -> None:
    audit = made(row("user-mfa", FAIL, user(1)), row("user-mfa", FAIL, user(2)))
    send(audit)
    service.not_taken = set(list(service.findings)[:1])
    sent = send(audit)
    assert (sent.opened, [(each.code, each.message) for each in sent.failed]) == (
        1, [("InvalidInput", "not this one")],
    )  # fmt: skip


def test_a_finding_too_large_is_told_and_keeps_no_other_back() -> None:
    failed: list[hub.Failed] = []
    large = {"Id": "large", "Title": "x" * hub.FINDING_BYTES}
    heavy = [{"Id": str(n), "Title": "x" * 200_000} for n in range(60)]
    packed = list(hub.batches([{"Id": "a"}, large, *heavy], failed))
    assert [each.id for each in failed] == ["large"]
    assert [len(each) for each in packed] == [27, 26, 8]
    assert [each["Id"] for batch in packed for each in batch] == ["a", *map(str, range(60))]


def test_where_findings_may_not_be_read_what_is_well_is_closed_and_gone_is_told(
    service: SecurityHub,
) -> None:
    send(made(row("user-mfa", FAIL, user(1)), row("user-mfa", FAIL, user(2))))
    service.refused["GetFindings"] = (403, "AccessDeniedException")
    sent = send(made(row("user-mfa", PASS, user(1)), at=LATER))
    assert service.open() == {user(2)}
    assert "securityhub:GetFindings" in sent.notes[0]


def test_a_hub_that_is_off_is_told_with_how_to_turn_it_on(service: SecurityHub) -> None:
    service.refused["GetFindings"] = (401, "InvalidAccessException")
    with pytest.raises(AwsError, match="Security Hub is off in eu-west-1") as raised:
        send(every())
    assert "enable-security-hub --region eu-west-1" in raised.value.hint


def test_a_refused_import_names_the_permission(service: SecurityHub) -> None:
    service.refused["BatchImportFindings"] = (403, "AccessDeniedException")
    with pytest.raises(NotPermitted, match="securityhub:BatchImportFindings"):
        send(every())
