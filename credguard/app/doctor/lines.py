"""Use case: put the credential_process lines of ~/.aws/config right, from what the vault has."""

from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor import profiles as looks
from credguard.store import profiles


def mend(ctx: Context) -> list[str]:
    """Write the missing lines and those that differ, take ours out where the vault has no profile.

    Gives what was changed, one line each. Another program's line stays. Safe to repeat; a crash
    midway leaves whole lines. Raises ConfigError, StoreError.
    """
    from credguard.awsfiles import files

    done = []
    known = {each.name for each in profiles.profiles(ctx.db)}
    facts = looks.gather(ctx)
    for error in (facts.error, facts.unread):
        if error is not None:
            raise error
    config = facts.in_config()
    for name in sorted(known):
        line = keys.command(name)
        if config.get(name, {}).get("credential_process") != line:
            files.check_profile(name, keys.is_ours)
            files.set_process(name, line)
            done.append(f"profile {name} asks the vault")
    for name, values in config.items():
        # A role's profile has no key of its own; its line may ask for a session.
        other = any(each in values for each in ("role_arn", "sso_session", "sso_account_id"))
        if name not in known and not other and keys.is_ours(values.get("credential_process", "")):
            files.remove_process(name, keys.is_ours)
            done.append(f"profile {name} asks the vault no more, which has no key for it")
    return done
