"""Which vault: opened by the name in the settings; tried one by one at init."""

import sys
from dataclasses import dataclass

from credguard.errors import CredguardError, VaultUnavailable
from credguard.vault.base import Vault, check

_PROBE_S = 20.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend of this platform; `problem`: why it cannot be used, None: a canary went through."""

    backend: str
    problem: str | None


def open_vault(backend: str) -> Vault:
    """The vault that `vault.backend` names; nothing is asked or unlocked yet.

    Raises VaultUnavailable for "" (init was not run) and for a name that is not known.
    """
    if backend == "":
        raise VaultUnavailable("no vault is chosen yet", hint="run: credguard init")
    if backend == "file":
        from credguard.vault.encfile import open_default

        return open_default()
    if backend == "pass":
        from credguard.vault import passstore

        passstore.check_platform()
        return passstore.PassStore()
    from credguard.vault.oskeyring import PREFIX, OsKeyring

    name = backend.removeprefix(PREFIX)
    if not backend.startswith(PREFIX) or name not in keyrings() | {"kwallet", "secretservice"}:
        raise VaultUnavailable(f"the vault {backend!r} does not exist on this platform")
    return OsKeyring(name)


def keyrings() -> frozenset[str]:
    """The OS keyrings that this platform can have."""
    if sys.platform == "darwin":
        return frozenset({"macos"})
    if sys.platform == "win32":
        return frozenset({"windows"})
    return frozenset({"secretservice", "kwallet"})


def probe() -> list[Candidate]:
    """Each OS keyring of this platform, tried with a canary item; at most 20 s a step."""
    from credguard.vault.oskeyring import PREFIX, OsKeyring

    found = []
    for name in sorted(keyrings(), reverse=True):
        vault = OsKeyring(name, deadline_s=_PROBE_S)
        try:
            check(vault)
            found.append(Candidate(PREFIX + name, None))
        except CredguardError as exc:
            found.append(Candidate(PREFIX + name, str(exc)))
        finally:
            vault.close()
    return found
