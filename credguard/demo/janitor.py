"""Cleans up after a demo that died without doing so itself: `python -I -S janitor.py FOLDER`.

Reads lines from standard input, which the demo holds open: `started PID`, `ended PID` (a session
leader of the demo's own), and `done`. At the end of input without `done` the demo was killed: the
processes still started are ended and FOLDER is removed. Standard library only.
"""

import contextlib
import os
import shutil
import signal
import sys
import time


def main(folder: str) -> int:
    """Wait for the end of input, then clean up where nobody else did."""
    running: set[int] = set()
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "done":
            return 0
        (running.add if word == "started" else running.discard)(int(number))
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for pid in running:
            with contextlib.suppress(OSError):
                os.killpg(pid, kind)
        time.sleep(1 if running else 0)  # nobody waits for us
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return 0
        time.sleep(0.5)  # the command that was running when the demo was killed still writes
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
