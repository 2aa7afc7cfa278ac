"""What AWS checks of AssumeRole and moto does not: trust, external id, MFA, the longest session."""

from dataclasses import dataclass

from tests.support.wire import Answer, Request, refusal


@dataclass(frozen=True)
class Role:
    """What a role asks for. `mfa`: a code in the call, or a session that had one."""

    trusted: bool = True
    external_id: str | None = None
    mfa: bool = False
    longest_s: int = 43200


def check_role(request: Request, role: Role, *, mfa: bool, chained: bool) -> Answer | None:
    """AWS's refusal; None: it may go on. `chained`: a role's session signed the call."""
    given = request.parameters
    fits = role.external_id in {None, given.get("ExternalId")}
    if not role.trusted or not fits or (role.mfa and not mfa):
        text = f"User is not authorized to perform: sts:AssumeRole on resource: {given['RoleArn']}"
        return refusal("denied", request, text)
    if chained and "SerialNumber" in given:
        text = "MultiFactorAuthentication failed, must provide both MFA serial number and code."
        return refusal("denied", request, text)
    seconds = int(given.get("DurationSeconds", "3600"))
    if chained and seconds > 3600:
        text = (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
            " role chaining"
        )
        return refusal("invalid-value", request, text)
    return _too_long(request, role, seconds)


def _too_long(request: Request, role: Role, seconds: int) -> Answer | None:
    if seconds <= role.longest_s:
        return None
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return refusal("invalid-value", request, text)


def check_web_identity(request: Request, role: Role, tokens: set[str]) -> Answer | None:
    if request.parameters.get("WebIdentityToken") not in tokens:
        return refusal("invalid-web-token", request, "Couldn't retrieve verification key")
    if not role.trusted:
        text = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        return refusal("denied", request, text)
    return _too_long(request, role, int(request.parameters.get("DurationSeconds", "3600")))
