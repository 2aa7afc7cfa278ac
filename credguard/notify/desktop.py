"""Desktop notifications, through child processes with a deadline: a hung desktop hangs nobody.

Linux and its kin: one child for all of them (`credguard.notify.serve`), which starts with the
first and ends by itself; it hears which action a person chose. macOS: osascript, Windows:
desktop-notifier, a child each, without actions.
"""

import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass

DEADLINE_S = 5.0
SHOWN, FAILED = "shown", "failed"
_LOG = logging.getLogger("credguard.notify")
_MAX_CHARS = 500
_OSASCRIPT = (
    "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
)


@dataclass(frozen=True, slots=True)
class Notification:
    """Its texts must be masked already: the desktop keeps them in its history.

    `actions`: name and what the button says. `path`: of the file that the action "show" shows.
    """

    title: str
    body: str
    actions: tuple[tuple[str, str], ...] = ()
    path: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What became of notification `number`: SHOWN, FAILED, or the name of an action chosen."""

    number: int
    what: str


class Desktop:
    """Never waits: `show`, then `poll` now and then. Used by one thread."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._asked: set[int] = set()
        self._single: dict[int, subprocess.Popen[bytes]] = {}

    def show(self, number: int, notification: Notification) -> bool:
        """Begin to show it; False: there is no desktop. `number` names it from now on."""
        if sys.platform in ("darwin", "win32"):
            child = _start_single(notification)
            if child is not None:
                self._single[number] = child
            return child is not None
        request = {
            "number": number,
            "title": notification.title[:_MAX_CHARS],
            "body": notification.body[:_MAX_CHARS],
            "actions": list(notification.actions),
            "path": notification.path,
            "urgent": notification.urgent,
        }
        line = json.dumps(request).encode("ascii") + b"\n"
        for _ in range(2):  # one that ended by itself is started again
            if self._server is None and not self._start():
                return False
            if self._write(line):
                self._asked.add(number)
                return True
            self._end()
        return False

    def poll(self) -> list[Said]:
        """What became of those shown, since the last call."""
        said = []
        for number, child in list(self._single.items()):
            code = child.poll()
            if code is not None:
                del self._single[number]
                said.append(Said(number, SHOWN if code == 0 else FAILED))
        server = self._server
        if server is None or server.stdout is None:
            return said
        ended = False
        try:
            while part := os.read(server.stdout.fileno(), 65536):
                self._rest += part
            ended = True
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            answer = json.loads(line)
            number, what = int(answer["number"]), str(answer["what"])
            self._asked.discard(number)
            said.append(Said(number, what))
        if ended:
            self._end()
            said += [Said(number, FAILED) for number in sorted(self._asked)]
            self._asked.clear()
        return said

    def close(self) -> None:
        """End the children: a button that still stands does nothing any more."""
        self._end()
        self._asked.clear()
        for child in self._single.values():
            child.kill()
            child.wait()
        self._single.clear()

    def _start(self) -> bool:
        address = _bus()
        if address is None:
            return False
        variables = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": address}
        try:
            # -I: a folder named credguard in the working directory is not this package.
            self._server = subprocess.Popen(
                [sys.executable, "-I", "-m", "credguard.notify.serve"],
                env=variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as exc:
            _LOG.warning("notifications cannot be shown: %s", exc.strerror)
            return False
        for pipe in (self._server.stdin, self._server.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        self._rest = b""
        return True

    def _write(self, line: bytes) -> bool:
        if self._server is None or self._server.stdin is None or self._server.poll() is not None:
            return False
        try:
            # A few kilobytes: a pipe takes them at once, or its reader hangs.
            return os.write(self._server.stdin.fileno(), line) == len(line)
        except (BrokenPipeError, BlockingIOError):
            return False

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.kill()
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()


def notify(title: str, body: str) -> bool:
    """Show a notification; False when there is no desktop or it does not answer within 5 s."""
    desktop = Desktop()
    try:
        if not desktop.show(1, Notification(title, body)):
            return False
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for said in desktop.poll():
                return said.what == SHOWN
            time.sleep(0.02)
        return False
    finally:
        desktop.close()


def _start_single(notification: Notification) -> subprocess.Popen[bytes] | None:
    title, body = notification.title[:_MAX_CHARS], notification.body[:_MAX_CHARS]
    if sys.platform == "darwin":
        return _child(["osascript", "-e", _OSASCRIPT, title, body], "")
    return _child([sys.executable, "-I", "-m", "credguard.notify.single"], f"{title}\0{body}")


def _bus() -> str | None:
    """The session bus; without a named one it is where systemd puts it. None: there is none."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if not address:
        folder = os.environ.get("XDG_RUNTIME_DIR", "")
        if not os.path.isabs(folder):
            return None
        address = "unix:path=" + os.path.join(folder, "bus")
    if address.startswith("unix:path="):
        path = address.removeprefix("unix:path=").split(",")[0]
        return address if os.path.exists(path) else None
    return address


def _child(command: list[str], text: str) -> subprocess.Popen[bytes] | None:
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    if child.stdin is not None:
        try:
            # At most a few kilobytes: a pipe takes them at once, read or not.
            child.stdin.write(text.encode("utf-8", "replace"))
            child.stdin.close()
        except BrokenPipeError:
            pass  # it ended already; its exit code says so
    return child
