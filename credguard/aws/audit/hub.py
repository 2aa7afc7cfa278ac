"""Security Hub: findings of our own sent to it, and asked for.

Sources: BatchImportFindings and GetFindings in the Security Hub API reference; "Guidelines for
using the BatchImportFindings API" in the partner guide: 100 findings and 6 MB a request, 240 KB a
finding; sending one again by its Id brings it up to date.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from credguard.aws.audit.reader import Reader, pages
from credguard.aws.translate import translated
from credguard.errors import AwsError

BATCH, FINDING_BYTES, BATCH_BYTES = 100, 240 * 1024, 6_000_000 * 9 // 10
_PAGE = 100
Finding = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A finding that was not taken, and AWS's reason."""

    id: str
    code: str
    message: str


def open_findings(reader: Reader, region: str, generator: str) -> list[Finding]:
    """The active findings of this account whose generator's name begins with `generator`.

    Raises NotPermitted, AwsError: Security Hub is off, too.
    """
    filters = {
        "AwsAccountId": [{"Value": reader.account, "Comparison": "EQUALS"}],
        "GeneratorId": [{"Value": generator, "Comparison": "PREFIX"}],
        "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
    }
    with _hub(reader, region, "securityhub:GetFindings") as made:
        found = pages(
            made, "get_findings", "Findings", Filters=filters,
            PaginationConfig={"PageSize": _PAGE},
        )  # fmt: skip
        return [
            each
            for each in found
            if each.get("GeneratorId", "").startswith(generator)
            and each.get("AwsAccountId") == reader.account
            and each.get("RecordState", "ACTIVE") == "ACTIVE"
        ]


def import_findings(reader: Reader, region: str, findings: Iterable[Finding]) -> list[Failed]:
    """Send `findings`, batch by batch; those that were not taken come back. Safe to repeat.

    Raises NotPermitted, AwsError: then the batches before were taken.
    """
    failed: list[Failed] = []
    with _hub(reader, region, "securityhub:BatchImportFindings") as made:
        for batch in batches(findings, failed):
            answer = made.batch_import_findings(Findings=batch)
            failed += [
                Failed(each["Id"], each["ErrorCode"], each["ErrorMessage"])
                for each in answer.get("FailedFindings", [])
            ]
            missing = answer["FailedCount"] - len(answer.get("FailedFindings", []))
            if missing > 0:
                failed += [Failed("", "Unnamed", "AWS does not say which")] * missing
    return failed


def batches(findings: Iterable[Finding], failed: list[Failed]) -> Iterator[list[Finding]]:
    """Batches within the limits; a finding that is too large for any is put into `failed`."""
    batch: list[Finding] = []
    size = 0
    for each in findings:
        weight = len(json.dumps(each).encode())
        if weight > FINDING_BYTES:
            failed.append(Failed(each["Id"], "TooLarge", f"{weight} bytes"))
            continue
        if batch and (len(batch) == BATCH or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += weight
    if batch:
        yield batch


@contextmanager
def _hub(reader: Reader, region: str, action: str) -> Iterator[Any]:
    """A client of Security Hub; that it is off is told so."""
    try:
        with (
            reader.client("securityhub", region) as made,
            translated(action, f"account {reader.account} in {region}"),
        ):
            yield made
    except AwsError as error:
        # Said of an account that is not subscribed (GetFindings, BatchImportFindings: errors).
        if "InvalidAccessException" not in str(error):
            raise
        raise AwsError(
            f"Security Hub is off in {region}",
            hint=f"turn it on: aws securityhub enable-security-hub --region {region};"
            " or name the region where it is: --hub-region",
        ) from None
