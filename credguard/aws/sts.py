"""STS: who a key belongs to, and the temporary credentials that are made from one.

Sources: AssumeRole, AssumeRoleWithWebIdentity, GetSessionToken and GetFederationToken in the STS
API reference, their errors included. A call that is given an MFA code is sent once, since AWS takes
a code once; the others may be repeated, for a session that is lost in the reply harms nothing.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from botocore.exceptions import ClientError

from credguard.aws.clients import client
from credguard.aws.model import Credentials, Identity, Temporary, identity_of
from credguard.aws.translate import translated
from credguard.errors import AwsError, CodeRefused, InvalidKey, NotPermitted, QuotaExceeded
from credguard.secret import Secret

_TOKEN_CODES = {"InvalidIdentityToken", "IDPRejectedClaim", "ExpiredTokenException"}


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
    return get_session_token(creds, duration_s, serial=serial, code=code).credentials


def get_session_token(
    creds: Credentials,
    duration_s: int,
    *,
    serial: str | None = None,
    code: Secret | None = None,
    region: str | None = None,
) -> Temporary:
    """A session of the user whose long-term key `creds` is, with MFA where a code is given.

    Without MFA it cannot call IAM, and of STS only AssumeRole and GetCallerIdentity. Raises
    CodeRefused, NotPermitted, InvalidKey, AwsError.
    """
    with (
        translated("sts:GetSessionToken", f"key {creds.key_id}"),
        closing(client("sts", creds, region, once=code is not None)) as sts,
        _explained("sts:GetSessionToken", f"key {creds.key_id}", serial),
    ):
        answer = sts.get_session_token(DurationSeconds=duration_s, **_mfa(serial, code))
        return _temporary(answer, creds.partition)


def assume_role(
    creds: Credentials,
    role_arn: str,
    session_name: str,
    *,
    external_id: str | None = None,
    duration_s: int | None = None,
    serial: str | None = None,
    code: Secret | None = None,
    region: str | None = None,
) -> Temporary:
    """A session of the role, got with `creds`. `duration_s` None: an hour.

    Raises NotPermitted (the caller may not, or the role does not trust it), CodeRefused,
    QuotaExceeded (longer than the role allows), InvalidKey, AwsError.
    """
    options: dict[str, Any] = _mfa(serial, code)
    if external_id is not None:
        options["ExternalId"] = external_id
    if duration_s is not None:
        options["DurationSeconds"] = duration_s
    with (
        translated("sts:AssumeRole", role_arn),
        closing(client("sts", creds, region, once=code is not None)) as sts,
        _explained("sts:AssumeRole", role_arn, serial),
    ):
        answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name, **options)
        return _temporary(answer, _partition(role_arn), answer["AssumedRoleUser"]["Arn"])


def assume_role_with_web_identity(
    role_arn: str,
    session_name: str,
    token: Secret,
    *,
    duration_s: int | None = None,
    region: str | None = None,
) -> Temporary:
    """A session of the role for whoever `token` (OIDC) names; the call is not signed.

    Raises InvalidKey: the token has ended or is not accepted. Else as assume_role.
    """
    # The operation has no signature, so these stand for nothing.
    nobody = Credentials("none", Secret("none"), None, _partition(role_arn))
    options: dict[str, Any] = {} if duration_s is None else {"DurationSeconds": duration_s}
    with (
        translated("sts:AssumeRoleWithWebIdentity", role_arn),
        closing(client("sts", nobody, region)) as sts,
        _explained("sts:AssumeRoleWithWebIdentity", role_arn, None),
    ):
        answer = sts.assume_role_with_web_identity(
            RoleArn=role_arn,
            RoleSessionName=session_name,
            WebIdentityToken=token.reveal(),
            **options,
        )
        return _temporary(answer, _partition(role_arn), answer["AssumedRoleUser"]["Arn"])


def get_federation_token(
    creds: Credentials, name: str, policy: str, duration_s: int, *, region: str | None = None
) -> Temporary:
    """A session that may do what both the user of the long-term key and `policy` (JSON) allow.

    Raises NotPermitted (sts:GetFederationToken), InvalidKey, AwsError.
    """
    with (
        translated("sts:GetFederationToken", f"key {creds.key_id}"),
        closing(client("sts", creds, region)) as sts,
    ):
        answer = sts.get_federation_token(Name=name, Policy=policy, DurationSeconds=duration_s)
        return _temporary(answer, creds.partition, answer["FederatedUser"]["Arn"])


def _mfa(serial: str | None, code: Secret | None) -> dict[str, str]:
    if serial is None or code is None:
        return {}
    return {"SerialNumber": serial, "TokenCode": code.reveal()}


def _partition(arn: str) -> str:
    return arn.split(":", 2)[1]


def _temporary(answer: dict[str, Any], partition: str | None, arn: str = "") -> Temporary:
    given = answer["Credentials"]
    credentials = Credentials(
        given["AccessKeyId"],
        Secret(given["SecretAccessKey"]),
        Secret(given["SessionToken"]),
        partition,
    )
    return Temporary(credentials, given["Expiration"].timestamp(), arn)


@contextmanager
def _explained(action: str, resource: str, serial: str | None) -> Iterator[None]:
    """Inside `translated`: what STS tells by its text alone, or by codes of its own."""
    try:
        yield
    except ClientError as exc:
        said = exc.response.get("Error", {})
        code, text = str(said.get("Code", "")), str(said.get("Message", ""))
        error = _by_text(code, text, action, resource, serial)
        if error is None:
            raise
        exc.args = ()
        exc.__dict__.clear()
        exc.__traceback__ = exc.__context__ = None
        raise error from None


def _by_text(
    code: str, text: str, action: str, resource: str, serial: str | None
) -> AwsError | None:
    if serial is not None and code == "AccessDenied" and "MultiFactorAuthentication" in text:
        return CodeRefused(f"AWS refused the code of {serial}")
    if code == "ValidationError" and "MaxSessionDuration" in text:
        return QuotaExceeded(
            f"{action} on {resource} was refused: the role's sessions are shorter",
            hint="set a smaller duration_seconds, or a larger maximum session on the role",
        )
    if code in _TOKEN_CODES:
        return InvalidKey(f"{action} on {resource} was refused ({code})")
    if code == "RegionDisabledException":
        return NotPermitted(
            f"{action} on {resource} was refused: STS is not active in this region for the account",
            hint="set another region in ~/.aws/config, or activate STS there",
        )
    return None
