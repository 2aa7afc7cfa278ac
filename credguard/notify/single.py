"""Shows one notification: "title NUL body" on standard input; exit code 0: the desktop took it."""

import asyncio
import logging
import sys

from desktop_notifier import DesktopNotifier


def main() -> int:
    """Show it; 0 when the desktop took it."""
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
    sys.exit(main())
