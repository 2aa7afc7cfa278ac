"""STS: who a key belongs to."""

from contextlib import closing

from credguard.aws.clients import client
from credguard.aws.model import Credentials, Identity, identity_of
from credguard.aws.translate import translated


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
