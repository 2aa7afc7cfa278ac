import pytest

from credguard.audit import statements
from credguard.audit.addresses import from_world
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
        (statement(Action="**", Resource="**"), True),
        (statement(Action="*", Resource="arn:aws:*:*:*:*"), True),
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
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:user/*"),
         ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::123456789012:*"),
         ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:user/team/*"), []),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:s3:::*"), []),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"Bool": {"aws:SecureTransport": "true"}}), ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:*/*"),
         ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:user*"),
         ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:user/?*"),
         ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="arn:aws:iam::*:user/eve*"), []),
        (statement(Action="lambda:UpdateFunctionCode", Resource="arn:aws:lambda:*:*:function:*"),
         ["lambda:UpdateFunctionCode"]),
        (statement(Action="lambda:UpdateFunctionCode",
                   Resource="arn:aws:lambda:*:*:function:web-*"), []),
        (statement(Action=["iam:PassRole", "cloudformation:CreateStack", "ecs:RunTask"],
                   Resource=["arn:aws:iam::1:role/*", "arn:aws:cloudformation:*:*:stack/*/*",
                             "arn:aws:ecs:*:*:task-definition/*:*"]),
         ["iam:PassRole with cloudformation:CreateStack", "iam:PassRole with ecs:RunTask"]),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"StringLike": {"aws:PrincipalArn": "*"}}), ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"IpAddress": {"aws:SourceIp": ["1.1.1.1", "0.0.0.0/0"]},
                              "Bool": {"aws:ViaAWSService": "false"}}), ["iam:PutUserPolicy"]),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"StringLike": {"aws:PrincipalTag/team": "*"}}), []),
        (statement(Action="iam:PutUserPolicy", Resource="*",
                   Condition={"StringNotLike": {"aws:PrincipalArn": "*"}}), []),
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
        (
            {
                "Principal": "*",
                "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}},
            },
            True,
        ),
        (
            {"Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::1*:*"}}},
            True,
        ),
        (
            {
                "Principal": "*",
                "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}},
            },
            False,
        ),
        (
            {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}},
            False,
        ),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "o-*"}}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpce": "vpce-?*"}}}, True),
        (
            {
                "Principal": "*",
                "Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}},
            },
            True,
        ),
        (
            {
                "Principal": "*",
                "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}},
            },
            False,
        ),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}}, False),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:userid": "*:session"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/2"]}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Principal": {"*": "*"}}, True),
        ({"Principal": {"Federated": "*"}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceIp": "??.?.?.?"}}}, True),
        ({"Principal": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "1.1.1.1"}}}, True),
    ],
)
def test_public(rest: dict[str, object], public: bool) -> None:
    assert statements.is_public(statement(Action="s3:GetObject", Resource="*", **rest)) is public


BUCKET = "arn:aws:s3:::logs"


@pytest.mark.parametrize(
    ("rest", "denied"),
    [
        ({"Resource": f"{BUCKET}/*"}, True),
        ({"Resource": "*"}, True),
        ({"Resource": [f"{BUCKET}/other", f"{BUCKET}*"]}, True),
        ({"Resource": f"{BUCKET}/other/*"}, False),
        ({"Resource": BUCKET}, False),
        ({"NotResource": f"{BUCKET}/AWSLogs/*"}, False),
        ({"Resource": f"{BUCKET}/*", "Principal": {"AWS": "arn:aws:iam::1:user/eve"}}, False),
        ({"Resource": f"{BUCKET}/*", "Principal": {"AWS": "*"}}, True),
        ({"Resource": f"{BUCKET}/*", "Principal": None,
          "NotPrincipal": {"AWS": "arn:aws:iam::1:user/eve"}}, False),
        ({"Resource": f"{BUCKET}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
         False),
        ({"Resource": f"{BUCKET}/*", "Action": "s3:DeleteObject"}, False),
    ],
)  # fmt: skip
def test_what_keeps_a_bucket_s_files(rest: dict[str, object], denied: bool) -> None:
    given = {"Principal": "*", "Action": "s3:Delete*", **rest}
    given = {name: value for name, value in given.items() if value is not None}
    assert statements.denies_deletion(statement("Deny", **given), BUCKET) is denied


ISSUER = "token.actions.githubusercontent.com"
HUB = {"Federated": f"arn:aws:iam::1:oidc-provider/{ISSUER}"}


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"StringEquals": {f"{ISSUER}:sub": "repo:org/app:ref:refs/heads/main"}}, True),
        ({"StringLike": {f"{ISSUER}:sub": "repo:org/*"}}, True),
        ({"StringLike": {f"{ISSUER}:sub": ["repo:org/app:*", "repo:org/lib:*"]}}, True),
        ({"StringLike": {f"{ISSUER}:job_workflow_ref": "org/app/.github/workflows/x.yml@*"}}, True),
        ({"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/X:sub":
                         "system:serviceaccount:shop:*"}}, True),
        ({"StringEquals": {"gitlab.com:sub": "project_path:group/app:ref_type:branch:ref:main"}},
         True),
        ({"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": "*"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": "repo:*"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": "repo:*/*:*"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": "repo:org*"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": "*:ref:refs/heads/main"}}, False),
        ({"StringLike": {f"{ISSUER}:sub": ["repo:org/app:*", "repo:*"]}}, False),
        ({"StringLike": {f"{ISSUER}:sub": []}}, False),
        ({"StringLike": {"x:sub": "system:serviceaccount:*:*"}}, False),
        ({"StringLike": {"x:sub": "system:*"}}, False),
        ({"StringLike": {"x:sub": "system:service*:shop:*"}}, False),
        ({"StringNotEquals": {f"{ISSUER}:sub": "repo:org/app:x"}}, False),
        ({"StringEqualsIfExists": {f"{ISSUER}:sub": "repo:org/app:x"}}, False),
        ({"ForAllValues:StringLike": {f"{ISSUER}:sub": "repo:org/app:*"}}, False),
        ({"Null": {f"{ISSUER}:sub": "false"}}, False),
        (None, False),
    ],
)  # fmt: skip
def test_whether_a_project_of_a_provider_is_named(condition: object, named: bool) -> None:
    assert statements.names_subject({"Principal": HUB, "Condition": condition}) is named


@pytest.mark.parametrize(
    ("provider", "condition", "named"),
    [
        ("cognito-identity.amazonaws.com", None, False),
        ("cognito-identity.amazonaws.com",
         {"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:pool"}}, True),
        ("cognito-identity.amazonaws.com",
         {"StringLike": {"cognito-identity.amazonaws.com:aud": "*"}}, False),
        ("accounts.google.com", {"StringEquals": {"accounts.google.com:aud": "app"}}, True),
        ("graph.facebook.com", {"StringEquals": {"graph.facebook.com:app_id": "7"}}, True),
        ("www.amazon.com", {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ("arn:aws:iam::1:saml-provider/x", None, True),
    ],
)  # fmt: skip
def test_whether_an_application_of_the_web_is_named(
    provider: str, condition: object, named: bool
) -> None:
    statement_ = {"Principal": {"Federated": provider}, "Condition": condition}
    assert statements.names_subject(statement_) is named


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


@pytest.mark.parametrize(
    ("conditions", "accounts"),
    [
        ({"StringEquals": {"s3:DataAccessPointAccount": "123456789012"}}, {"123456789012"}),
        ({"StringEquals": {"s3:DataAccessPointAccount": ["123456789012", "210987654321"]}},
         {"123456789012", "210987654321"}),
        ({"ArnLike": {"s3:DataAccessPointArn":
                      "arn:aws:s3:us-east-1:123456789012:accesspoint/*"}}, {"123456789012"}),
        # A VPC's access points alone, or somebody known through them.
        ({"StringEquals": {"s3:DataAccessPointAccount": "123456789012",
                           "s3:AccessPointNetworkOrigin": "VPC"}}, set()),
        ({"StringEquals": {"s3:DataAccessPointAccount": "123456789012",
                           "aws:PrincipalOrgID": "o-1"}}, set()),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, set()),
    ],
)  # fmt: skip
def test_whose_access_points_decide(conditions: dict[str, object], accounts: set[str]) -> None:
    document = statement(Principal="*", Action="*", Resource="*", Condition=conditions)
    assert statements.left_to_points(document) == accounts
    assert not statements.is_public(document)
    known = statement(Principal={"AWS": "123456789012"}, Action="*", Condition=conditions)
    assert statements.left_to_points(known) == set()
