import pytest

from credguard.audit import statements
from credguard.audit.network import from_world
from tests.audit.world import statement


@pytest.mark.parametrize(
    ("document", "admin"),
    [
        (statement(Action="*", Resource="*"), True),
        (statement(Action=["s3:Get*", "*"], Resource=["*"]), True),
        (statement(Action="*:*", Resource="*"), True),
        (statement(NotAction="iam:*", Resource="*"), True),
        (statement(Action="*", NotResource="arn:aws:s3:::x"), True),
        (statement(Action="*", Resource="arn:aws:s3:::x"), False),
        (statement(Action="s3:*", Resource="*"), False),
        (statement("Deny", Action="*", Resource="*"), False),
        ({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, True),
        ({}, False),
        ({"Statement": "odd"}, False),
    ],
)
def test_admin(document: dict[str, object], admin: bool) -> None:
    assert statements.is_admin(document) is admin


@pytest.mark.parametrize(
    ("document", "ways"),
    [
        (statement(Action="iam:Put*Policy", Resource="*"),
         ["iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy"]),
        (statement(Action="IAM:ATTACHUSERPOLICY", Resource="*"), ["iam:AttachUserPolicy"]),
        (statement(Action=["iam:PassRole", "ec2:RunInstances"], Resource="*"),
         ["iam:PassRole with ec2:RunInstances"]),
        (statement(Action="iam:PassRole", Resource="*"), []),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::1:user/${aws:username}"), []),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}), []),
        (statement(Action="iam:[P]utUserPolicy", Resource="*"), []),
    ],
)  # fmt: skip
def test_ways_to_more_rights(document: dict[str, object], ways: list[str]) -> None:
    assert statements.escalations(document) == ways


@pytest.mark.parametrize(
    ("rest", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"Principal": ["arn:aws:iam::1:root", "*"]}, True),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Principal": {"Service": "logs.amazonaws.com"}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}, True),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "v"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}, False),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": "*", "Condition": {"Null": {"aws:SourceVpce": "false"}}}, True),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceVpc": "v"}}}, True),
    ],
)
def test_public(rest: dict[str, object], public: bool) -> None:
    assert statements.is_public(statement(Action="s3:GetObject", Resource="*", **rest)) is public


@pytest.mark.parametrize(
    ("source", "world"),
    [
        ("0.0.0.0/0", True), ("::/0", True), ("128.0.0.0/1", True), ("2000::/3", True),
        ("10.0.0.0/8", False), ("192.0.2.0/24", False), ("198.51.100.7/32", False),
        ("fd00::/8", False), ("2001:db8::/32", False), ("", False), ("pl-1", False),
        ("11.0.0.0/8", True), ("172.16.0.0/12", False),
    ],
)  # fmt: skip
def test_what_is_the_world(source: str, world: bool) -> None:
    assert from_world(source) is world
