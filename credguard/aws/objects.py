"""S3: one object written, nothing read."""

from contextlib import closing

from botocore.exceptions import ClientError

from credguard.aws.clients import client
from credguard.aws.model import Credentials
from credguard.aws.translate import translated
from credguard.errors import AlreadyExists


def put_new(credentials: Credentials, bucket: str, key: str, data: bytes, kind: str) -> None:
    """Write `data` as a new object; needs s3:PutObject alone. `kind`: its content type.

    Raises AlreadyExists: there is one of that name, and it stays (If-None-Match in the S3 API
    reference, PutObject); NotPermitted, AwsError.
    """
    place = f"s3://{bucket}/{key}"
    with (
        translated("s3:PutObject", place),
        closing(client("s3", credentials)) as made,
    ):
        try:
            made.put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
                raise
            raise AlreadyExists(f"{place} is there already") from None
