"""The `faults` fixture: an HTTP proxy in front of the simulator that fails by a table.

It stands where AWS_ENDPOINT_URL points, so botocore, its retries and time-outs are real. Calls go
through unchanged (moto checks their signatures), except for what a `Fault` row, a `Lag`, a clock
offset or an MFA session makes of them:

    faults.script(
        Fault("CreateAccessKey", "drop", executed=True),      # made, but the reply is lost
        Fault("iam:ListAccessKeys", "invalid-key", times=2),  # the first two are refused
        Fault("GetCallerIdentity", "503", nth=2, region="eu-west-1"),
    )
    faults.lag = Lag(sts=5, iam=20, listing=30)
    faults.clock.advance(20)

Time is `faults.clock`, which only tests move.
"""

import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from tests.support import samples, wire
from tests.support.fault_table import (
    AFTER_LOGIN,
    ALWAYS_EXECUTED,
    Call,
    Clock,
    Fault,
    Lag,
    MfaDevice,
)
from tests.support.key_view import KeyView
from tests.support.loopback import LoopbackServer, Reply
from tests.support.roles import Role, check_role, check_web_identity
from tests.support.simulator import Simulator
from tests.support.trail import Trail
from tests.support.wire import Answer, Request, refusal

_WITHOUT_MFA = {"GetSessionToken", "GetCallerIdentity"}
# AWS refuses a signature whose date is further from its own clock.
_MAX_SKEW_S = 300
_CUT_BYTES = 20


@dataclass
class _Session:
    parent: str
    secret: str
    token: str
    expires: float
    mfa: bool


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class FaultProxy:
    """The proxy and its switches: `lag`, `date_offset`, `clock`, script(), add_mfa_device().

    `trail`: what CloudTrail has. `roles`: what a role asks for, by ARN; those that are not there
    ask for nothing. `web_tokens`: the web identity tokens that are accepted.

    `date_offset`: seconds added to AWS's clock, in the Date header and where AWS judges the age of
    a signature.

    A key whose deactivation or deletion is not seen yet still works, by signing the call with
    another live key of its user; when there is none, the lag is over at once.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.clock = Clock(time.time())
        self.date_offset = 0.0
        self._simulator = simulator
        self._admin = simulator.iam()
        self._upstream = simulator.url.removeprefix("http://")
        self._lock = threading.Lock()
        self._faults: tuple[Fault, ...] = ()
        self._fitted: Counter[int] = Counter()
        self._used: set[int] = set()
        self._calls: list[Call] = []
        self._keys = KeyView(self._admin, self.clock)
        self._sessions: dict[str, _Session] = {}
        self._devices: dict[str, MfaDevice] = {}
        self.roles: dict[str, Role] = {}
        self.web_tokens: set[str] = set()
        self.trail = Trail()
        self._closing = threading.Event()
        self._server = LoopbackServer(self.handle, lambda: time.time() + self.date_offset)
        self.url = self._server.url

    @property
    def lag(self) -> Lag:
        return self._keys.lag

    @lag.setter
    def lag(self, lag: Lag) -> None:
        self._keys.lag = lag

    def close(self) -> None:
        """End: hanging calls are cut off, every thread is joined, every socket closed.

        Raises what went wrong in the proxy itself.
        """
        self._closing.set()
        self._server.stop()

    def script(self, *faults: Fault) -> None:
        """Replace the table; every count starts anew."""
        with self._lock:
            self._faults = faults
            self._fitted.clear()
            self._used.clear()

    def unused(self) -> list[Fault]:
        """The rows that no call has met."""
        with self._lock:
            return [each for n, each in enumerate(self._faults) if n not in self._used]

    def add_mfa_device(self, user_name: str) -> MfaDevice:
        """Give the user a virtual MFA device; requiring it is the fault "mfa-required"."""
        serial = f"arn:aws:iam::{self._simulator.account}:mfa/{user_name}"
        self._devices[serial] = MfaDevice(serial, user_name, self.clock)
        return self._devices[serial]

    def requests(self, action: str = "*") -> list[Call]:
        """Every call so far, or those of `action`, in order of arrival."""
        with self._lock:
            return [each for each in self._calls if action in {"*", each.action}]

    def count(self, action: str = "*") -> int:
        return len(self.requests(action))

    def assert_one_create_per_transaction(self) -> set[str]:
        """Exactly one CreateAccessKey on the wire for each transaction; gives their ids."""
        seen = Counter(each.transaction for each in self.requests("CreateAccessKey"))
        assert None not in seen, "a CreateAccessKey names no transaction"
        assert set(seen.values()) <= {1}, f"CreateAccessKey was sent again: {dict(seen)}"
        return {each for each in seen if each is not None}

    def handle(self, request: Request) -> Reply:
        """Note the call and say what is sent back."""
        call = Call(
            self.clock(),
            request.service,
            request.action,
            request.key_id,
            request.region,
            request.header("User-Agent"),
            request.parameters,
        )
        with self._lock:
            self._calls.append(call)
            fault = self._fault_for(request)
        answer, damage = self._answer(request, call, fault)
        call.answered = damage if answer is None or damage else str(answer)
        if damage == "hang":
            self._closing.wait()
        if answer is None or damage not in ALWAYS_EXECUTED:
            return Reply(answer)
        body = b"" if damage == "empty" else answer.body[:-_CUT_BYTES]
        return Reply(answer, body, len(answer.body) if damage == "truncated" else len(body))

    def _fault_for(self, request: Request) -> Fault | None:
        chosen = None
        for number, fault in enumerate(self._faults):
            if fault.kind == "mfa-required" and self._passes_mfa(request):
                continue
            if not fault.fits(request):
                continue
            self._fitted[number] += 1
            if chosen is None and fault.due(self._fitted[number]):
                chosen = fault
                self._used.add(number)
        return chosen

    def _passes_mfa(self, request: Request) -> bool:
        session = self._sessions.get(request.key_id)
        return request.action in _WITHOUT_MFA or (session is not None and session.mfa)

    def _answer(
        self, request: Request, call: Call, fault: Fault | None
    ) -> tuple[Answer | None, str]:
        if fault is not None and fault.kind not in AFTER_LOGIN | ALWAYS_EXECUTED:
            if fault.executed:
                self._serve(request, call, None)
            if fault.kind in {"drop", "hang"}:
                return None, fault.kind
            if fault.kind == "not-aws":
                page = b"<!doctype html><title>Log in to the hotel</title>"
                return Answer(200, page, {"Content-Type": "text/html"}), ""
            return refusal(fault.kind, request), ""
        answer = self._serve(request, call, fault)
        return answer, fault.kind if fault is not None and fault.kind in ALWAYS_EXECUTED else ""

    def _serve(self, request: Request, call: Call, fault: Fault | None) -> Answer:
        try:
            self._check_date(request)
            forwarded = self._log_in(request)
            if fault is not None and fault.kind in AFTER_LOGIN:
                self._deny(request)
            device = self._check_code(request)
            self._check_role(request, device)
            if request.action == "AssumeRoleWithWebIdentity":
                forwarded = self._signed_for_moto(request)
            if request.service == "cloudtrail":
                return self._looked_up(request)
        except _Refused as refused:
            return refused.answer
        answer = self._execute(request, forwarded, call)
        if answer.status == 200:
            if request.action == "GetSessionToken":
                answer.body = self._open_session(request, answer.body, device is not None)
            elif request.action == "ListAccessKeys":
                answer.body = self._keys.as_listed(
                    answer.body, self._user_named(request, forwarded)
                )
        return answer

    # Time and identity

    def _check_date(self, request: Request) -> None:
        stamp = request.header("X-Amz-Date")
        if not stamp:
            return
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        if abs(sent - time.time() - self.date_offset) > _MAX_SKEW_S:
            raise _Refused(refusal("clock-skew", request, f"Signature expired: {stamp}"))

    def _log_in(self, request: Request) -> Request:
        """The request as it goes upstream. Raises _Refused."""
        session = self._sessions.get(request.key_id)
        if session is not None:
            return self._log_in_session(request, session)
        if not request.key_id:
            return request
        state = self._keys.state(request.key_id, request.service)
        real = self._admin.find(request.key_id)
        if state == "unseen":  # neither the proxy nor IAM knows it: moto says so, or knows a role
            return request
        if state != "Active":
            raise _Refused(refusal("invalid-key", request))
        if real is not None and real.status == "Active":
            return request
        known = self._keys.seen(request.key_id)
        if not wire.signed_by(request, known.secret):
            raise _Refused(refusal("bad-signature", request))
        return self._signed_for(request, request.key_id)

    def _log_in_session(self, request: Request, session: _Session) -> Request:
        if request.header("X-Amz-Security-Token") != session.token:
            raise _Refused(refusal("invalid-key", request))
        if not wire.signed_by(request, session.secret):
            raise _Refused(refusal("bad-signature", request))
        if self.clock() >= session.expires:
            raise _Refused(refusal("expired-token", request))
        if self._keys.state(session.parent, request.service) != "Active":
            raise _Refused(refusal("invalid-key", request))
        # The rules for GetSessionToken's credentials stand in the STS API reference.
        if request.service == "iam" and not session.mfa:
            raise _Refused(refusal("invalid-key", request))
        if request.service == "sts" and request.action not in {"AssumeRole", "GetCallerIdentity"}:
            raise _Refused(refusal("denied", request, "Cannot call it with session credentials"))
        named = {"ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"}
        if request.action in named and "UserName" not in request.parameters:
            text = "Must specify userName when calling with non-User credentials"
            raise _Refused(refusal("invalid-value", request, text))
        return self._signed_for(request, session.parent)

    def _signed_for(self, request: Request, key_id: str) -> Request:
        """Signed again by `key_id`, or where IAM took it away already by another of its user."""
        live = self._admin.find(key_id)
        if live is None or live.status != "Active":
            user_name = self._keys.seen(key_id).user_name
            live = next(
                (
                    found
                    for each, status in self._admin.keys(user_name)
                    if status == "Active" and (found := self._admin.find(each)) is not None
                ),
                None,
            )
        if live is None:
            raise _Refused(refusal("invalid-key", request))
        return wire.signed_again(request, live.access_key_id, live.secret_access_key)

    def _deny(self, request: Request) -> None:
        known = self._admin.find(request.key_id)
        if known is not None and not wire.signed_by(request, known.secret_access_key):
            raise _Refused(refusal("bad-signature", request))
        text = (
            f"not authorized to perform: {request.service}:{request.action} "
            "with an explicit deny in an identity-based policy"
        )
        raise _Refused(refusal("denied", request, text))

    def _check_role(self, request: Request, device: MfaDevice | None) -> None:
        role = self.roles.get(request.parameters.get("RoleArn", ""), Role())
        if request.action == "AssumeRole":
            session = self._sessions.get(request.key_id)
            mfa = device is not None or (session is not None and session.mfa)
            chained = session is None and self._admin.find(request.key_id) is None
            refused = check_role(request, role, mfa=mfa, chained=chained)
        elif request.action == "AssumeRoleWithWebIdentity":
            refused = check_web_identity(request, role, self.web_tokens)
        else:
            return
        if refused is not None:
            raise _Refused(refused)

    def _signed_for_moto(self, request: Request) -> Request:
        """moto wants every call signed while it checks signatures; AWS leaves this one unsigned."""
        named = replace(request, service="sts", region="us-east-1")
        simulator = self._simulator
        return wire.signed_again(named, simulator.key_id, simulator.secret.reveal())

    def _looked_up(self, request: Request) -> Answer:
        """Raises _Refused."""
        known = self._admin.find(request.key_id)
        if known is None or not wire.signed_by(request, known.secret_access_key):
            raise _Refused(refusal("bad-signature", request))
        return self.trail.answer(request)

    def _execute(self, request: Request, forwarded: Request, call: Call) -> Answer:
        key_id = request.parameters.get("AccessKeyId", "")
        if request.action in {"UpdateAccessKey", "DeleteAccessKey"}:
            self._keys.learn(key_id)
        answer = wire.forward(self._upstream, forwarded)
        call.executed = answer.status < 400  # moto does nothing where it answers more
        if call.executed and request.action == "CreateAccessKey":
            self._keys.note(wire.texts(ET.fromstring(answer.body))["AccessKeyId"], "created")
        elif call.executed and request.action == "UpdateAccessKey":
            self._keys.note(key_id, request.parameters["Status"])
        elif call.executed and request.action == "DeleteAccessKey":
            self._keys.note(key_id, "deleted")
        return answer

    def _user_named(self, request: Request, forwarded: Request) -> str:
        signer = self._admin.find(forwarded.key_id)
        return request.parameters.get("UserName") or (signer.user_name if signer else "")

    # MFA

    def _check_code(self, request: Request) -> MfaDevice | None:
        serial = request.parameters.get("SerialNumber")
        if request.action not in {"GetSessionToken", "AssumeRole"} or serial is None:
            return None
        device = self._devices.get(serial)
        signer = self._admin.find(request.key_id)
        if signer is not None and not wire.signed_by(request, signer.secret_access_key):
            raise _Refused(refusal("bad-signature", request))  # before a code is spent
        if device is None or signer is None or signer.user_name != device.user_name:
            text = "MultiFactorAuthentication failed, unable to validate MFA code."
            raise _Refused(refusal("denied", request, text))
        with self._lock:
            accepted = device.accept(request.parameters.get("TokenCode", ""))
        if not accepted:
            text = "MultiFactorAuthentication failed with invalid MFA one time pass code."
            raise _Refused(refusal("denied", request, text))
        return device

    def _open_session(self, request: Request, body: bytes, mfa: bool) -> bytes:
        """moto gives everyone the same constants: put credentials of our own in their place."""
        self._keys.learn(request.key_id)
        expires = self.clock() + int(request.parameters.get("DurationSeconds", "43200"))
        with self._lock:
            seed = 7000 + len(self._sessions)
            key_id = samples.aws_key_id(seed, prefix="AS" + "IA")
            session = _Session(
                request.key_id, samples.aws_secret(seed), samples.text(120, seed), expires, mfa
            )
            self._sessions[key_id] = session
        until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return wire.with_texts(
            body,
            AccessKeyId=key_id,
            SecretAccessKey=session.secret,
            SessionToken=session.token,
            Expiration=until,
        )


@pytest.fixture
def faults(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy in front of `simulator`, in AWS_ENDPOINT_URL; without faults until scripted."""
    proxy = FaultProxy(simulator)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    yield proxy
    proxy.close()
