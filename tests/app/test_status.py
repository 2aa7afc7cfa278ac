from credguard import config
from credguard.app.context import Context
from credguard.app.status import status
from credguard.store import profiles
from tests.support import samples


def test_keys_show_age_and_due_and_what_is_not_known_is_none() -> None:
    ctx = Context()
    config.set_value("rotation.max_age", "30d")
    for name, created in (("old", ctx.now() - 10 * 86400), ("unknown", None)):
        key = profiles.Key(
            samples.aws_key_id(len(name)), "aws", "1" * 12, name, "U", created, "import"
        )
        profiles.add_profile(ctx.db, name, key, ctx.now(), consent=True)
    old, unknown = status(Context()).keys
    assert round(old.age_days or 0) == 10
    # Up to a tenth early, as the rotation itself: rotate_due.
    assert 16.9 < (old.due_in_days or 0) <= 20
    assert (old.max_age_days, old.state) == (30, "active")
    assert unknown.age_days is None
    assert unknown.due_in_days is None


def test_a_keyring_that_was_not_asked_is_unknown() -> None:
    config.set_value("vault.backend", "keyring:macos")
    assert status(Context()).vault_state == "UNKNOWN"
    assert status(Context()).daemon == "stopped"
