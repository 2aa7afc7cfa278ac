"""A bad and a good account for the audit, made through the simulator's own API."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support import samples
from tests.support.audited import DAY, Account, backend, seeded_image
from tests.support.simulator import ACCOUNT

BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
WORLD = [{"CidrIp": "0.0.0.0/0"}]


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


ADMIN = _document(Effect="Allow", Action="*", Resource="*")
READ = _document(Effect="Allow", Action="s3:GetObject", Resource="arn:aws:s3:::data/*")
TRUST = _document(
    Effect="Allow", Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole"
)
PUBLIC = _document(
    Effect="Allow", Principal="*", Action="s3:GetObject", Resource="arn:aws:s3:::data/*"
)


def _days_ago(days: float) -> str:
    return datetime.fromtimestamp(time.time() - days * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _ago(days: float) -> datetime:
    """As moto keeps times."""
    return (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None)


def user_data(secret: str) -> str:
    return f"#!/bin/sh\nexport DB_PASSWORD={secret}\n"


def bad(account: Account) -> None:
    """Every check fails."""
    account.root_mfa, account.root_keys = "", True
    _bad_users(account)
    s3 = account.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_bucket_policy(Bucket="data", Policy=PUBLIC)
    s3.create_bucket(Bucket="logs", ACL="public-read")
    account.client("kms").create_key()
    logs = account.client("logs")
    logs.create_log_group(logGroupName="trail")
    logs.put_retention_policy(logGroupName="trail", retentionInDays=7)
    group = logs.describe_log_groups()["logGroups"][0]["arn"]
    account.client("cloudtrail").create_trail(
        Name="main", S3BucketName="logs", CloudWatchLogsLogGroupArn=group,
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/open",
    )  # fmt: skip
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="bill", Namespace="AWS/Billing", MetricName="EstimatedCharges", Threshold=100,
        ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Period=21600,
        Statistic="Maximum", ActionsEnabled=False,
    )  # fmt: skip
    _bad_machines(account)
    _texts(account, samples.text(24))


def _bad_users(account: Account) -> None:
    iam, admin = account.client("iam"), account.simulator.iam()
    now = time.time()
    admin.set_created(account.simulator.key_id, now - 45 * DAY)
    iam.create_user(UserName="ada")
    iam.create_login_profile(UserName="ada", Password=samples.text(20))
    for _ in range(2):
        made = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
        admin.set_created(made, now - 400 * DAY)
    iam.create_user(UserName="ci-bot")
    iam.create_login_profile(UserName="ci-bot", Password=samples.text(20))
    iam.create_access_key(UserName="ci-bot")
    iam.create_policy(
        PolicyName="power",
        PolicyDocument=_document(Effect="Allow", Action="iam:*", Resource="*"),
    )
    iam.create_role(
        RoleName="open",
        AssumeRolePolicyDocument=_document(Effect="Allow", Principal="*", Action="sts:AssumeRole"),
    )
    account.report = {
        "<root_account>": {"password_last_used": _days_ago(3)},
        "ada": {"password_last_changed": _days_ago(500), "password_last_used": _days_ago(200)},
    }


def _bad_machines(account: Account) -> None:
    ec2 = account.client("ec2")
    public = "ssh-ed25519 " + _ed25519()
    for name in ("master", "master-copy"):
        ec2.import_key_pair(KeyName=name, PublicKeyMaterial=public.encode())
        backend().key_pairs[name].create_time = _ago(500)
    image = seeded_image()
    backend().amis[image].creation_date = _ago(1500)
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.create_security_group(GroupName="left", Description="left")
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": WORLD}
            for port in (22, 3306, 9999)
        ],
    )
    for key in ("master", "gone"):
        ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, KeyName=key, SecurityGroupIds=[group],
            UserData=user_data(samples.text(24)),
        )  # fmt: skip


def _ed25519() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.generate().public_key()
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return public.public_bytes(encoding, form).decode().split()[1]


def _texts(account: Account, secret: str) -> None:
    import base64

    data = base64.b64encode(user_data(secret).encode()).decode()
    account.client("ec2").create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"UserData": data}
    )
    account.client("ssm").put_parameter(Name="/app/db_password", Value=secret, Type="String")
    _function(account, {"DB_PASSWORD": secret})


def _function(account: Account, variables: dict[str, str]) -> None:
    from moto.core.config import default_user_config

    default_user_config["lambda"] = {"use_docker": False}  # it would wait for one
    account.client("iam").create_role(
        RoleName="function", AssumeRolePolicyDocument=TRUST.replace("ec2", "lambda")
    )
    account.client("lambda").create_function(
        FunctionName="web", Runtime="python3.12", Handler="a.b", Code={"ZipFile": b"x"},
        Role=f"arn:aws:iam::{ACCOUNT}:role/function", Environment={"Variables": variables},
    )  # fmt: skip


def good(account: Account) -> None:
    """Every check passes, but that of the audit before, which a test has to make."""
    account.root_mfa, account.root_keys = "hardware", False
    account.analyzers = True
    _good_users(account)
    s3 = account.client("s3")
    s3.create_bucket(Bucket="data")
    s3.create_bucket(Bucket="logs", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 365}}
    s3.put_object_lock_configuration(
        Bucket="logs", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    for name in ("data", "logs"):
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCK)
    account.client("s3control").put_public_access_block(
        AccountId=ACCOUNT, PublicAccessBlockConfiguration=BLOCK
    )
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key)
    _good_logs(account, key)
    topic = account.client("sns").create_topic(Name="bill")["TopicArn"]
    account.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@b.example")
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="bill", Namespace="AWS/Billing", MetricName="EstimatedCharges", Threshold=100,
        ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Period=21600,
        Statistic="Maximum", AlarmActions=[topic],
    )  # fmt: skip
    _good_machines(account)
    account.client("ssm").put_parameter(Name="/app/db_host", Value="db.example", Type="String")
    _function(account, {"DB_HOST": "db.example"})
    _services(account)


def _good_users(account: Account) -> None:
    iam = account.client("iam")
    iam.update_account_password_policy(
        MinimumPasswordLength=14, RequireSymbols=True, RequireNumbers=True,
        RequireUppercaseCharacters=True, RequireLowercaseCharacters=True,
        AllowUsersToChangePassword=True, MaxPasswordAge=90, PasswordReusePrevention=24,
    )  # fmt: skip
    iam.delete_user_policy(UserName="dev", PolicyName="everything")
    iam.create_login_profile(UserName="dev", Password=samples.text(20) + "aA1!")
    iam.create_user(UserName="ci-bot")
    policy = iam.create_policy(PolicyName="read", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_group(GroupName="people")
    iam.attach_group_policy(GroupName="people", PolicyArn=policy)
    iam.add_user_to_group(GroupName="people", UserName="dev")
    for name in ("SecurityAudit", "AWSSupportAccess", "web"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    aws_policies(iam, "SecurityAudit", "AWSSupportAccess")
    for name in ("SecurityAudit", "AWSSupportAccess"):
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="dev")["VirtualMFADevice"]
    iam.enable_mfa_device(
        UserName="dev", SerialNumber=device["SerialNumber"],
        AuthenticationCode1="123456", AuthenticationCode2="654321",
    )  # fmt: skip
    account.report = {"dev": {"password_last_used": _days_ago(1)}}


def aws_policies(iam: Any, *names: str) -> None:
    """Make AWS's own policies of these names known.

    moto knows them only when it was started so, which costs seconds.
    """
    from moto.iam.models import iam_backends

    backend = iam_backends[ACCOUNT]["aws"]
    for name in names:
        arn = f"arn:aws:iam::aws:policy/{name}"
        made = iam.create_policy(PolicyName=name, PolicyDocument=READ)["Policy"]["Arn"]
        policy = backend.managed_policies.pop(made)
        policy.path = "/"
        policy.__class__ = type("AwsPolicy", (type(policy),), {"arn": arn})
        backend.managed_policies[arn] = policy


def _good_logs(account: Account, key: str) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="trail")
    logs.put_retention_policy(logGroupName="trail", retentionInDays=365)
    account.protected = {"trail"}
    group = logs.describe_log_groups()["logGroups"][0]["arn"]
    trail = account.client("cloudtrail")
    trail.create_trail(
        Name="main", S3BucketName="logs", IsMultiRegionTrail=True, EnableLogFileValidation=True,
        KmsKeyId=key, CloudWatchLogsLogGroupArn=group,
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/web",
    )  # fmt: skip
    trail.put_event_selectors(
        TrailName="main",
        EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}],
    )
    trail.start_logging(Name="main")


def _good_machines(account: Account) -> None:
    ec2 = account.client("ec2")
    tags = [{"Key": "owner", "Value": "dev"}]
    ec2.import_key_pair(
        KeyName="dev", PublicKeyMaterial=f"ssh-ed25519 {_ed25519()}".encode(),
        TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}],
    )  # fmt: skip
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": WORLD}],
    )
    image = seeded_image()
    backend().amis[image].creation_date = _ago(1)
    made = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, KeyName="dev", SecurityGroupIds=[group],
        IamInstanceProfile={"Name": "web"}, UserData="#!/bin/sh\necho hello\n",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"][0]  # fmt: skip
    account.patches = {made["InstanceId"]: 0}
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image})
    ec2.enable_ebs_encryption_by_default()
    for found in ec2.describe_security_groups()["SecurityGroups"]:
        if found["GroupName"] == "default":
            for way, rules in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                if found[rules]:
                    revoke = getattr(ec2, f"revoke_security_group_{way}")
                    revoke(GroupId=found["GroupId"], IpPermissions=found[rules])
    for found in ec2.describe_network_acls()["NetworkAcls"]:
        for number, port in ((40, 22), (41, 3389)):
            ec2.create_network_acl_entry(
                NetworkAclId=found["NetworkAclId"], RuleNumber=number, Protocol="6",
                RuleAction="deny", Egress=False, CidrBlock="0.0.0.0/0",
                PortRange={"From": port, "To": port},
            )  # fmt: skip


def _services(account: Account) -> None:
    account.client("guardduty").create_detector(Enable=True)
    account.client("securityhub").enable_security_hub()
    config = account.client("config")
    role = f"arn:aws:iam::{ACCOUNT}:role/web"
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "logs"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    account.client("account").put_alternate_contact(
        AlternateContactType="SECURITY", EmailAddress="a@b.example", Name="A", Title="B",
        PhoneNumber="1",
    )  # fmt: skip
