"""Run by AWS tools: `python -I -S credential_process.py PROFILE` prints the key as JSON.

The contract: docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html. Standard
error is shown by the tools, so it has one line and never a secret. Imports no AWS library.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


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
    """Print the JSON; else one line on standard error and exit code 2 (3: a bug, 130: Ctrl-C)."""
    sys.path += _folders()
    import json

    from credguard.errors import CredguardError

    if len(sys.argv) != 2:
        _end("usage: credential_process.py PROFILE", 2)
    if sys.stdout is None:
        # Whatever is opened next would get its number, and the secret.
        _end("standard output is closed; run it from an AWS tool", 2)
    try:
        answer = json.dumps(credentials(sys.argv[1])) + "\n"
    except CredguardError as error:
        _end(f"{error}; {error.hint}" if error.hint else str(error), 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback may show a value
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        _end(f"a bug: {type(error).__name__} at {place}; please report it", 3)
    try:
        # One write below the buffer of Python, so that nothing is left to fail at exit.
        os.write(1, answer.encode())
    except OSError as error:
        _end(f"cannot write the answer: {error.strerror}; run the AWS tool again", 2)


def _end(message: str, code: int) -> "NoReturn":
    if sys.stderr is not None:
        sys.stderr.write("credguard: " + " ".join(message.split()) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
