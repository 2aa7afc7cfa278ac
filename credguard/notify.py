"""Desktop notifications, through a child process with a deadline: a hung desktop hangs nobody."""

import html
import os
import subprocess
import sys

DEADLINE_S = 5.0
_MAX_CHARS = 500
_OSASCRIPT = (
    "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
)


def notify(title: str, body: str) -> bool:
    """Show a notification; False when there is no desktop or it does not answer within 5 s.

    The texts must be masked already: the desktop keeps them in its history.
    """
    child = start(title, body)
    if child is None:
        return False
    try:
        return child.wait(DEADLINE_S) == 0
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False


def start(title: str, body: str) -> subprocess.Popen[bytes] | None:
    """Begin to show a notification without waiting; None when there is no desktop.

    The child ends with 0 when the desktop took it. The caller ends it after DEADLINE_S seconds.
    """
    title, body = title[:_MAX_CHARS], body[:_MAX_CHARS]
    if sys.platform == "darwin":
        return _child(["osascript", "-e", _OSASCRIPT, title, body], "")
    # -I: a folder named credguard in the working directory is not this package.
    command = [sys.executable, "-I", "-m", "credguard.notify"]
    variables = dict(os.environ)
    if sys.platform != "win32":
        address = _bus()
        if address is None:
            return None
        variables["DBUS_SESSION_BUS_ADDRESS"] = address
    return _child(command, f"{title}\0{body}", variables)


def _bus() -> str | None:
    """The session bus; without a named one it is where systemd puts it. None: there is none."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if not address:
        address = "unix:path=" + os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), "bus")
    if address.startswith("unix:path="):
        path = address.removeprefix("unix:path=").split(",")[0]
        return address if os.path.exists(path) else None
    return address


def _child(
    command: list[str], text: str, variables: dict[str, str] | None = None
) -> subprocess.Popen[bytes] | None:
    try:
        child = subprocess.Popen(
            command,
            env=variables,
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


def _show() -> int:
    """Read "title NUL body" from standard input and show it; 0 when the desktop took it."""
    import asyncio
    import logging

    from desktop_notifier import DesktopNotifier

    title, _, body = sys.stdin.buffer.read().decode().partition("\0")
    if sys.platform not in ("darwin", "win32"):
        # The Desktop Notifications Specification's body is markup: a path must not become a link.
        body = html.escape(body, quote=False)

    failures: list[str] = []

    class _Failures(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            failures.append(record.levelname)

    # The library swallows every error of send() and logs a warning: the only way to know.
    logging.getLogger("desktop_notifier").addHandler(_Failures(logging.WARNING))

    async def send() -> None:
        await DesktopNotifier(app_name="credguard").send(title=title, message=body)

    asyncio.run(send())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(_show())
