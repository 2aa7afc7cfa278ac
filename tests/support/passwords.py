"""ChangePassword for the simulator, which has none, with the faults that a test scripts."""

from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"


@dataclass
class Script:
    """`faults`: one for each coming call: "" (none), lost (executed, then 500), down (500).

    `wrong_code`: what a wrong old password is answered with, which AWS does not document.
    `reuse_first`: whether a reused password is refused before the old one is looked at; None:
    reuse is allowed. `calls`: (old, new) of every call, executed or not.
    """

    faults: list[str] = field(default_factory=list)
    wrong_code: str = "AccessDenied"
    wrong_text: str = "the password is not right"
    reuse_first: bool | None = None
    policy_refuses: bool = False
    unmodifiable: bool = False
    history: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)


script = Script()


def fresh() -> Script:
    """A script without faults, in force for the next calls."""
    global script
    script = Script()
    return script


def user(name: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT]["aws"].get_user(name)


def _answer(code: str, text: str, status: int = 400) -> Exception:
    # IAM's answer as it stands on the wire; moto takes no code that the service model lacks.
    from werkzeug.exceptions import HTTPException

    error = HTTPException(
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{text}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
    error.code = status
    return error


def _change(self: Any) -> Any:
    from moto.core.responses import EmptyResult

    old, new = self._get_param("OldPassword"), self._get_param("NewPassword")
    script.calls.append((old, new))
    fault = script.faults.pop(0) if script.faults else ""
    if fault == "down":
        raise _answer("ServiceFailure", "try again", 500)
    who = self.backend.get_user_from_access_key_id(self.get_access_key())
    if not who.password:
        raise _answer("NoSuchEntity", f"Login Profile for User {who.name} cannot be found.", 404)
    if script.unmodifiable:
        raise _answer("EntityTemporarilyUnmodifiable", "wait", 409)
    reused = script.reuse_first is not None and new in {who.password, *script.history}
    if script.policy_refuses or (reused and script.reuse_first):
        raise _answer("PasswordPolicyViolation", "not as the policy wants it")
    if who.password != old:
        raise _answer(script.wrong_code, script.wrong_text, 403)
    if reused:
        raise _answer("PasswordPolicyViolation", "used before")
    script.history.append(old)
    who.password = new
    if fault == "lost":
        raise _answer("ServiceFailure", "try again", 500)
    return EmptyResult()


def install() -> None:
    """Teach moto's server ChangePassword; safe to repeat."""
    from moto.iam.responses import IamResponse

    IamResponse.change_password = _change
