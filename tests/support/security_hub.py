"""A Security Hub as strict as AWS documents it: moto's takes 101 findings and any length.

Limits: "Guidelines for using the BatchImportFindings API" and the API reference.
"""

import json
import time
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tests.support import wire
from tests.support.loopback import LoopbackServer, Reply
from tests.support.wire import Answer, Request

_PAGE = 3  # small, so that several pages are asked for


class SecurityHub:
    """`findings` by Id; `batches`: how many each request held; `refused`: action -> status, code.

    `not_taken`: Ids that BatchImportFindings refuses one by one.
    """

    def __init__(self, upstream: str = "") -> None:
        self.findings: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []
        self.refused: dict[str, tuple[int, str]] = {}
        self.not_taken: set[str] = set()
        model = botocore.session.Session().get_service_model("securityhub")
        self._shape = model.shape_for("AwsSecurityFinding")
        self._upstream = upstream.removeprefix("http://")
        self._server = LoopbackServer(self._handle, time.time)
        self.url = self._server.url

    def close(self) -> None:
        self._server.stop()

    def open(self) -> set[str]:
        """The things of the active findings."""
        return {
            each["Resources"][0]["Id"]
            for each in self.findings.values()
            if each["RecordState"] == "ACTIVE"
        }

    def _handle(self, request: Request) -> Reply:
        name = {"/findings/import": "BatchImportFindings", "/findings": "GetFindings"}.get(
            request.path
        )
        if name is None:
            return Reply(wire.forward(self._upstream, request))
        if name in self.refused:
            status, code = self.refused[name]
            return Reply(_json({"__type": code, "message": "no"}, status, code))
        return Reply(getattr(self, f"_{name}")(json.loads(request.body)))

    def _BatchImportFindings(self, asked: dict[str, Any]) -> Answer:
        findings = asked["Findings"]
        self.batches.append(len(findings))
        if not 1 <= len(findings) <= 100 or len(json.dumps(asked)) > 6_000_000:
            return _json({"message": "too many"}, 400, "LimitExceededException")
        failed = []
        for each in findings:
            why = self._wrong(each)
            if why:
                failed.append({"Id": each["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": why})
                continue
            old = self.findings.get(each["Id"], {})
            workflow = old.get("Workflow", {"Status": "NEW"})
            extra = {"aws/securityhub/ProductName": "Default"}
            self.findings[each["Id"]] = {
                **each, "Workflow": workflow, "ProcessedAt": each["UpdatedAt"],
                "ProductFields": {**each["ProductFields"], **extra},
            }  # fmt: skip
        return _json(
            {"FailedCount": len(failed), "SuccessCount": len(findings) - len(failed),
             "FailedFindings": failed},
        )  # fmt: skip

    def _wrong(self, each: dict[str, Any]) -> str:
        if each["Id"] in self.not_taken:
            return "not this one"
        errors = ParamValidator().validate(each, self._shape)
        if errors.has_errors():
            return str(errors.generate_report())
        if len(json.dumps(each)) > 240 * 1024 or len(each["Id"]) > 512:
            return "too long"
        old = self.findings.get(each["Id"])
        if old and each["UpdatedAt"] < old["UpdatedAt"]:
            return "UpdatedAt is earlier"
        if any(name.startswith("aws/") for name in each["ProductFields"]):
            return "aws/ is AWS's own"
        return ""

    def _GetFindings(self, asked: dict[str, Any]) -> Answer:
        filters = asked["Filters"]
        prefix = filters["GeneratorId"][0]["Value"]
        found = [
            each
            for each in self.findings.values()
            if each["GeneratorId"].startswith(prefix)
            and each["RecordState"] == filters["RecordState"][0]["Value"]
            and each["AwsAccountId"] == filters["AwsAccountId"][0]["Value"]
        ]
        start = int(asked.get("NextToken", "0"))
        answer: dict[str, Any] = {"Findings": found[start : start + _PAGE]}
        if start + _PAGE < len(found):
            answer["NextToken"] = str(start + _PAGE)
        return _json(answer)


def _json(value: dict[str, Any], status: int = 200, code: str = "") -> Answer:
    headers = {"Content-Type": "application/json"}
    if code:
        headers["x-amzn-ErrorType"] = code
    return Answer(status, json.dumps(value).encode(), headers)
