"""What failed in many regions, shown."""

import pytest

from credguard.cli import ssh_options
from credguard.errors import CredguardError, NotPermitted

REGIONS = ["us-east-1", "us-east-2", "eu-west-1", "ap-south-1", "sa-east-1"]


def refused(region: str) -> CredguardError:
    return NotPermitted(f"ec2:DescribeKeyPairs on k in {region} was refused (X)", hint="ask for it")


def test_what_is_the_same_in_many_regions_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    errors = {region: refused(region) for region in REGIONS}
    errors["launch templates in us-east-1"] = refused("us-east-1")
    errors["us-west-2"] = CredguardError("another", hint="")
    ssh_options.show_errors({**errors, "account": CredguardError("nobody", hint="")}, "UNKNOWN: ")
    assert capsys.readouterr().err.splitlines() == [
        "credguard: UNKNOWN: 5 regions: ec2:DescribeKeyPairs on k was refused (X)",
        "  hint: ask for it",
        f"credguard: UNKNOWN: launch templates in us-east-1: {refused('us-east-1')}",
        "  hint: ask for it",
        "credguard: UNKNOWN: us-west-2: another",
        "credguard: UNKNOWN: account: nobody",
    ]
