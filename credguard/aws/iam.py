"""IAM: the access keys of one user. Every call names the user. All raise AwsError's classes."""

from contextlib import closing

from credguard.aws.clients import client
from credguard.aws.model import Credentials, LastUsed, NewKey, RemoteKey
from credguard.aws.translate import translated
from credguard.secret import Secret


def list_access_keys(creds: Credentials, user_name: str) -> list[RemoteKey]:
    """Every key of `user_name`, Inactive ones too. Reads only."""
    with (
        translated("iam:ListAccessKeys", f"user {user_name}"),
        closing(client("iam", creds)) as iam,
    ):
        pages = iam.get_paginator("list_access_keys").paginate(UserName=user_name)
        return [
            RemoteKey(key["AccessKeyId"], key["Status"], key["CreateDate"].timestamp())
            for page in pages
            for key in page["AccessKeyMetadata"]
        ]


def create_access_key(creds: Credentials, user_name: str, transaction: str) -> NewKey:
    """A new Active key; the request is sent exactly once, its user agent naming `transaction`.

    On NetworkDown or AwsError it is not known whether the key was made: compare the list.
    """
    with (
        translated("iam:CreateAccessKey", f"user {user_name}"),
        closing(client("iam", creds, once=True, transaction=transaction)) as iam,
    ):
        key = iam.create_access_key(UserName=user_name)["AccessKey"]
        return NewKey(
            key["AccessKeyId"], Secret(key["SecretAccessKey"]), key["CreateDate"].timestamp()
        )


def set_access_key_status(creds: Credentials, user_name: str, key_id: str, active: bool) -> None:
    """Make the key Active or Inactive; safe to repeat. NoSuchEntity: the key is gone."""
    with (
        translated("iam:UpdateAccessKey", f"key {key_id}"),
        closing(client("iam", creds)) as iam,
    ):
        iam.update_access_key(
            UserName=user_name, AccessKeyId=key_id, Status="Active" if active else "Inactive"
        )


def delete_access_key(creds: Credentials, user_name: str, key_id: str) -> None:
    """Remove the key for good. NoSuchEntity: it was gone already."""
    with (
        translated("iam:DeleteAccessKey", f"key {key_id}"),
        closing(client("iam", creds)) as iam,
    ):
        iam.delete_access_key(UserName=user_name, AccessKeyId=key_id)


def access_key_last_used(creds: Credentials, key_id: str) -> LastUsed:
    """The newest use of the key that IAM knows, minutes behind. Reads only."""
    with (
        translated("iam:GetAccessKeyLastUsed", f"key {key_id}"),
        closing(client("iam", creds)) as iam,
    ):
        used = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        at = used.get("LastUsedDate")
        if at is None:
            return LastUsed(None, "", "")
        return LastUsed(at.timestamp(), used["ServiceName"], used["Region"])


def simulate(creds: Credentials, arn: str, action: str) -> bool:
    """Whether the policies of user `arn` allow `action` on itself, by IAM's simulator. Reads only.

    Raises NotPermitted: the simulator may not be asked.
    """
    with (
        translated("iam:SimulatePrincipalPolicy", f"user {arn}"),
        closing(client("iam", creds)) as iam,
    ):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=[action], ResourceArns=[arn]
        )
        return bool(answer["EvaluationResults"][0]["EvalDecision"] == "allowed")


def get_user(creds: Credentials, user_name: str) -> str:
    """The unique id of `user_name`. Reads only."""
    with translated("iam:GetUser", f"user {user_name}"), closing(client("iam", creds)) as iam:
        return str(iam.get_user(UserName=user_name)["User"]["UserId"])


def login_created(creds: Credentials, user_name: str) -> float | None:
    """When the user's console password was made, Unix seconds; None: there is none. Reads only."""
    with translated("iam:GetLoginProfile", f"user {user_name}"), closing(client("iam", creds)) as i:
        try:
            return float(
                i.get_login_profile(UserName=user_name)["LoginProfile"]["CreateDate"].timestamp()
            )
        except i.exceptions.NoSuchEntityException:
            return None
