"""Use case: take over the keys that aws-vault or awskeyring keeps."""

import os
from shlex import quote

from credguard.app import keys
from credguard.app.context import Context
from credguard.errors import CredguardError, UnknownProfile, VaultError
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault import foreign, passphrase
from credguard.vault.foreign import Held


def _passphrase() -> Secret:
    given = os.environ.get("AWS_VAULT_FILE_PASSPHRASE")
    if given:
        return Secret(given)
    return passphrase.ask(
        "aws-vault's files", "at a terminal it is asked for; else: AWS_VAULT_FILE_PASSPHRASE"
    )


def found(
    tool: str, backend: str, names: list[str]
) -> tuple[str, foreign.Foreign, list[Held], list[str]]:
    """The first of the tool's stores that has keys: its name, itself, the keys; and what was not.

    `backend`: only that one; `names`: only these profiles, empty: all. The last part tells why
    stores that were passed over could not be read. Raises VaultError, Unsupported, UnknownProfile.
    """
    from credguard.awsfiles import files

    if tool == "awskeyring":
        stores = foreign.awskeyring()
    else:
        known = list(dict.fromkeys([*names, *files.config_profiles()]))
        stores = foreign.aws_vault(backend, _passphrase, known)
    problems = []
    for name, store in stores.items():
        try:
            held = store.keys()
        except VaultError as error:
            if len(stores) == 1:
                raise
            problems.append(f"{name}: {error}")
            continue
        if held:
            missing = [each for each in names if each not in {one.profile for one in held}]
            if missing:
                raise UnknownProfile(
                    f"{tool} has no key of {', '.join(missing)} in its store {name}",
                    hint="there are: " + ", ".join(one.profile for one in held),
                )
            return name, store, [one for one in held if not names or one.profile in names], problems
    raise CredguardError(
        f"no key was found in a store of {tool}" + "".join(f"; {each}" for each in problems),
        hint="name its store: --backend " + "|".join(stores),
    )


def take(ctx: Context, held: Held, *, used_elsewhere: bool) -> profiles.Key:
    """Prove the key with STS, store it, read it back; the other program's store stays as it is.

    A crash midway leaves the key there; repeat it. Raises AwsError, VaultError, ConfigError.
    """
    from credguard.awsfiles import files

    keys.check_name(held.profile)
    if any(each.profile == held.profile for each in files.plain_keys()):
        raise CredguardError(
            f"profile {held.profile} has a key in plaintext, which AWS tools would take first",
            hint=f"run first: credguard import {quote(held.profile)}",
        )
    files.check_profile(held.profile, keys.is_ours)
    key = keys.prove(held.key_id, held.secret, files.region(held.profile), "import")
    keys.store(ctx, held.profile, key, held.secret, used_elsewhere=used_elsewhere)
    return key


def remove(ctx: Context, store: foreign.Foreign, held: Held) -> None:
    """Remove the key from the other program's store, once the vault was seen to hold it.

    Raises VaultError; then it is still there.
    """
    key = profiles.profile(ctx.db, held.profile).key
    if key.key_id != held.key_id or keys.secret_of(ctx, key) != held.secret:
        raise VaultError(f"the vault does not hold the key of {held.profile}; it stays there")
    store.remove(held.profile)
