"""Shows notifications on a D-Bus desktop and hears which action a person chose.

One JSON object a line on standard input: number, title, body, actions, path, urgent; on standard
output: number and what became of it. It ends when its input does, or a while after the last
notification with a button is gone. Source: Desktop Notifications Specification 1.2.
"""

import html
import json
import os
import select
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from jeepney import (  # type: ignore[import-untyped]
    DBusAddress,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

_NAME = "org.freedesktop.Notifications"
_DESKTOP = DBusAddress("/org/freedesktop/Notifications", _NAME, _NAME)
_FILES = DBusAddress(
    "/org/freedesktop/FileManager1", "org.freedesktop.FileManager1", "org.freedesktop.FileManager1"
)
_ANSWER_S = 5.0
_IDLE_S = 60.0


class Server:
    """What is shown now, on one connection."""

    def __init__(self, connection: Any, signals: "deque[Message]") -> None:
        """`signals`: those of the desktop, as the connection meets them."""
        self._connection = connection
        self._signals = signals
        self._capabilities = self._call(_DESKTOP, "GetCapabilities") or []
        self._live: dict[int, dict[str, Any]] = {}  # by the desktop's own number

    @property
    def live(self) -> bool:
        """Whether a notification with a button still stands."""
        return bool(self._live)

    def _call(self, to: DBusAddress, method: str, signature: str = "", *body: Any) -> Any:
        message = new_method_call(to, method, signature, body)
        answer = self._connection.send_and_get_reply(message, timeout=_ANSWER_S)
        if answer.header.message_type is not MessageType.method_return:
            return None
        return answer.body[0] if answer.body else True

    def show(self, request: dict[str, Any]) -> None:
        """Show what the line asked for, and say what became of it."""
        body = request["body"]
        if "body-markup" in self._capabilities:  # a path must not become a link
            body = html.escape(body, quote=False)
        actions = request["actions"] if "actions" in self._capabilities else []
        hints = {"urgency": ("y", 2 if request["urgent"] else 1)}
        try:
            number = self._call(
                _DESKTOP, "Notify", "susssasa{sv}i",
                "credguard", 0, "dialog-warning", request["title"], body,
                [text for action in actions for text in action], hints, -1,
            )  # fmt: skip
        except TimeoutError:
            number = None
        if number is not None and actions:
            self._live[number] = request
        _say(request["number"], "failed" if number is None else "shown")

    def hear(self) -> None:
        """Take the signals that came."""
        while self._signals:
            message = self._signals.popleft()
            member, body = message.header.fields.get(3), message.body  # 3: MEMBER
            request = self._live.get(body[0]) if body else None
            if request is None:
                continue
            if member == "NotificationClosed":
                del self._live[body[0]]
            elif member == "ActionInvoked":
                if body[1] == "show":
                    self._show_file(request["path"])
                else:
                    _say(request["number"], body[1])

    def _show_file(self, path: str) -> None:
        """The file manager shows it, without opening it: what opens it could run it."""
        try:
            self._call(_FILES, "ShowItems", "ass", [Path(path).as_uri()], "")
        except (TimeoutError, ValueError):
            return


def _say(number: int, what: str) -> None:
    os.write(1, json.dumps({"number": number, "what": what}).encode("ascii") + b"\n")


def main() -> None:
    """Serve until the input ends, or nothing is left to hear of."""
    rule = MatchRule(type="signal", interface=_NAME, path=_DESKTOP.object_path)
    with open_dbus_connection("SESSION", auth_timeout=_ANSWER_S) as connection:
        added = connection.send_and_get_reply(message_bus.AddMatch(rule), timeout=_ANSWER_S)
        if added.header.message_type is not MessageType.method_return:
            sys.exit(1)
        with connection.filter(rule, bufsize=1000) as signals:
            _serve(connection, Server(connection, signals))


def _serve(connection: Any, server: Server) -> None:
    rest, last = b"", time.monotonic()
    while server.live or time.monotonic() - last < _IDLE_S:
        ready = select.select([0, connection.sock], [], [], _IDLE_S)[0]
        if 0 in ready:
            part = os.read(0, 65536)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                server.show(json.loads(line))
            last = time.monotonic()
        if connection.sock in ready:
            while True:
                try:
                    connection.recv_messages(timeout=0)
                except TimeoutError:
                    break
        server.hear()


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError, KeyError, ValueError) as error:  # no bus, or it went away
        sys.exit(f"{type(error).__name__}")
