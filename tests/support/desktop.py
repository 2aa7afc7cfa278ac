"""The `desktop` fixture: a real session bus with a notification service on it, on a private socket.

Run as a script it is that service: `python desktop.py ADDRESS LOG answer|hang`.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus


class Desktop:
    """`shown()` gives (title, body) of each notification that reached the service."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.address = f"unix:path={folder}/bus"
        self._log = folder / "shown"
        self._log.touch()
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address", "--address", self.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.bus.stdout is not None
        self.bus.stdout.readline()  # printed once it listens
        self.service = subprocess.Popen(
            [sys.executable, "-I", __file__, self.address, str(self._log), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.service.stdout is not None
        assert self.service.stdout.readline() == b"ready\n"

    def shown(self) -> list[tuple[str, str]]:
        return [tuple(json.loads(line)[:2]) for line in self._log.read_text().splitlines()]

    def buttons(self) -> list[str]:
        """Names and labels of the newest notification's."""
        found: list[str] = json.loads(self._log.read_text().splitlines()[-1])[2]
        return found

    def press(self, number: int, action: str) -> None:
        """Press a button of the notification with the desktop's `number`, or dismiss it."""
        assert self.service.stdin is not None
        self.service.stdin.write(f"{number} {action}\n".encode())
        self.service.stdin.flush()

    def files(self) -> list[str]:
        """What the file manager was asked to show."""
        log = self._log.with_suffix(".files")
        return log.read_text().splitlines() if log.exists() else []

    def close(self) -> None:
        for process in (self.service, self.bus):
            process.kill()
            process.communicate()


@pytest.fixture
def desktop(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desktop]:
    """Answers; parametrised indirectly with "hang" it takes notifications and never answers."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("*** NOT HERE, so real desktop notifications are not tested: dbus-daemon")
    found = Desktop(tmp_path_factory.mktemp("bus"), getattr(request, "param", "answer"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found.address)
    yield found
    found.close()


INTROSPECTION = """<node><interface name="org.freedesktop.Notifications">
  <method name="GetCapabilities"><arg type="as" direction="out"/></method>
  <method name="GetServerInformation"><arg type="s" direction="out"/>
    <arg type="s" direction="out"/><arg type="s" direction="out"/>
    <arg type="s" direction="out"/></method>
  <method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/>
    <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
    <arg type="as" direction="in"/><arg type="a{sv}" name="hints" direction="in"/>
    <arg type="i" direction="in"/><arg type="u" direction="out"/></method>
</interface></node>"""


async def _serve(address: str, log: str, mode: str) -> None:
    from dbus_fast import Message, MessageType
    from dbus_fast.aio import MessageBus

    bus = await MessageBus(bus_address=address).connect()
    count = 0

    def handle(message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.member == "Introspect":
            return Message.new_method_return(message, "s", [INTROSPECTION])
        if message.member == "GetCapabilities":
            return Message.new_method_return(message, "as", [["body", "body-markup", "actions"]])
        if message.member == "GetServerInformation":
            return Message.new_method_return(message, "ssss", ["test", "test", "1", "1.2"])
        if message.member == "Notify":
            nonlocal count
            count += 1
            with open(log, "a") as file:
                file.write(json.dumps(message.body[3:6]) + "\n")
            return mode == "hang" or Message.new_method_return(message, "u", [count])
        if message.member == "ShowItems":
            with open(log + ".files", "a") as file:
                file.write("".join(uri + "\n" for uri in message.body[0]))
            return Message.new_method_return(message)
        return False

    bus.add_message_handler(handle)
    await bus.request_name("org.freedesktop.Notifications")
    await bus.request_name("org.freedesktop.FileManager1")
    print("ready", flush=True)
    await _press(bus)
    await asyncio.Event().wait()


async def _press(bus: "MessageBus") -> None:
    """Do what the test has a person do."""
    from dbus_fast import Message

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        number, action = line.split()
        signal, signature, body = "ActionInvoked", "us", [int(number), action]
        if action == "dismissed":
            signal, signature, body = "NotificationClosed", "uu", [int(number), 2]
        path, name = "/org/freedesktop/Notifications", "org.freedesktop.Notifications"
        await bus.send(Message.new_signal(path, name, signal, signature, body))


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
