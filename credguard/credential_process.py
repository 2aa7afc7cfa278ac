"""Run by AWS tools: `python -I -S credential_process.py PROFILE` prints credentials as JSON.

It copies what the agent answers. Without an agent it reads a long-term key from the vault itself,
and starts an agent where the profile needs a session. The contract:
docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html. Standard error is shown by
the tools, so it has one line and never a secret. Imports no AWS library.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_AGAIN = "CREDGUARD_STARTED_AGAIN"


def credentials(profile: str) -> bytes:
    """What is to be printed for `profile`. Raises CredguardError."""
    # Not here: a script is compiled each time it runs, a module once.
    from credguard.app import process

    return process.credentials(profile)


def _folders() -> list[str]:
    """Where credguard and its environment's packages are: -S leaves them out, and -I all else."""
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = ("Lib",) if os.name == "nt" else ("lib", version)
    return [ours, os.path.join(environment, *library, "site-packages")]


def main() -> None:
    """Print the JSON; else one line on standard error and exit code 2 (3: a bug, 130: Ctrl-C)."""
    sys.path += _folders()
    try:
        _answer()
    except ImportError as error:
        # An upgrade put another environment into our path while we started: half of each was found.
        if not os.environ.get(_AGAIN):
            os.environ[_AGAIN] = "1"
            os.execv(sys.executable, [sys.executable, "-I", "-S", *sys.argv])  # noqa: S606 - ourselves
        _bug(error)


def _answer() -> None:
    from credguard.errors import CredguardError

    if len(sys.argv) != 2:
        _end("usage: credential_process.py PROFILE", 2)
    if sys.stdout is None:
        # Whatever is opened next would get its number, and the secret.
        _end("standard output is closed; run it from an AWS tool", 2)
    try:
        answer = credentials(sys.argv[1])
    except CredguardError as error:
        _end(f"{error}; {error.hint}" if error.hint else str(error), 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback may show a value
        _bug(error)
    try:
        # One write below the buffer of Python, so that nothing is left to fail at exit.
        os.write(1, answer)
    except OSError as error:
        _end(f"cannot write the answer: {error.strerror}; run the AWS tool again", 2)


def _bug(error: Exception) -> "NoReturn":
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
    _end(f"a bug: {type(error).__name__} at {place}; please report it", 3)


def _end(message: str, code: int) -> "NoReturn":
    from credguard.report.text import printable

    if sys.stderr is not None:
        sys.stderr.write("credguard: " + printable(" ".join(message.split())) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
