"""KMS keys that their owner can have rotated are."""

from collections.abc import Iterator

from credguard.audit.facts import Facts, KmsKey, Region
from credguard.audit.known import known
from credguard.audit.model import (
    FAIL,
    NA,
    PASS,
    Check,
    Limits,
    Said,
    in_regions,
    per,
)


def rotation(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Source: EnableKeyRotation, AWS KMS API Reference: which keys it is for."""

    def region(here: Region) -> Iterator[Said]:
        def judge(key: KmsKey) -> Said:
            detail = known(key.detail)
            if not detail.rotatable:
                return Said(NA, key.arn, f"{key.id}: {detail.why_not}", region=here.name)
            if known(key.rotation):
                return Said(PASS, key.arn, f"{key.id} is rotated", region=here.name)
            remedy = (
                "run: credguard audit fix kms-rotation --apply\n"
                "or, with a tool of AWS:\n"
                f"run: aws kms enable-key-rotation --region {here.name} --key-id {key.id}"
            )
            return Said(FAIL, key.arn, f"{key.id} is never rotated", remedy, here.name)

        return per(known(here.kms), lambda key: key.arn, judge, here.name)

    return in_regions(facts, region)


CHECKS = (
    Check(
        "kms-rotation", "KMS keys are rotated", "kms-rotation", "medium",
        "Less is encrypted with one key; what was encrypted stays readable, nothing else changes.",
        rotation, ("region.kms", "kms.detail", "kms.rotation", "region_names"),
        none="there is no KMS key", fix="auto",
        cis="1.5: 3.8, 3.0: 3.6, 5.0: 3.6, 7.0: 4.6", hub=("KMS.4",),
        peer=("kms_cmk_rotation_enabled",),
    ),
)  # fmt: skip
