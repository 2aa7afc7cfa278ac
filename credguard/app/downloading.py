"""Use case: move a key out of a file that the AWS console gave into the vault, and delete it."""

import re
from dataclasses import dataclass

from credguard.app import keys
from credguard.app.context import Context
from credguard.errors import CredguardError, UnknownProfile
from credguard.store import profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.awsfiles.downloaded import Downloaded


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a file. `names`: the profiles; `deleted`: the file is gone.

    `copies`: files beside it with the same secret. `kept`: why it is not deleted.
    """

    names: list[str]
    key_ids: list[str]
    deleted: bool
    copies: list[str]
    kept: str = ""


def move(
    ctx: Context, path: str, name: str | None, *, keep: bool, used_elsewhere: bool = False
) -> Moved:
    """Prove each key, put it into the vault (read back) under a profile, then delete the file.

    `name`: of the profile; None: what the file or IAM calls the user. A crash at any point leaves
    the file; repeat it. Raises ConfigError, InvalidKey and other AwsErrors, VaultError,
    CredguardError; then the file is kept.
    """
    from credguard.awsfiles import downloaded, files

    found = downloaded.read(path)
    if name is not None and len(found) > 1:
        raise CredguardError(
            f"{path} holds {len(found)} keys, which cannot all be called {name}",
            hint="leave out --as: each is called as its IAM user",
        )
    proven = [keys.prove(each.key_id, each.secret, None, "import") for each in found]
    chosen = [
        _name(ctx, name, each, key.user_name, key.identity)
        for each, key in zip(found, proven, strict=True)
    ]
    if len(set(chosen)) < len(chosen):
        raise CredguardError(f"{path} holds two keys of one user", hint="import them one by one")
    for each in chosen:
        files.check_profile(each, keys.is_ours)
    for one, key, profile in zip(found, proven, chosen, strict=True):
        keys.store(ctx, profile, key, one.secret, used_elsewhere=used_elsewhere)
    kept = "asked to be kept" if keep else ""
    if not keep and any(each.more for each in found):
        kept = "it holds a console password too"
    if not kept:
        downloaded.remove(path, found)
    ids = [each.key_id for each in found]
    return Moved(chosen, ids, not kept, downloaded.copies(path, found), kept)


def _name(
    ctx: Context, name: str | None, found: "Downloaded", user_name: str, identity: str
) -> str:
    wanted = name or re.sub(r"[^A-Za-z0-9._@+-]", "-", found.user or user_name.strip("<>"))
    keys.check_name(wanted)
    try:
        known = profiles.profile(ctx.db, wanted).key
    except UnknownProfile:
        return wanted
    if known.identity != identity:
        raise CredguardError(
            f"profile {wanted} hands out a key of another user, {known.user_name}",
            hint="name another: --as PROFILE",
        )
    return wanted
