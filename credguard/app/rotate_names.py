"""Use case: which IAM user's key stands behind a profile's name."""

from credguard.app.context import Context
from credguard.errors import RotationRefused, UnknownProfile
from credguard.store import profiles


def identity_of(ctx: Context, name: str) -> str:
    """The IAM user whose key stands behind profile `name`, through source_profile.

    Raises UnknownProfile, RotationRefused: it gets its credentials in a way that needs no rotation.
    """
    known = {each.name: each.key.identity for each in profiles.profiles(ctx.db)}
    seen = [name]
    while seen[-1] not in known:
        here = seen[-1]
        source = _setting(here, "source_profile")
        if source is None:
            _refuse_other_kinds(name, here)
            raise UnknownProfile(f"no profile {here!r} in the vault" + _behind(name, here))
        if source in seen:
            raise RotationRefused(
                f"the source_profile chain of {name} is a circle: {' > '.join([*seen, source])}",
                hint="correct it in ~/.aws/config",
            )
        seen.append(source)
    return known[seen[-1]]


def _setting(name: str, setting: str) -> str | None:
    """The setting of profile `name`, or of what it includes, as its credentials are got by it."""
    from credguard.awsfiles import files

    here: str | None = name
    seen: list[str] = []
    while here is not None and here not in seen:
        # As credguard/sessions reads it: another's credential_process is not included.
        own = not seen or setting != "credential_process"
        if own and (found := files.setting(here, setting)) is not None:
            return found
        seen.append(here)
        here = files.setting(here, "include_profile")
    return None


def _behind(name: str, here: str) -> str:
    return f", which stands behind {name}" if here != name else ""


def _refuse_other_kinds(name: str, here: str) -> None:
    kinds = {
        "sso_session": "IAM Identity Center",
        "sso_account_id": "IAM Identity Center",
        "web_identity_token_file": "a web identity",
        "credential_source": "the environment it runs in",
        "credential_process": "another program",
        "role_arn": "a role without a source_profile",
    }
    for setting, words in kinds.items():
        if _setting(here, setting):
            raise RotationRefused(
                f"profile {here}{_behind(name, here)} gets its credentials from {words}:"
                " there is no access key to replace",
                hint="see which profiles have keys: credguard list",
            )
