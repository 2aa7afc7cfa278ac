"""GitLab's secret detection report against what its schema 15 requires.

Written by hand from the published schema (security-report-schemas, secret-detection-report-format).
"""

import json
from typing import Any

import jsonschema
import pytest

from credguard.app.findings import rendered
from credguard.report.model import Report
from tests.report.test_findings import NASTY, report

TEXT = {"type": "string", "minLength": 1}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"}


def needs(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": sorted(properties), "properties": properties}


TOOL = needs(id=TEXT, name=TEXT, version=TEXT, vendor=needs(name=TEXT))
MESSAGE = needs(level={"enum": ["info", "warn", "fatal"]}, value=TEXT)
SCAN = needs(
    analyzer=TOOL,
    scanner=TOOL,
    start_time=MOMENT,
    end_time=MOMENT,
    status={"enum": ["success", "failure"]},
    type={"const": "secret_detection"},
    messages={"type": "array", "items": MESSAGE},
)
FOUND = needs(
    id=TEXT,
    name={"type": "string", "maxLength": 255},
    description={"type": "string", "maxLength": 1048576},
    solution={"type": "string", "maxLength": 7000},
    severity={"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
    identifiers={
        "type": "array",
        "minItems": 1,
        "items": needs(type=TEXT, name=TEXT, value=TEXT),
    },
    location=needs(
        commit=needs(sha=TEXT),
        file={"type": "string"},
        start_line={"type": "number"},
        end_line={"type": "number"},
    ),
)
SCHEMA = needs(
    version={"type": "string", "pattern": r"^15\.\d+\.\d+$"},
    scan=SCAN,
    vulnerabilities={"type": "array", "items": FOUND},
)


def unread() -> Report:
    made = report(b"a")
    made.unread = [("gone", "no such file")]
    return made


@pytest.mark.parametrize(
    "made", [report(), report(*NASTY), unread()], ids=["clean", "names", "unread"]
)
def test_it_has_what_the_schema_requires(made: Report) -> None:
    document = json.loads(rendered(made, "gitlab", started=0.0, ended=1.5))
    jsonschema.Draft7Validator(SCHEMA).validate(document)
    assert document["scan"]["end_time"] == "1970-01-01T00:00:01"
    assert document["scan"]["status"] == ("failure" if made.unread else "success")
    ids = [each["id"] for each in document["vulnerabilities"]]
    assert len(set(ids)) == len(ids) == len(made.rows)


def test_paths_are_relative_to_the_project() -> None:
    (found,) = json.loads(rendered(report(b"./a/b"), "gitlab"))["vulnerabilities"]
    assert found["location"]["file"] == "a/b"
