"""Whether this machine runs on battery, and whether its network is metered, where it is told.

Nothing is asked of a person, and no answer is waited for longer than 2 s.
"""

import logging
import os
import subprocess
import sys
from typing import Any

_LOG = logging.getLogger("credguard.power")
_DEADLINE_S = 2.0
_SUPPLIES = "/sys/class/power_supply"
_NM = "org.freedesktop.NetworkManager"
# libnm, NMMetered: YES and GUESS_YES; the rest (unknown, no, guessed no) is treated as not metered.
_METERED = (1, 3)


def on_battery() -> bool:
    """True when the machine says that it draws from its battery; False too where it says nothing.

    Linux: /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power); macOS: pmset;
    Windows: GetSystemPowerStatus.
    """
    if sys.platform == "darwin":
        return "'Battery Power'" in _pmset()
    if sys.platform == "win32":
        return _windows_on_battery()
    return supplies_on_battery(_SUPPLIES)


def supplies_on_battery(folder: str) -> bool:
    """As the supplies in `folder` say: a battery drains, and nothing else feeds the machine."""
    draining = False
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    for name in names:
        kind = _line(folder, name, "type")
        if kind == "Battery":
            # That of a mouse or a headset is none of the machine's.
            of_machine = _line(folder, name, "scope") != "Device"
            draining |= of_machine and _line(folder, name, "status") == "Discharging"
        elif kind and _line(folder, name, "online") == "1":
            return False
    return draining


def _line(*parts: str) -> str:
    try:
        with open(os.path.join(*parts), encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _pmset() -> str:
    try:
        done = subprocess.run(
            ["/usr/bin/pmset", "-g", "batt"],
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0]


def _windows_on_battery() -> bool:
    import ctypes

    # SYSTEM_POWER_STATUS: its first byte is ACLineStatus, 0 offline, 1 online, 255 unknown.
    status = (ctypes.c_ubyte * 12)()
    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 - not there on other systems
    return bool(kernel.GetSystemPowerStatus(ctypes.byref(status))) and status[0] == 0


def metered() -> bool:
    """True when NetworkManager says so, or guesses it; False too where nobody is there to ask."""
    if sys.platform in ("darwin", "win32"):
        return False
    try:
        from jeepney import DBusAddress, MessageType, Properties  # type: ignore[import-untyped]
        from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]
    except ImportError:
        return False
    address = DBusAddress("/org/freedesktop/NetworkManager", _NM, _NM)
    try:
        with open_dbus_connection("SYSTEM", auth_timeout=_DEADLINE_S) as connection:
            asked = Properties(address).get("Metered")
            asked.header.flags |= 2  # NO_AUTO_START: a machine without it is not to start it
            answer = connection.send_and_get_reply(asked, timeout=_DEADLINE_S)
    except Exception as exc:  # noqa: BLE001 - jeepney raises many; a bus is not to be trusted
        _LOG.debug("NetworkManager: %s", type(exc).__name__)
        return False
    if answer.header.message_type is not MessageType.method_return:
        return False
    return answer.body[0][1] in _METERED
