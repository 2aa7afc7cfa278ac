"""A context whose vault is in memory, with the simulator's key in it."""

import pytest

from credguard.app import keys
from credguard.app.context import Context
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault.base import key_item
from credguard.vault.memory import MemoryVault
from tests.support.simulator import Simulator


def context(simulator: Simulator, *names: str, consent: bool = True) -> Context:
    """The key is under the profiles `names`. `consent`: to unattended rotation."""
    made = Context()
    vault = MemoryVault()
    made.__dict__["vault"] = vault
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = keys.prove(simulator.key_id, simulator.secret, None, "import")
    for name in names:
        profiles.add_profile(made.db, name, key, 1.0, consent=consent)
    return made


def add_profile(ctx: Context, name: str, key_id: str, secret: Secret) -> None:
    """A profile of another key, which may be of another account."""
    key = keys.prove(key_id, secret, None, "import")
    ctx.vault.put(key_item("aws", key.account, key_id), secret)
    profiles.add_profile(ctx.db, name, key, 1.0, consent=True)


def later(monkeypatch: pytest.MonkeyPatch, ctx: Context, seconds: float) -> None:
    """Time passes here; AWS's clock is not asked."""
    at = ctx.now() + seconds
    monkeypatch.setattr(Context, "now", lambda _self: at)
    monkeypatch.setattr("credguard.app.rotate_effects.RealEffects.skew", lambda _self: 0.0)
