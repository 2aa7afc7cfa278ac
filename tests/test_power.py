"""Battery and metered network: as the kernel's files and NetworkManager on a real bus say."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import power

MAINS = {"type": "Mains", "online": "1"}
UNPLUGGED = {"type": "Mains", "online": "0"}
DRAINING = {"type": "Battery", "status": "Discharging"}
FULL = {"type": "Battery", "status": "Full"}
MOUSE = {"type": "Battery", "status": "Discharging", "scope": "Device"}
USB = {"type": "USB", "online": "1"}


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ([], False),
        ([MAINS, DRAINING], False),
        ([UNPLUGGED, DRAINING], True),
        ([UNPLUGGED, FULL], False),
        ([DRAINING], True),
        ([MOUSE], False),
        ([DRAINING, USB], False),
        ([{}], False),
    ],
)
def test_supplies(tmp_path: Path, supplies: list[dict[str, str]], expected: bool) -> None:
    for number, supply in enumerate(supplies):
        (tmp_path / str(number)).mkdir()
        for name, value in supply.items():
            (tmp_path / str(number) / name).write_text(value + "\n")
    assert power.supplies_on_battery(str(tmp_path)) is expected


def test_a_machine_that_has_no_such_folder_is_on_mains(tmp_path: Path) -> None:
    assert not power.supplies_on_battery(str(tmp_path / "absent"))


def test_without_a_network_manager_nothing_is_metered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    assert not power.metered()


_SERVICE = """
import asyncio, sys
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

async def serve():
    bus = await MessageBus(bus_address=sys.argv[1]).connect()
    def handle(message):
        asked = ["org.freedesktop.NetworkManager", "Metered"]
        if message.message_type is MessageType.METHOD_CALL and message.body == asked:
            return Message.new_method_return(message, "v", [Variant("u", int(sys.argv[2]))])
        return False
    bus.add_message_handler(handle)
    await bus.request_name("org.freedesktop.NetworkManager")
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@pytest.fixture
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("dbus-daemon"):
        pytest.skip("*** NOT HERE, so NetworkManager is not asked: dbus-daemon")
    address = f"unix:path={tmp_path_factory.mktemp('bus')}/bus"
    process = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address", "--address", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield address
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("state", "expected"), [(0, False), (1, True), (2, False), (3, True)])
def test_network_manager(
    bus: str, state: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = subprocess.Popen(
        [sys.executable, "-I", "-c", _SERVICE, bus, str(state)], stdout=subprocess.PIPE
    )
    assert service.stdout is not None
    assert service.stdout.readline() == b"ready\n"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)
    try:
        assert power.metered() is expected
    finally:
        service.kill()
        service.communicate()
