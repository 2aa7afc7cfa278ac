"""Desktop notifications, through a child process with a deadline: a hung desktop hangs nobody."""

import os
import subprocess
import sys

_DEADLINE_S = 5.0
_MAX_CHARS = 500
_OSASCRIPT = (
    "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
)


def notify(title: str, body: str) -> bool:
    """Show a notification; False when there is no desktop or it does not answer within 5 s.

    The texts must be masked already: the desktop keeps them in its history.
    """
    title, body = title[:_MAX_CHARS], body[:_MAX_CHARS]
    if sys.platform == "darwin":
        return _run(["osascript", "-e", _OSASCRIPT, title, body], "")
    if sys.platform != "win32" and not _has_bus():
        return False
    return _run([sys.executable, "-m", "credguard.notify"], f"{title}\0{body}")


def _has_bus() -> bool:
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if address.startswith("unix:path="):
        return os.path.exists(address.removeprefix("unix:path=").split(",")[0])
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(address) or os.path.exists(os.path.join(runtime, "bus"))


def _run(command: list[str], text: str) -> bool:
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _child() -> int:
    """Read "title NUL body" from standard input and show it; 0 when the desktop took it."""
    import asyncio
    import logging

    from desktop_notifier import DesktopNotifier

    title, _, body = sys.stdin.buffer.read().decode().partition("\0")

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
    sys.exit(_child())
