"""STS: who a key belongs to."""

from contextlib import closing

from credguard.aws.clients import client
from credguard.aws.model import Credentials, Identity, identity_of
from credguard.aws.translate import translated
from credguard.secret import Secret


def caller_identity(creds: Credentials, *, region: str | None = None) -> Identity:
    """Whom the key belongs to; needs no permission. Reads only.

    Raises InvalidKey, NetworkDown, Throttled, AwsError.
    """
    with (
        translated("sts:GetCallerIdentity", f"key {creds.key_id}"),
        closing(client("sts", creds, region)) as sts,
    ):
        answer = sts.get_caller_identity()
        return identity_of(answer["Account"], answer["UserId"], answer["Arn"])


def session_token(creds: Credentials, serial: str, code: Secret, duration_s: int) -> Credentials:
    """A session of `creds` that had MFA; it may call IAM. A code is taken once only.

    Raises NotPermitted: the code was refused. Source: GetSessionToken, STS API reference.
    """
    with (
        translated("sts:GetSessionToken", f"key {creds.key_id}"),
        closing(client("sts", creds, once=True)) as sts,
    ):
        answer = sts.get_session_token(
            SerialNumber=serial, TokenCode=code.reveal(), DurationSeconds=duration_s
        )["Credentials"]
        return Credentials(
            answer["AccessKeyId"],
            Secret(answer["SecretAccessKey"]),
            Secret(answer["SessionToken"]),
            creds.partition,
        )
