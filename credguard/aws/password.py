"""IAM: the caller's own console password. All raise AwsError's classes."""

from contextlib import closing

from botocore.exceptions import ClientError

from credguard import errors
from credguard.aws.clients import client
from credguard.aws.model import Credentials
from credguard.aws.translate import is_known, translated
from credguard.secret import Secret

_ACTION = "iam:ChangePassword"
# AWS's default policy where the account has none of its own (IAM User Guide, "Default password
# policy"): 8 to 128 characters of three of the four classes.
_DEFAULT_LENGTH = 8


def minimum_length(creds: Credentials) -> int | None:
    """The length that the account's policy asks for; None: a policy of ours may not read it.

    Which characters it asks for is not needed: a generated password has all of them. Reads only.
    """
    with (
        translated("iam:GetAccountPasswordPolicy", "the account"),
        closing(client("iam", creds)) as iam,
    ):
        try:
            policy = iam.get_account_password_policy()["PasswordPolicy"]
        except ClientError as exc:
            code = exc.response.get("Error", {}).get("Code")
            if code == "NoSuchEntity":
                return _DEFAULT_LENGTH
            if code == "AccessDenied":
                return None
            raise
        return int(policy.get("MinimumPasswordLength", _DEFAULT_LENGTH))


def has_login_profile(creds: Credentials, user_name: str) -> bool | None:
    """Whether the user has a console password; None: a policy of ours may not read it."""
    with (
        translated("iam:GetLoginProfile", f"user {user_name}"),
        closing(client("iam", creds)) as iam,
    ):
        try:
            iam.get_login_profile(UserName=user_name)
        except ClientError as exc:
            code = exc.response.get("Error", {}).get("Code")
            if code == "NoSuchEntity":
                return False
            if code == "AccessDenied":
                return None
            raise
        return True


def change_password(creds: Credentials, user_name: str, old: Secret, new: Secret) -> None:
    """Make `new` the console password; the request is sent exactly once.

    A repeated request would be refused because the first one was executed, and read as a failure.
    PasswordRefused, NotPermitted, NoSuchEntity (no console password), InvalidKey, Throttled,
    QuotaExceeded, TemporarilyUnmodifiable: AWS answered that it did not. Any other AwsError: not
    known whether it did.
    """
    resource, refused = f"user {user_name}", None
    with translated(_ACTION, resource), closing(client("iam", creds, once=True)) as iam:
        try:
            iam.change_password(OldPassword=old.reveal(), NewPassword=new.reveal())
        except ClientError as exc:
            refused = _refused(exc, resource, creds.partition or "aws")
            if refused is None:
                raise
    # Raised out here, so that nothing leads from it to the frames that held the passwords.
    if refused is not None:
        raise refused


def _refused(exc: ClientError, resource: str, partition: str) -> errors.AwsError | None:
    """The answers of this action that translate.py does not know; None: it knows them."""
    error = exc.response.get("Error", {})
    code, status = error.get("Code", ""), exc.response["ResponseMetadata"]["HTTPStatusCode"]
    said = f"{_ACTION} on {resource} was refused ({code})"
    if code == "PasswordPolicyViolation":
        return errors.PasswordPolicyViolation(said)
    if code == "EntityTemporarilyUnmodifiable":
        return errors.TemporarilyUnmodifiable(said)
    if code == "InvalidUserType":
        return errors.NotPermitted(said, hint="only an IAM user has a password to change this way")
    if code == "NoSuchEntity":
        return errors.NoSuchEntity(
            f"{resource} has no console password ({code})",
            hint="ask an administrator for console access, or leave it: none is safer",
        )
    # AWS words a missing permission "... is not authorized to perform: iam:ChangePassword ..."; a
    # wrong old password comes without that, under a code that is not documented.
    if code == "AccessDenied" and "not authorized to perform" in str(error.get("Message", "")):
        return errors.NotPermitted(said, hint=permission_hint(resource, partition))
    if code in {"RequestExpired", "InvalidSignatureException"}:
        return errors.InvalidKey(said, hint="set this machine's clock, then run it again")
    if 400 <= status < 500 and code and (code == "AccessDenied" or not is_known(code)):
        return errors.PasswordRefused(said)
    return None


def permission_hint(resource: str, partition: str) -> str:
    """What to ask an administrator for."""
    return (
        f"ask for a policy for {resource} with "
        '{"Effect":"Allow","Action":["iam:ChangePassword","iam:GetLoginProfile"],'
        f'"Resource":"arn:{partition}:iam::*:user/${{aws:username}}"}},'
        '{"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}'
    )
