"""Run by AWS tools: `python -I -S credential_process.py PROFILE` prints the key as JSON.

The contract: docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html. Standard
error is shown by the tools, so it has one line and never a secret. Imports no AWS library.
"""

import os
import sys


def credentials(profile: str) -> dict[str, object]:
    """The process credentials of `profile`. Raises CredguardError."""
    import time
    import tomllib

    from credguard import paths
    from credguard.errors import ConfigError, UnknownProfile
    from credguard.store import db, handouts, profiles
    from credguard.vault.base import key_item
    from credguard.vault.select import open_vault

    if not os.path.exists(paths.database_file()):
        raise UnknownProfile(f"no profile {profile!r} in the vault", hint="run: credguard init")
    # Straight from the file: the settings' types cost more than all the rest.
    try:
        with open(paths.config_file(), "rb") as file:
            backend = str(tomllib.load(file).get("vault", {}).get("backend", ""))
    except FileNotFoundError:
        backend = ""
    except (OSError, ValueError, AttributeError) as exc:
        raise ConfigError(f"cannot read {paths.config_file()}: {exc}") from exc
    connection = db.connect_to_hand_out(handouts.WAIT_S)
    key = profiles.profile(connection, profile).key
    secret = open_vault(backend).get(key_item(key.partition, key.account, key.key_id))
    if secret is None:
        raise UnknownProfile(
            f"the vault holds no secret for key {key.key_id}", hint=f"run: credguard add {profile}"
        )
    handouts.note(connection, profile, key.key_id, "credential_process", sys.stderr.write)
    end = time.gmtime(time.time() + handouts.LIFETIME_S)
    return {
        "Version": 1,
        "AccessKeyId": key.key_id,
        "SecretAccessKey": secret.reveal(),
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", end),
        "AccountId": key.account,
    }


def _folders() -> list[str]:
    """Where credguard and its environment's packages are: -S leaves them out, and -I all else."""
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = ("Lib",) if os.name == "nt" else ("lib", version)
    return [ours, os.path.join(environment, *library, "site-packages")]


def main() -> None:
    """Print the JSON, or one line on standard error and exit code 2."""
    sys.path += _folders()
    import json

    from credguard.errors import CredguardError

    if len(sys.argv) != 2:
        sys.stderr.write("credguard: usage: credential_process.py PROFILE\n")
        sys.exit(2)
    try:
        answer = credentials(sys.argv[1])
    except CredguardError as error:
        sys.stderr.write(f"credguard: {error}; {error.hint}\n")
        sys.exit(2)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
