"""Use case: a profile's long-term key as credential_process prints it. Hot path: imports little."""

from credguard import paths
from credguard.errors import ConfigError, UnknownProfile
from credguard.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from credguard.store.profiles import Profile

# Settings of a profile in ~/.aws/config after which something else than the long-term key is handed
# out, or nothing is without it.
_SESSION = (
    "role_arn", "source_profile", "credential_source", "include_profile",
    "web_identity_token_file", "sso_account_id", "sso_role_name",
)  # fmt: skip


def as_process(
    key_id: str, secret: Secret, token: Secret | None, end: float, account: str | None
) -> bytes:
    """The JSON that the AWS tools read from a credential_process, with its line end.

    `end`: Unix seconds. The contract:
    docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
    """
    import json
    import time

    answer: dict[str, object] = {
        "Version": 1,
        "AccessKeyId": key_id,
        "SecretAccessKey": secret.reveal(),
    }
    if token is not None:
        answer["SessionToken"] = token.reveal()
    answer["Expiration"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    if account:
        answer["AccountId"] = account
    return (json.dumps(answer) + "\n").encode()


def key(connection: "sqlite3.Connection", name: str) -> "tuple[Profile, Secret]":
    """The profile `name` and the secret of its key. Raises UnknownProfile, VaultError."""
    from credguard.store import profiles
    from credguard.vault.base import key_item
    from credguard.vault.select import open_vault

    found = profiles.profile(connection, name)
    item = key_item(found.key.partition, found.key.account, found.key.key_id)
    secret = open_vault(_backend()).get(item)
    if secret is None:
        import shlex

        raise UnknownProfile(
            f"the vault holds no secret for key {found.key.key_id}",
            hint="see: credguard doctor; if vault.backend was changed, change it back and run"
            f" credguard vault migrate; else: credguard add {shlex.quote(name)}",
        )
    return found, secret


def connect(name: str) -> "sqlite3.Connection":
    """The state database, to hand out `name`. Raises UnknownProfile: there is none; StoreError."""
    from credguard.store import db, handouts

    if not db.there():
        raise UnknownProfile(f"no profile {name!r} in the vault", hint="run: credguard init")
    return db.connect_to_hand_out(handouts.WAIT_S)


def needs_session(profile: str, tell: "Callable[[str], object]" = str) -> bool:
    """Whether ~/.aws/config may ask for something else than the long-term key of `profile`.

    credguard/sessions decides it; this only keeps the plain case off the agent. A file that is
    damaged outside of the profile's own sections does not matter to a key that is handed out as it
    is; `tell` is given a word on it. Raises ConfigError.
    """
    from credguard.awsfiles import files

    try:
        config = files.aws_config()
    except ConfigError as error:
        config = files.sections_of(profile)
        if _asks_for_more(config.profiles.get(profile, {})):
            raise error from None
        tell(f"{error}; the key of profile {profile} needs nothing of that and is handed out")
    return _asks_for_more(config.profiles.get(profile, {}))


def _asks_for_more(settings: "Mapping[str, str]") -> bool:
    if any(name in settings for name in _SESSION):
        return True
    chosen = settings.get("credguard_session")
    return "mfa_serial" in settings if chosen is None else chosen.lower() != "false"


def _backend() -> str:
    """`vault.backend`, straight from the file: the settings' types cost more than all the rest."""
    import tomllib

    path = paths.config_file()
    backend: object = ""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file).get("vault", {})
        backend = table.get("backend", "") if isinstance(table, dict) else None
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}", hint=f"correct {path}") from exc
    except ValueError as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", hint=f"correct {path}") from exc
    if not isinstance(backend, str):
        raise ConfigError(f"{path}: vault.backend is not a text", hint=f"correct {path}")
    return backend
