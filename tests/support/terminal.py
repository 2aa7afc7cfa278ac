"""A person at a terminal: credguard with a pseudo-terminal that is its controlling one."""

import os
import subprocess
import sys

_TAKE_IT = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.executable, [sys.executable, '-m', 'credguard', *sys.argv[1:]])"
)


def at_terminal(*arguments: str, answers: dict[str, str]) -> tuple[int, str]:
    """Run credguard; each question that ends in a key of `answers` gets its value, every time.

    Gives the exit code and all that was shown. A question without an answer is left by Ctrl-D.
    """
    import pty

    outer, inner = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _TAKE_IT, *arguments],
        stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
    )  # fmt: skip
    os.close(inner)
    shown = b""
    answered = 0
    try:
        while part := os.read(outer, 65536):
            shown += part
            question = shown[answered:].decode(errors="replace").rsplit("\n", 1)[-1]
            if question.endswith((": ", "? ")):
                answered = len(shown)
                typed = next((t for end, t in answers.items() if question.endswith(end)), None)
                os.write(outer, b"\x04" if typed is None else typed.encode() + b"\n")
    except OSError:
        pass  # Linux's way of saying that the other side is closed
    finally:
        os.close(outer)
    return child.wait(60), shown.decode(errors="replace")
