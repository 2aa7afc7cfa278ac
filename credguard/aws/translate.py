"""AWS errors as credguard.errors. The message names the action and the resource, never a secret.

Raised `from None`: botocore's texts may quote a whole answer, and CreateAccessKey's answer holds
the new secret.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from credguard import errors
from credguard.aws.clients import server_skew

_BY_CODE: dict[str, type[errors.AwsError]] = {}
for _error, _codes in (
    (
        errors.InvalidKey,
        (
            "InvalidClientTokenId UnrecognizedClientException AuthFailure InvalidAccessKeyId "
            "ExpiredToken ExpiredTokenException InvalidToken "
            "IncompleteSignature MissingAuthenticationToken "
            "UnauthorizedException InvalidGrantException"
        ),
    ),
    (errors.BadSignature, "SignatureDoesNotMatch InvalidSignatureException"),
    (
        errors.NotPermitted,
        (
            "AccessDenied AccessDeniedException UnauthorizedOperation OptInRequired Blocked "
            "ForbiddenException AuthException"
        ),
    ),
    (
        errors.QuotaExceeded,
        "LimitExceeded LimitExceededException KeyPairLimitExceeded ResourceLimitExceeded",
    ),
    (
        errors.NoSuchEntity,
        (
            "NoSuchEntity InvalidKeyPair.NotFound InvalidInstanceID.NotFound "
            "EC2InstanceNotFoundException InvocationDoesNotExist TargetNotConnected "
            "InvalidInstanceId InvalidLaunchTemplateId.NotFound "
            "InvalidLaunchTemplateId.VersionNotFound"
        ),
    ),
    (
        errors.AlreadyExists,
        "EntityAlreadyExists InvalidKeyPair.Duplicate",
    ),
    (
        errors.Throttled,
        (
            "Throttling ThrottlingException ThrottledException RequestLimitExceeded "
            "TooManyRequestsException SlowDown PriorRequestNotComplete "
            "TooManyRequests RequestThrottled"
        ),
    ),
    (errors.NetworkDown, "ServiceUnavailable InternalFailure InternalError RequestTimeout"),
):
    for _code in _codes.split():
        _BY_CODE[_code] = _error

# Said of a date that is off. IAM and STS say SignatureDoesNotMatch then, as of a wrong secret.
_CLOCK_ONLY = {"RequestExpired", "RequestTimeTooSkewed"}
# AWS refuses signatures 300 s from its own time (Signature Version 4, IAM User Guide). From here on
# it may be that, so the secret is not blamed: what is taken for wrong may be thrown away.
_SUSPECT_SKEW_S = 240


def is_known(code: str) -> bool:
    """Whether the AWS error code has a class of its own here."""
    return code in _BY_CODE


_PARAMETER = re.compile(r"for parameter ([\w.\[\]]{1,60}), value")
_SAFE_CODE = re.compile(r"[A-Za-z0-9.]{1,64}\Z")


@contextmanager
def translated(action: str, resource: str) -> Iterator[None]:
    """Turn what botocore raises inside into a credguard error naming `action` on `resource`."""
    try:
        yield
    except aws.ClientError as exc:
        error = _refused(exc, action, resource)
        _scrub(exc)
        raise error from None
    except (aws.ConnectionError, aws.HTTPClientError) as exc:
        _scrub(exc)
        raise errors.NetworkDown(
            f"{action} on {resource} got no answer ({type(exc).__name__})"
        ) from None
    except aws.ParamValidationError as exc:
        # The report has the values too, so only the names of the parameters are taken from it.
        names = ", ".join(dict.fromkeys(_PARAMETER.findall(str(exc)))) or "a name in it"
        _scrub(exc)
        raise errors.AwsError(
            f"{action} on {resource} was not sent: not valid: {names}",
            hint="check the names given, and what ~/.aws/config sets for the profile",
        ) from None
    except ResponseParserError as exc:
        # Cut off on the way, or a network's own page: as much of an answer as none.
        _scrub(exc)
        raise errors.NetworkDown(
            f"{action} on {resource} got an answer that cannot be read",
            hint="check the network and AWS_ENDPOINT_URL, then run it again",
        ) from None
    except (aws.BotoCoreError, ValueError, KeyError) as exc:
        # NoRegionError, a bad AWS_ENDPOINT_URL, a field that is not there.
        _scrub(exc)
        raise errors.AwsError(
            f"{action} on {resource} gave no usable answer ({type(exc).__name__})"
        ) from None


def _scrub(exc: Exception) -> None:
    # `from None` hides the original from a traceback, but whoever walks __context__ still finds
    # it, with the answer, the signed request and the frames that held them.
    exc.args = ()
    exc.__dict__.clear()
    exc.__traceback__ = exc.__context__ = exc.__cause__ = None


def _refused(exc: aws.ClientError, action: str, resource: str) -> errors.AwsError:
    code = str(exc.response.get("Error", {}).get("Code", ""))
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    shown = code if _SAFE_CODE.match(code) else "no error code"
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = errors.NetworkDown if status >= 500 else errors.AwsError
    message = f"{action} on {resource} was refused ({shown})"
    off = abs(server_skew() or 0.0) > _SUSPECT_SKEW_S
    if code in _CLOCK_ONLY or (kind is errors.BadSignature and off):
        return errors.AwsError(message, hint="set this machine's clock, then run it again")
    if kind is errors.NotPermitted:
        return kind(message, hint=f"ask for the permission {action}, then run it again")
    return kind(message)
