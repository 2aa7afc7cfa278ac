"""Use case: ask the issuers of what was found whether it still works. Off unless asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from credguard.app.findings import Verdict
from credguard.config_model import VerifyConfig
from credguard.errors import BadSignature, CredguardError, InvalidKey
from credguard.scan.model import Finding
from credguard.secret import Secret
from credguard.verify.http import (
    ACTIVE,
    INACTIVE,
    UNKNOWN,
    Answer,
    Service,
    ask,
    ask_all,
    check_address,
    service_for,
)

_KEY_ID = re.compile(rb"(?:AKIA|ASIA)[A-Z2-7]{16}\Z")
_KEY_SECRET = re.compile(rb"[A-Za-z0-9/+]{40}\Z")


@dataclass(frozen=True, slots=True)
class Pair:
    """An AWS key: id and secret of one file, or of two (`Finding.pair`); `token`: of a temporary
    one.
    """

    key_id: str
    secret: Secret
    token: Secret | None
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Plan:
    """What would be sent where. `sends`: a line a place, for the person, before it happens."""

    tokens: list[tuple[Service, str, Secret, list[Finding]]]
    pairs: list[Pair]
    sends: list[str]


def plan(found: list[Finding], config: VerifyConfig) -> Plan:
    """Which of `found` can be asked about; one request a value. Raises ConfigError."""
    addresses = {
        name: check_address(name, getattr(config, f"{name}_url"))
        for name in ("github", "gitlab", "slack")
    }
    tokens: dict[bytes, tuple[Service, str, Secret, list[Finding]]] = {}
    for each in found:
        if each.allowed:
            continue
        service = service_for(each.value)
        if service is not None:
            address = addresses[service.name]
            tokens.setdefault(each.value, (service, address, Secret(each.value), []))
            tokens[each.value][3].append(each)
    pairs = _pairs([each for each in found if not each.allowed])
    counted = Counter(f"{address}{service.path}" for service, address, _, _ in tokens.values())
    sends = [f"{number} token{'s' * (number > 1)} to {place}" for place, number in counted.items()]
    if pairs:
        sends.append(
            f"{len(pairs)} request{'s' * (len(pairs) > 1)} signed with AWS keys to AWS STS"
            " (GetCallerIdentity; no secret is sent)"
        )
    return Plan(list(tokens.values()), pairs, sends)


def _pairs(found: list[Finding]) -> list[Pair]:
    by_file: dict[bytes, list[Finding]] = {}
    for each in found:
        by_file.setdefault(each.path, []).append(each)
    pairs: dict[tuple[bytes, bytes], Pair] = {}
    for path, here in by_file.items():
        for each in here:
            if not (each.pair or "aws" in each.rule_id) or not _KEY_SECRET.match(each.value):
                continue
            beside = each.pair or path
            around = here if beside == path else [*by_file.get(beside, ()), *here]
            ids = [other for other in by_file.get(beside, ()) if _KEY_ID.match(other.value)]
            if not ids:
                continue
            tokens = [other for other in around if "session-token" in other.rule_id]
            nearest = min(ids, key=lambda key, line=each.line: abs(key.line - line))  # type: ignore[misc]
            token = None
            if nearest.value.startswith(b"ASIA"):
                if not tokens:
                    continue  # cannot be told without its session token
                token = Secret(
                    min(tokens, key=lambda key, line=each.line: abs(key.line - line)).value  # type: ignore[misc]
                )
            key = (nearest.value, each.value)
            before = pairs[key].findings if key in pairs else ()
            pairs[key] = Pair(
                nearest.value.decode(), Secret(each.value), token, (*before, nearest, each)
            )
    return list(pairs.values())


def carry_out(todo: Plan, identity: Callable[[Pair], Answer] | None = None) -> dict[int, Verdict]:
    """Ask; the verdict by `id` of each finding. What was not asked about has none."""
    asks = [partial(ask, service, address, token) for service, address, token, _ in todo.tokens]
    asks += [partial(identity or _identity, pair) for pair in todo.pairs]
    about = [findings for _, _, _, findings in todo.tokens]
    about += [list(pair.findings) for pair in todo.pairs]
    verdicts: dict[int, Verdict] = {}
    for findings, answer in zip(about, ask_all(asks), strict=True):
        for each in findings:
            if answer.status == ACTIVE or id(each) not in verdicts:
                verdicts[id(each)] = Verdict(answer.status, answer.detail)
    return verdicts


def _identity(pair: Pair) -> Answer:
    from credguard.aws.model import Credentials
    from credguard.aws.sts import caller_identity

    try:
        who = caller_identity(Credentials(pair.key_id, pair.secret, pair.token))
    except BadSignature:
        return Answer(INACTIVE, f"AWS knows {pair.key_id}, but not with this secret")
    except InvalidKey:
        return Answer(INACTIVE)
    except CredguardError as exc:
        return Answer(UNKNOWN, type(exc).__name__)
    return Answer(ACTIVE, f"of {who.arn}")
