"""Users: MFA, the age and use of access keys, console passwords."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from shlex import quote

from credguard.audit.facts import Facts, Key, Row, User
from credguard.audit.known import NotKnown, Unknown, known
from credguard.audit.model import (
    FAIL,
    NA,
    PASS,
    Check,
    Limits,
    Said,
    days,
    old,
    per,
    unknown,
)
from credguard.audit.reads import READS

_MFA, _KEYS, _PASSWORDS = "user-mfa", "keys-monthly", "passwords-quarterly"


def is_automation(name: str, limits: Limits) -> bool:
    """Whether a user of that name is a program, by the patterns."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in limits.automation)


def row_of(facts: Facts, user: User) -> Row:
    """The user's line of the credential report. Raises NotKnown: it is newer than the report."""
    row = known(facts.report).get(user.name)
    if row is None:
        raise NotKnown(
            Unknown("the credential report does not have the user yet; AWS makes one in 4 hours")
        )
    return row


def has_password(facts: Facts, user: User) -> bool:
    """Whether the user has a console password. Raises NotKnown: the report does not say."""
    found = row_of(facts, user).password
    if found is None:
        raise NotKnown(
            Unknown(f"the credential report does not say whether {user.name} has a password")
        )
    return found


def mfa(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Every user that can sign in by password or key; devices are read live, not in the report."""

    def judge(user: User) -> Said:
        devices = known(user.devices)
        if devices:
            return Said(PASS, user.arn, f"{user.name} has {len(devices)} MFA device(s)")
        keys = [key for key in known(user.keys) if key.active]
        if not keys and not has_password(facts, user):
            return Said(NA, user.arn, f"{user.name} has neither a password nor an active key")
        remedy = (
            "a program cannot give a code: take its password and its keys, see automation-password"
            " and automation-role"
            if is_automation(user.name, limits)
            else _assign(facts, user)
        )
        return Said(FAIL, user.arn, f"{user.name} has no MFA device", remedy)

    return per(known(facts.users), lambda user: user.arn, judge)


def _assign(facts: Facts, user: User) -> str:
    name = quote(user.name)
    serial = quote(f"arn:{facts.partition}:iam::{facts.account}:mfa/{user.name}")
    return (
        f"let {user.name} open https://console.aws.amazon.com/iam/home#/security_credentials\n"
        "Multi-factor authentication (MFA) > Assign MFA device\n"
        "or, with an app: make a device, scan its picture, delete that, and give two codes that"
        " follow each other:\n"
        f"run: aws iam create-virtual-mfa-device --virtual-mfa-device-name {name}"
        " --outfile mfa.png --bootstrap-method QRCodePNG\n"
        f"run: aws iam enable-mfa-device --user-name {name} --serial-number {serial}"
        " --authentication-code1 CODE1 --authentication-code2 CODE2"
    )


def _name(user: User, key: Key) -> str:
    return f"{user.arn}/{key.id}"


def _deactivate(user: User, key: Key) -> str:
    return (
        f"run: credguard audit fix key-unused --resource {quote(_name(user, key))} --apply\n"
        "or, with a tool of AWS:\n"
        f"run: aws iam update-access-key --user-name {quote(user.name)}"
        f" --access-key-id {quote(key.id)} --status Inactive"
    )


def _renew(facts: Facts, user: User, key: Key) -> str:
    if user.name == facts.me:
        quoted = quote(facts.profile or "PROFILE")
        return (
            f"run: credguard rotate {quoted} --yes\n"
            "the old key is stopped after a grace; at once, where nothing uses it any more:\n"
            f"run: credguard rotate {quoted} --deactivate --yes"
        )
    return (
        f"ask {user.name} to run, at their machine: credguard rotate PROFILE\n"
        "or, by hand: make a second key, move what uses this one, then:\n"
        f"run: aws iam delete-access-key --user-name {quote(user.name)}"
        f" --access-key-id {quote(key.id)}"
    )


def _keys(facts: Facts, said_of: "_KeyJudge") -> Iterator[Said]:
    for user in known(facts.users):
        try:
            keys = known(user.keys)
        except NotKnown as error:
            yield unknown(user.arn, error)
            continue
        yield from per(keys, partial(_name, user), said_of(user))


def key_age(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By the list of keys, live."""

    def of(user: User) -> "_OneKey":
        def judge(key: Key) -> Said:
            name = _name(user, key)
            if not key.active:
                return Said(NA, name, f"{key.id} of {user.name} is inactive")
            age = facts.now - key.created
            said = f"{key.id} of {user.name} is {days(age)} old"
            if age <= limits.key_age:
                return Said(PASS, name, said)
            said += f", the limit is {days(limits.key_age)}"
            return Said(FAIL, name, said, _renew(facts, user, key))

        return judge

    return _keys(facts, of)


def key_unused(facts: Facts, limits: Limits) -> Iterator[Said]:
    """An active key that nobody uses; one never used counts from when it was made."""

    def of(user: User) -> "_OneKey":
        def judge(key: Key) -> Said:
            name = _name(user, key)
            if not key.active:
                return Said(NA, name, f"{key.id} of {user.name} is inactive")
            used = known(key.used)
            idle = facts.now - (key.created if used is None else used)
            if idle <= limits.key_unused:
                return Said(PASS, name, f"{key.id} of {user.name} is in use, or new")
            since = "was never used" if used is None else "was not used"
            said = f"{key.id} of {user.name} {since} in {days(idle)}"
            return Said(FAIL, name, said, _deactivate(user, key))

        return judge

    return _keys(facts, of)


def key_single(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Two active keys: mostly one that nobody dares to remove. A rotation has two for a day."""

    def judge(user: User) -> Said:
        active = [key for key in known(user.keys) if key.active]
        if not active:
            return Said(NA, user.arn, f"{user.name} has no active key")
        if len(active) == 1:
            return Said(PASS, user.arn, f"{user.name} has one active key")
        older = min(active, key=lambda key: key.created)
        remedy = "end a rotation that is under way, or make the one inactive that is not used:\n"
        remedy += (
            f"run: aws iam update-access-key --user-name {quote(user.name)}"
            f" --access-key-id {quote(older.id)} --status Inactive"
        )
        ids = ", ".join(key.id for key in active)
        return Said(FAIL, user.arn, f"{user.name} has {len(active)} active keys: {ids}", remedy)

    return per(known(facts.users), lambda user: user.arn, judge)


def _no_password(user: User) -> Said:
    return Said(NA, user.arn, f"{user.name} has no console password")


def password_age(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By the credential report, up to four hours behind."""

    def judge(user: User) -> Said:
        row = row_of(facts, user)
        if not has_password(facts, user):
            return _no_password(user)
        if row.changed is None:
            raise NotKnown(Unknown("AWS does not say when the password was changed"))
        age = facts.now - row.changed
        said = f"the password of {user.name} is {days(age)} old"
        if age <= limits.password_age:
            return Said(PASS, user.arn, said)
        if row.later:
            raise NotKnown(
                Unknown("AWS tells a user not when the own password was changed", READS["report"])
            )
        if user.name == facts.me:
            remedy = f"run: credguard password rotate {quote(facts.profile or 'PROFILE')}"
        else:
            remedy = (
                f"ask {user.name} to change it: credguard password rotate PROFILE\n"
                "or in the console: account menu > Security credentials > Update password"
            )
        said += f", the limit is {days(limits.password_age)}"
        return Said(FAIL, user.arn, said, remedy)

    return per(known(facts.users), lambda user: user.arn, judge)


def password_unused(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A console password that nobody signs in with."""

    def judge(user: User) -> Said:
        row = row_of(facts, user)
        if not has_password(facts, user):
            return _no_password(user)
        newest = max((at for at in (row.used, row.changed) if at is not None), default=None)
        if newest is None:
            raise NotKnown(Unknown("AWS does not say when the password was used"))
        if not old(facts.now, newest, limits.password_unused):
            return Said(PASS, user.arn, f"{user.name} signs in")
        said = f"{user.name} did not sign in for {days(facts.now - newest)}"
        remedy = (
            "the password goes, the user stays; a new one can be set at any time:\n"
            f"run: aws iam delete-login-profile --user-name {quote(user.name)}"
        )
        return Said(FAIL, user.arn, said, remedy)

    return per(known(facts.users), lambda user: user.arn, judge)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    _OneKey = Callable[[Key], Said]
    _KeyJudge = Callable[[User], _OneKey]

CHECKS = (
    Check(
        "user-mfa", "Every user has MFA", _MFA, "high",
        "A password or a key alone is enough for whoever copies it.",
        mfa, ("users", "user.devices", "user.keys", "report"), none="there is no IAM user",
        cis="1.5: 1.10, 3.0: 1.10, 5.0: 1.9, 7.0: 2.10", hub=("IAM.5", "IAM.19"), own=True,
        peer=("iam_user_mfa_enabled_console_access", "iam_user_hardware_mfa_enabled",
              "iam_administrator_access_with_mfa"),
    ),
    Check(
        "key-age", "Access keys are replaced monthly", _KEYS, "high",
        "A key that was copied works until it is replaced.",
        key_age, ("users", "user.keys"), none="there is no access key",
        cis="1.5: 1.14, 3.0: 1.14, 5.0: 1.13, 7.0: 2.12", hub=("IAM.3",), own=True,
        peer=("iam_rotate_access_key_90_days",),
    ),
    Check(
        "key-unused", "Access keys that nobody uses are off", _KEYS, "medium",
        "Nobody notices when a key that nobody uses is used by somebody else.",
        key_unused, ("users", "user.keys", "key.used"), none="there is no access key",
        cis="1.5: 1.12, 3.0: 1.12, 5.0: 1.11, 7.0: 2.11", hub=("IAM.8", "IAM.22"), own=True,
        fix="ask",
        peer=("iam_user_accesskey_unused", "iam_user_no_setup_initial_access_key"),
    ),
    Check(
        "key-single", "Each user has one active key", _KEYS, "medium",
        "A second key doubles what can leak, and is mostly one that was forgotten.",
        key_single, ("users", "user.keys"), none="there is no IAM user",
        cis="1.5: 1.13, 3.0: 1.13, 5.0: 1.12", own=True,
        peer=("iam_user_two_active_access_key",),
    ),
    Check(
        "password-age", "Console passwords are changed quarterly", _PASSWORDS, "medium",
        "A password that leaked elsewhere, or years ago, still opens the console.",
        password_age, ("users", "report"), none="there is no IAM user", own=True,
    ),
    Check(
        "password-unused", "Console passwords that nobody uses are gone", _PASSWORDS, "medium",
        "Nobody notices when a stranger signs in with them.",
        password_unused, ("users", "report"), none="there is no IAM user",
        cis="1.5: 1.12, 3.0: 1.12, 5.0: 1.11, 7.0: 2.11", hub=("IAM.8", "IAM.22"), own=True,
        peer=("iam_user_console_access_unused",),
    ),
)  # fmt: skip
