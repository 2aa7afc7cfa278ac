"""The session bus as this process finds it: who offers secrets there, and whether they are locked.

Nothing is unlocked and nobody is asked. Linux and its kin; jeepney is what keyring itself uses.
"""

import os
import stat
import sys
from dataclasses import dataclass, field
from typing import Any

ADDRESS = "DBUS_SESSION_BUS_ADDRESS"
SECRETS = "org.freedesktop.secrets"
_DEADLINE_S = 2.0
# Names that programs offering secrets own besides, so that two at once are seen.
_PROGRAMS = {
    "org.gnome.keyring": "gnome-keyring",
    "org.kde.kwalletd6": "KWallet",
    "org.kde.kwalletd5": "KWallet",
    "org.keepassxc.KeePassXC.MainWindow": "KeePassXC",
}


@dataclass(frozen=True, slots=True)
class Bus:
    """`address`: as the environment names it, None: not set; `problem`: why it cannot be used.

    `foreign`: its socket belongs to another user. `usual`: the socket of this login's own bus where
    one is there and is not the one named. `owner`: the program that answers for secrets, None:
    nobody; `startable`: the bus would start one. `others`: programs that offer secrets as well.
    `locked`: of the default collection, None: not told.
    """

    address: str | None = None
    problem: str | None = None
    foreign: bool = False
    usual: str | None = None
    owner: str | None = None
    startable: bool = False
    others: list[str] = field(default_factory=list)
    locked: bool | None = None


def look() -> Bus:
    """Ask the bus; each answer is waited for 2 s. Does not raise for a bus that is not well."""
    address = os.environ.get(ADDRESS) or None
    usual = _usual(address)
    if address is None:
        return Bus(usual=usual)
    if _foreign(address):
        return Bus(address, foreign=True, usual=usual)
    try:
        return _ask(address, usual)
    except ImportError:
        return Bus(address, "its Python package (jeepney) is not installed", usual=usual)
    except OSError as exc:
        return Bus(address, exc.strerror or "it does not answer", usual=usual)
    except Exception as exc:  # noqa: BLE001 - jeepney raises many; a bus is not to be trusted
        return Bus(address, f"it does not answer ({type(exc).__name__})", usual=usual)


def _paths(address: str) -> list[str]:
    found = []
    for each in address.split(";"):
        kind, _, rest = each.partition(":")
        pairs = dict(pair.partition("=")[::2] for pair in rest.split(","))
        if kind == "unix" and "path" in pairs:
            found.append(pairs["path"])
    return found


def _usual(address: str | None) -> str | None:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isabs(runtime) and sys.platform != "win32":
        runtime = f"/run/user/{os.getuid()}"
    path = os.path.join(runtime, "bus")
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return None
    except OSError:
        return None
    return None if address is not None and path in _paths(address) else path


def _foreign(address: str) -> bool:
    for path in _paths(address):
        try:
            if sys.platform != "win32" and os.stat(path).st_uid != os.getuid():
                return True
        except OSError:
            continue
    return False


def _ask(address: str, usual: str | None) -> Bus:
    from jeepney import (  # type: ignore[import-untyped]
        DBusAddress,
        MessageType,
        new_method_call,
    )
    from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

    daemon = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with open_dbus_connection(address, auth_timeout=_DEADLINE_S) as connection:

        def call(to: Any, method: str, signature: str = "", *body: Any) -> Any:
            message = new_method_call(to, method, signature, body)
            answer = connection.send_and_get_reply(message, timeout=_DEADLINE_S)
            refused = answer.header.message_type is not MessageType.method_return
            return None if refused else answer.body[0]

        owner = call(daemon, "GetNameOwner", "s", SECRETS)
        startable = SECRETS in (call(daemon, "ListActivatableNames") or [])
        if owner is None:
            return Bus(address, usual=usual, startable=startable)

        def program(unique: str) -> str:
            pid = call(daemon, "GetConnectionUnixProcessID", "s", unique)
            return _comm(pid) or "a program"

        def secrets(path: str, interface: str) -> Any:
            return DBusAddress(path, SECRETS, interface)

        queued = call(daemon, "ListQueuedOwners", "s", SECRETS) or []
        others = {unique: program(unique) for unique in queued if unique != owner}
        for name, title in _PROGRAMS.items():
            unique = call(daemon, "GetNameOwner", "s", name)
            if unique is not None and unique != owner:
                others.setdefault(unique, title)
        locked = None
        service = secrets("/org/freedesktop/secrets", "org.freedesktop.Secret.Service")
        default = call(service, "ReadAlias", "s", "default")
        if default and default != "/":
            collection = secrets(default, "org.freedesktop.DBus.Properties")
            wanted = ("org.freedesktop.Secret.Collection", "Locked")
            answer = call(collection, "Get", "ss", *wanted)
            locked = None if answer is None else bool(answer[1])
        names = sorted(set(others.values()))
        return Bus(address, None, False, usual, program(owner), startable, names, locked)


def _comm(pid: int | None) -> str | None:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip() or None
    except OSError:
        return None
