"""Checks of the vault: chosen, reachable, unlocked, holding what the index says."""

import os
import shlex
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, some, warn
from credguard.errors import CredguardError, VaultLocked, WrongPassphrase
from credguard.store import profiles
from credguard.vault.base import check, key_item
from credguard.vault.bus import ADDRESS, Bus
from credguard.vault.bus import look as look_at_bus
from credguard.vault.passphrase import VARIABLE, read_file

_PROBE_S = 15.0
PROBE_DEADLINE_S = 4 * _PROBE_S
_ON_BUS = ("keyring:secretservice", "keyring:kwallet")
FILE_INSTEAD = (
    "without a desktop, and with no key in it yet: credguard config set vault.backend file"
)
_UNLOCK_HERE = (
    'run: printf "password of the keyring: "; read -rs p; printf %s "$p" |'
    " gnome-keyring-daemon --replace --unlock >/dev/null; unset p"
)


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """`backend`: as the settings name it; `wsl`, `display`: of this session."""

    backend: str
    wsl: bool = False
    display: bool = False
    bus: Bus | None = None


def wsl(version_file: str = "/proc/version") -> bool:
    """Whether this is Windows' Linux subsystem, whose kernel names Microsoft."""
    try:
        with open(version_file, encoding="utf-8", errors="replace") as file:
            return "microsoft" in file.read().lower()
    except OSError:
        return False


def gather(ctx: Context) -> VaultFacts:
    """The settings, and the bus where the vault is on one."""
    backend = gather_backend(ctx)
    display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    bus = look_at_bus() if backend in _ON_BUS else None
    return VaultFacts(backend, wsl(), display, bus)


def backend(facts: VaultFacts) -> list[Check]:
    """Whether a vault is chosen."""
    if not facts.backend:
        return [fail("no vault is chosen yet", "run: credguard init")]
    return [ok(facts.backend)]


def bus(facts: VaultFacts) -> list[Check]:
    """Whether the session bus that a keyring is reached by is there and this login's own."""
    found = facts.bus
    if found is None:
        return []
    export = f"run: export {ADDRESS}=unix:path={shlex.quote(found.usual or '')}"
    if found.address is None or found.problem is not None or found.foreign:
        what = f"{ADDRESS} is not set, so no keyring can be reached"
        if found.address is not None:
            why = "belongs to another user" if found.foreign else f"is dead: {found.problem}"
            what = f"the D-Bus address {found.address} {why}"
        if found.usual:
            return [fail(what, f"{export}\nthen put that line into your shell's profile")]
        return [fail(what, _no_bus(facts))]
    if found.usual:
        said = f"{ADDRESS} names another session's bus, not {found.usual}"
        return [warn(said, f"where keys are missing from the keyring:\n{export}")]
    if found.owner is None and not found.startable:
        fix = "install one (Debian, Ubuntu: sudo apt install gnome-keyring) and log in again;"
        return [fail("no program offers secrets on D-Bus", f"{fix}\n{FILE_INSTEAD}")]
    return [ok(f"{found.owner or 'a program that D-Bus starts'} offers secrets on D-Bus")]


def _no_bus(facts: VaultFacts) -> str:
    if facts.wsl:
        return (
            "WSL has a bus only under systemd: write the lines `[boot]` and `systemd=true` into\n"
            f"/etc/wsl.conf, then in Windows: wsl --shutdown; {FILE_INSTEAD}"
        )
    start = "log in to the desktop, or start a shell with a bus: dbus-run-session bash;"
    return f"{start}\n{FILE_INSTEAD}"


def services(facts: VaultFacts) -> list[Check]:
    """Whether one program alone offers secrets."""
    found = facts.bus
    if found is None or found.owner is None:
        return []
    if found.others:
        said = f"{found.owner} answers for secrets, and {some(found.others)} offers them too"
        fix = (
            "what one keeps the other does not see: switch one off (its settings, or its autostart)"
        )
        return [warn(said, fix)]
    return [ok(f"{found.owner} alone")]


def locked(facts: VaultFacts) -> list[Check]:
    """Whether the default collection is unlocked."""
    found = facts.bus
    if found is None or found.locked is None:
        return []
    if not found.locked:
        return [ok("unlocked")]
    if facts.display:
        fix = "run: credguard unlock\nits dialog asks for the password"
        return [fail("the keyring is locked", fix)]
    said = "the keyring is locked, and there is no desktop to ask for its password"
    gnome = (found.owner or "").startswith("gnome-keyring")
    unlock = _UNLOCK_HERE if gnome else f"unlock it where {found.owner} runs"
    moved = "with keys in it, once it is open: credguard vault migrate --to file"
    return [fail(said, f"{unlock}\n{FILE_INSTEAD}\n{moved}")]


def settings_of_keyring(environment: dict[str, str]) -> list[Check]:
    """That the keyring library's own settings are not what decides here."""
    names = sorted(
        each for each in environment if each.startswith(("PYTHON_KEYRING", "KEYRING_PROPERTY_"))
    )
    if not names:
        return []
    said = f"{some(names)} is set; credguard ignores it and takes vault.backend from its settings"
    return [warn(said, f"run: unset {' '.join(names)}")]


@dataclass(frozen=True, slots=True)
class Passphrase:
    """The file vault's. `source`: the file named, None: none; `problem`: why it will not do."""

    backend: str
    source: str | None
    problem: CredguardError | None
    unattended: bool


def passphrase_facts(ctx: Context) -> Passphrase:
    """Reads the named file, asks nobody."""
    backend_ = gather_backend(ctx)
    source = os.environ.get(VARIABLE) or None
    problem = None
    if backend_ == "file" and source is not None:
        try:
            read_file(source)
        except CredguardError as error:
            problem = error
    agreed = False
    if state.there():
        agreed = any(each.consent for each in profiles.profiles(state.store(ctx)))
    return Passphrase(backend_, source, problem, agreed)


def gather_backend(ctx: Context) -> str:
    """`vault.backend`. Raises CredguardError: the settings cannot be read."""
    return state.settings_of(ctx).vault.backend


def passphrase(facts: Passphrase) -> list[Check]:
    """Where the file vault's passphrase comes from."""
    if facts.backend != "file":
        return []
    if facts.problem is not None:
        return [fail(str(facts.problem), facts.problem.hint)]
    if facts.source is not None:
        return [ok(f"from {facts.source}")]
    if facts.unattended:
        said = "a person is asked for it, so nothing is rotated unattended"
        fix = f"put it into a file of mode 0600 and name that: export {VARIABLE}=PATH"
        return [warn(said, f"{fix}\nthen: credguard service install")]
    return [ok("asked for at the terminal")]


@dataclass(frozen=True, slots=True)
class Opened:
    """`skipped`: opening would ask a person, or another check tells why it cannot be opened."""

    skipped: bool
    error: CredguardError | None = None
    missing: tuple[str, ...] = ()
    count: int = 0


def opened_facts(ctx: Context) -> Opened:
    """Put a canary in (OS keyring) and look each key up; only where nobody is asked."""
    facts = gather(ctx)
    if not facts.backend or not _quiet(facts):
        return Opened(skipped=True)
    keys = profiles.keys(state.store(ctx)) if state.there() else []
    if facts.backend == "file" and not os.path.exists(paths.vault_file()):
        missing = tuple(each.key_id for each in keys)
        return Opened(skipped=not missing, missing=missing, count=len(keys))
    try:
        from credguard.vault.oskeyring import PREFIX, OsKeyring

        vault = ctx.vault
        if facts.backend.startswith(PREFIX):
            vault = OsKeyring(facts.backend.removeprefix(PREFIX), deadline_s=_PROBE_S)
            check(vault)
        else:
            vault.get("canary/doctor")  # opens it; a file is not written by a look
        missing = tuple(
            each.key_id
            for each in keys
            if vault.get(key_item(each.partition, each.account, each.key_id)) is None
        )
    except CredguardError as error:
        return Opened(skipped=False, error=error)
    return Opened(skipped=False, missing=missing, count=len(keys))


def _quiet(facts: VaultFacts) -> bool:
    """Whether the vault can be opened without asking anybody."""
    if facts.backend == "file":
        return bool(os.environ.get(VARIABLE)) or not os.path.exists(paths.vault_file())
    if facts.bus is None:
        return True  # the macOS and Windows keyrings belong to the login
    usable = facts.bus.problem is None and not facts.bus.foreign and facts.bus.address is not None
    return usable and facts.bus.locked is not True and bool(facts.bus.owner or facts.bus.startable)


def opened(facts: Opened) -> list[Check]:
    """Whether the vault opens and holds every key of the index."""
    if facts.error is not None:
        if isinstance(facts.error, VaultLocked | WrongPassphrase):
            return [fail(str(facts.error), facts.error.hint)]
        return [fail(str(facts.error), facts.error.hint or "see the checks above")]
    if facts.missing:
        said = f"the vault has no secret for {some(list(facts.missing))}"
        fix = "restore a backup: credguard vault restore FILE; or add the key again: credguard add"
        return [fail(said, fix)]
    if facts.skipped:
        return []
    return [ok(f"opens, and holds all {facts.count} keys of the index")]
