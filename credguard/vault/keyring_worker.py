"""Run as a process by oskeyring: one JSON request a line on stdin, one answer a line on stdout.

Secrets pass through the pipes only. A failure is answered by its kind and the error's class name,
never by its text, which may quote a value.
"""

import json
import sys
from typing import Any

_SERVICE = "credguard"


def _keyring(backend: str) -> Any:
    # By class: keyring's own choice follows the environment and may end in a plaintext store.
    Chosen: Any  # noqa: N806 - a class; the library's constructors are untyped
    if backend == "secretservice":
        from keyring.backends.SecretService import Keyring as Chosen
    elif backend == "kwallet":
        from keyring.backends.kwallet import DBusKeyring as Chosen
    elif backend == "macos":
        from keyring.backends.macOS import Keyring as Chosen
    else:
        from keyring.backends.Windows import WinVaultKeyring as Chosen
    return Chosen()


def _do(keyring: Any, request: dict[str, Any]) -> str | None:
    from keyring.errors import PasswordDeleteError

    item = request["item"]
    if request["op"] == "set":
        keyring.set_password(_SERVICE, item, request["value"])
        return None
    if request["op"] == "get":
        value = keyring.get_password(_SERVICE, item)
        return None if value is None else str(value)
    try:
        keyring.delete_password(_SERVICE, item)
    except PasswordDeleteError:
        # Absent is fine; still there is not.
        if keyring.get_password(_SERVICE, item) is not None:
            raise
    return None


def _kind(error: BaseException) -> str:
    names = {each.__name__ for each in type(error).__mro__}
    if names & {"KeyringLocked", "LockedException", "PromptDismissedException"}:
        return "locked"
    if names & {"PasswordSetError", "PasswordDeleteError"}:
        return "refused"
    return "unavailable"


def main() -> None:
    """Serve until standard input ends."""
    backend, site = sys.argv[1:3]
    if site not in sys.path:
        sys.path.append(site)
    from credguard.hardening import no_core_dump

    no_core_dump()
    keyring = None
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            if keyring is None:
                keyring = _keyring(backend)
            answer = {"value": _do(keyring, json.loads(line))}
        except Exception as error:  # noqa: BLE001 - D-Bus libraries raise many; a process boundary
            answer = {"error": _kind(error), "what": type(error).__name__}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer's pipe


if __name__ == "__main__":
    main()
