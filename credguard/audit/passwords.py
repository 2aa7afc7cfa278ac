"""The account's password policy."""

from collections.abc import Callable, Iterator

from credguard.audit.facts import Facts, PasswordPolicy
from credguard.audit.known import known
from credguard.audit.model import FAIL, PASS, Check, Judge, Limits, Said, Severity

_TIP = "password-policy"
LENGTH, REUSE, MAX_AGE = 14, 24, 90
_FIX = "run: credguard audit fix password-policy --apply"


def _policy(good: Callable[[PasswordPolicy], str], bad: str) -> Judge:
    """A check of the policy. `good`: what is so, "" where it is not as it should be."""

    def judge(facts: Facts, limits: Limits) -> Iterator[Said]:
        name = f"arn:{facts.partition}:iam::{facts.account}:account-password-policy"
        policy = known(facts.password_policy)
        if policy is None:
            yield Said(FAIL, name, "the account has no password policy, so AWS's default", _FIX)
        elif said := good(policy):
            yield Said(PASS, name, said)
        else:
            yield Said(FAIL, name, bad, _FIX)

    return judge


def _length(policy: PasswordPolicy) -> str:
    return f"at least {policy.length} characters" if policy.length >= LENGTH else ""


def _reuse(policy: PasswordPolicy) -> str:
    return f"the last {policy.reuse} may not come back" if policy.reuse >= REUSE else ""


def _kinds(policy: PasswordPolicy) -> str:
    every = policy.symbols and policy.numbers and policy.upper and policy.lower
    return "upper and lower case, numbers and symbols are asked for" if every else ""


def _expiry(policy: PasswordPolicy) -> str:
    return f"they expire after {policy.max_age} days" if 0 < policy.max_age <= MAX_AGE else ""


def _own(policy: PasswordPolicy) -> str:
    return "users may change their own" if policy.self_change else ""


def _check(
    name: str, title: str, why: str, judge: Judge, peer: tuple[str, ...], severity: Severity,
    cis: str = "", hub: tuple[str, ...] = (), tip: str = _TIP,
) -> Check:  # fmt: skip
    return Check(
        name, title, tip, severity, why, judge, ("password_policy",), cis=cis, hub=hub, peer=peer,
        fix="auto",
    )  # fmt: skip


CHECKS = (
    _check(
        "password-length", f"Passwords have at least {LENGTH} characters",
        "Short ones are found by trying.",
        _policy(_length, f"fewer than {LENGTH} characters are allowed"),
        ("iam_password_policy_minimum_length_14",), "medium",
        "1.5: 1.8, 3.0: 1.8, 5.0: 1.7, 7.0: 2.8", ("IAM.15", "IAM.7"),
    ),
    _check(
        "password-reuse", f"The last {REUSE} passwords may not come back",
        "Else a change is undone by the next one.",
        _policy(_reuse, f"fewer than {REUSE} former passwords are remembered"),
        ("iam_password_policy_reuse_24",), "low",
        "1.5: 1.9, 3.0: 1.9, 5.0: 1.8, 7.0: 2.9", ("IAM.16",),
    ),
    _check(
        "password-characters", "Passwords have all kinds of characters",
        "One kind alone is guessed from lists.",
        _policy(_kinds, "not every kind of character is asked for"),
        ("iam_password_policy_lowercase", "iam_password_policy_uppercase",
         "iam_password_policy_number", "iam_password_policy_symbol"), "low",
        hub=("IAM.7", "IAM.10"),
    ),
    _check(
        "password-expiry", f"Passwords expire after {MAX_AGE} days",
        "What is not changed by itself is not changed.",
        _policy(_expiry, f"they do not expire within {MAX_AGE} days"),
        ("iam_password_policy_expires_passwords_within_90_days_or_less",), "low",
        hub=("IAM.7",), tip="passwords-quarterly",
    ),
    _check(
        "password-own-change", "Users may change their own password",
        "Who cannot change a leaked password has to wait for an administrator.",
        _policy(_own, "users may not change their own"),
        (), "low",
    ),
)  # fmt: skip
