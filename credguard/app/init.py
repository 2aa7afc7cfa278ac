"""Use case: choose the vault and write the settings."""

from dataclasses import dataclass

from credguard import config
from credguard.app.context import Context
from credguard.app.noting import Noting
from credguard.hardening import no_core_dump
from credguard.vault import select
from credguard.vault.base import check


@dataclass(frozen=True, slots=True)
class Chosen:
    """`backend` as in the settings; `kept`: it was chosen earlier; `tried`: what was not usable."""

    backend: str
    kept: bool
    tried: dict[str, str]


def choose_vault(ctx: Context, backend: str | None) -> Chosen:
    """Take `backend`, else the one in the settings, else a working OS keyring, else the file.

    The chosen one is proven by a canary item before it is written into the settings. Raises
    VaultError, ConfigError; then the settings are as they were. `ctx` works with it from then on.
    """
    current = config.load().vault.backend
    tried: dict[str, str] = {}
    kept = backend is None and bool(current)
    pick = backend or current
    if not pick:
        pick = "file"
        for candidate in select.probe():
            if candidate.problem is None:
                pick = candidate.backend
                break
            tried[candidate.backend] = candidate.problem
    no_core_dump()
    vault = select.open_vault(pick)
    check(vault)
    if pick != current:
        _refuse_leaving(ctx, current, pick)
        config.set_value("vault.backend", pick)
    ctx.vault = Noting(vault)  # the same object, so that a passphrase is typed once
    return Chosen(pick, kept, tried)


def _refuse_leaving(ctx: Context, current: str, wanted: str) -> None:
    from credguard.errors import CredguardError
    from credguard.store import profiles

    if current and profiles.keys(ctx.db):
        raise CredguardError(
            f"keys are in the vault {current}, which would be left behind",
            hint=f"move everything: credguard vault migrate --to {wanted}",
        )
