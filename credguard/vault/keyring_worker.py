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
    if request["op"] == "collection":
        return _collection(item, request["value"])
    if request["op"] == "names":
        return json.dumps(_names(keyring))
    if request["op"] == "lock":
        _lock()
        return None
    if request["op"] == "set":
        if not (hasattr(keyring, "get_preferred_collection") and _replaced(keyring, request)):
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


def _replaced(keyring: Any, request: dict[str, Any]) -> bool:
    """Give an item of the Secret Service its new value; False: there is none yet.

    The library would create it anew with replace=True, for which KeePassXC asks a person each time.
    """
    import contextlib

    collection = keyring.get_preferred_collection()
    with contextlib.closing(collection.connection):
        for item in collection.search_items({"service": _SERVICE, "username": request["item"]}):
            keyring.unlock(item)
            item.set_secret(request["value"].encode())
            return True
    return False


def _names(keyring: Any) -> list[str]:
    """The items of ours in the Secret Service."""
    import contextlib

    collection = keyring.get_preferred_collection()
    with contextlib.closing(collection.connection):
        found = [each.get_attributes() for each in collection.search_items({"service": _SERVICE})]
    return [each["username"] for each in found if "username" in each]


def _collection(label: str, remove: str | None) -> str | None:
    """Every item of another program's collection, as JSON label -> text; None: no such collection.

    `remove`: the label of an item that goes instead.
    """
    import secretstorage

    with secretstorage.dbus_init() as bus:
        for collection in secretstorage.get_all_collections(bus):
            if collection.get_label() != label:
                continue
            if collection.is_locked() and collection.unlock():
                raise secretstorage.exceptions.PromptDismissedException
            items = list(collection.get_all_items())
            if remove is None:
                rows = {each.get_label(): each.get_secret().decode() for each in items}
                return json.dumps(rows)
            for each in items:
                if each.get_label() == remove:
                    each.delete()
            return None
    return None


def _lock() -> None:
    """Lock the collection that holds our items."""
    import secretstorage

    with secretstorage.dbus_init() as bus:
        secretstorage.get_default_collection(bus).lock()


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
