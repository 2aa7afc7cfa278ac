"""Checks of this shell's AWS variables, which beat every profile."""

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor import profiles
from credguard.app.doctor.model import Check, fail, ok, some, warn
from credguard.app.environment import GUARD

_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_STARTUP = (
    ".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc",
    ".envrc", ".pam_environment", ".config/fish/config.fish",
)  # fmt: skip
_ASSIGNS = re.compile(
    rb"^\s*(?:export\s+|set\s+-\S+\s+|set\s+)*(AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN"
    rb"|PROFILE|DEFAULT_PROFILE))[=\s]"
)
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """`set_in`: variable -> places (path:line) in the shell's start-up files that set it.

    `environment`: names of all variables; values of those without a secret only.
    """

    environment: Mapping[str, str]
    aws: profiles.Files = field(default_factory=profiles.Files)
    set_in: Mapping[str, list[str]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()  # files named by variables that are not there
    now: float = 0.0


def gather(ctx: Context) -> Facts:
    """This process's environment, and where a new shell gets it from."""
    chosen = {
        name: ("set" if name in _KEY else value)
        for name, value in os.environ.items()
        if name.startswith("AWS_") or name == GUARD
    }
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    missing = {
        name
        for name in files
        if chosen.get(name) and not os.path.isfile(os.path.expanduser(chosen[name]))
    }
    return Facts(chosen, profiles.gather(ctx), _startup(), frozenset(missing), ctx.now())


def _startup() -> dict[str, list[str]]:
    home = paths.home()
    names = [os.path.join(home, name) for name in _STARTUP]
    folder = os.path.join(home, ".config", "environment.d")
    if os.path.isdir(folder):
        names += [os.path.join(folder, name) for name in sorted(os.listdir(folder))[:50]]
    found: dict[str, list[str]] = {}
    for path in names:
        try:
            with open(path, "rb") as file:
                lines = file.read(_LARGEST).splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            match = _ASSIGNS.match(line)
            if match:
                found.setdefault(match[1].decode(), []).append(f"{path}:{number}")
    return found


def _unset(names: list[str], facts: Facts) -> str:
    places = [place for name in names for place in facts.set_in.get(name, [])]
    fix = f"run: unset {' '.join(names)}"
    return f"{fix}\nand take it out of {some(places)}" if places else fix


def keys(facts: Facts) -> list[Check]:
    """A key in the environment beats every profile."""
    names = [name for name in _KEY if name in facts.environment]
    if not names or facts.environment.get(GUARD):
        return []  # credguard exec put it there
    if names == ["AWS_SESSION_TOKEN"] or names == ["AWS_SECURITY_TOKEN"]:
        return [fail(f"{names[0]} is set without a key", _unset(names, facts))]
    expiry = facts.environment.get("AWS_CREDENTIAL_EXPIRATION", "")
    ended = _seconds(expiry)
    said = "AWS_ACCESS_KEY_ID is set: AWS tools take that key, whatever profile is named"
    if "AWS_ACCESS_KEY_ID" not in names:
        said = f"{some(names)} is set without AWS_ACCESS_KEY_ID"
    if ended is not None:
        names.append("AWS_CREDENTIAL_EXPIRATION")
        if ended <= facts.now:
            said = (
                f"the session in AWS_SESSION_TOKEN ended at {expiry}, and AWS tools still take it"
            )
    return [fail(said, _unset(names, facts))]


def _seconds(text: str) -> float | None:
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()


def startup(facts: Facts) -> list[Check]:
    """Keys in the shell's start-up files: plaintext, and taken by every new shell."""
    places = [place for name in _KEY[:3] for place in facts.set_in.get(name, [])]
    if not places:
        return [ok("no start-up file of a shell sets a key")]
    fix = "take those lines out; for a key of your own: credguard add PROFILE, which asks for it"
    return [fail(f"a key stands in plaintext in {some(sorted(set(places)))}", fix)]


def profile(facts: Facts) -> list[Check]:
    """AWS_PROFILE naming a profile that is not there, or two that differ."""
    found = []
    here = profiles.need(facts.aws).merged()
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        value = facts.environment.get(name)
        if not value or value in here:
            continue
        said = f"{name} is {value}, and there is no such profile"
        known = f"there are: {some(sorted(here), 8)}" if here else "there are none"
        found.append(fail(said, f"{_unset([name], facts)}\n{known}"))
    both = {facts.environment.get(name) for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")} - {None}
    if not found and len(both) == 2:
        said = "AWS_PROFILE and AWS_DEFAULT_PROFILE differ; tools take one or the other"
        found.append(warn(said, "run: unset AWS_DEFAULT_PROFILE"))
    return found


def files(facts: Facts) -> list[Check]:
    """Variables that send AWS tools to other files."""
    found = []
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        value = facts.environment.get(name)
        if not value:
            continue
        if name in facts.missing:
            said = f"{name} names {value}, which is not there: AWS tools see none of its profiles"
            fix = f"run: unset {name}"
            # Without one nothing is missed: no key in plaintext is what is wanted.
            found.append(fail(said, fix) if name == "AWS_CONFIG_FILE" else warn(said, fix))
        elif not os.path.isabs(os.path.expanduser(value)):
            said = f"{name} is the relative path {value}: another file in every folder"
            found.append(fail(said, f"run: unset {name}"))
        else:
            found.append(ok(f"{name} names {value}"))
    return found


def identity(facts: Facts) -> list[Check]:
    """A web identity in the environment comes before credential_process."""
    names = [n for n in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN") if n in facts.environment]
    if len(names) < 2:
        return []
    said = "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set: taken before the vault's key"
    return [warn(said, _unset(sorted(names), facts))]
