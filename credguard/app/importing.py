"""Use case: move keys out of ~/.aws/credentials into the vault, leaving no plaintext."""

from credguard import paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.errors import CredguardError, UnknownProfile
from credguard.store import profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.awsfiles.files import PlainKey


def found() -> "list[PlainKey]":
    """The keys that lie in plaintext. Raises ConfigError."""
    from credguard.awsfiles import files

    return files.plain_keys()


def notes() -> list[str]:
    """What a person should know of the files before they are changed. Raises ConfigError."""
    from credguard.awsfiles import files

    said = [
        files.place_note(path) for path in (paths.aws_credentials_file(), paths.aws_config_file())
    ]
    return [note for note in said if note] + files.stray_notes()


def copies(plain: "PlainKey") -> list[str]:
    """The files in the AWS folders in which the secret of `plain` still stands."""
    from credguard.awsfiles import files

    return files.copies(plain.secret)


def chosen(names: list[str], all_: bool) -> "list[PlainKey]":
    """The plaintext keys called `names`, or all. Raises UnknownProfile, CredguardError."""
    here = {each.profile: each for each in found()}
    if all_:
        return list(here.values())
    if not names and len(here) == 1:
        return list(here.values())
    for name in names:
        if name not in here:
            raise UnknownProfile(
                f"no key of profile {name!r} in {paths.aws_credentials_file()}",
                hint="there are: " + (", ".join(here) or "none"),
            )
    if not names and here:
        raise CredguardError(
            "several profiles have keys", hint="name some, or --all: " + ", ".join(here)
        )
    return [here[name] for name in names]


def import_key(ctx: Context, plain: "PlainKey", *, used_elsewhere: bool) -> profiles.Key:
    """Move one key: prove it, vault (read back), pointer, credential_process, then the plaintext.

    A crash at any point leaves the key working; repeat it. Raises InvalidKey and other AwsErrors,
    VaultError, ConfigError, CredguardError (temporary credentials); then the plaintext is kept.
    """
    from credguard.awsfiles import files

    keys.check_name(plain.profile)
    if plain.temporary:
        raise CredguardError(
            f"profile {plain.profile} holds temporary credentials, which end by themselves",
            hint="import the long-term key they were made from",
        )
    files.check_movable(plain)
    files.check_profile(plain.profile, keys.is_ours)
    key = keys.prove(plain.key_id, plain.secret, plain.region, "import")
    keys.store(ctx, plain.profile, key, plain.secret, used_elsewhere=used_elsewhere)
    files.remove_plain(plain.profile, plain.secret)
    left = [each for each in files.plain_keys() if each.profile == plain.profile]
    if left:
        raise CredguardError(f"profile {plain.profile} still has a key in {left[0].path}")
    return key
