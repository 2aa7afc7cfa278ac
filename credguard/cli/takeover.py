"""A command that takes over this process, so that signals, terminal and exit code are its own."""

import os
import signal
import subprocess
import sys

import click

from credguard.errors import CredguardError

# Python ignores these from its start; what is ignored stays so in the command, and `yes | head`
# would end in an error. As subprocess does with restore_signals.
_PYTHONS_OWN = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


def run(words: list[str], environment: dict[str, str]) -> None:
    """Become `words`; on Windows run it and end with its exit code. Returns never.

    Raises CredguardError with exit code 127 (not found) or 126 (it cannot be run), as POSIX has it
    of env, nohup and every shell.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if sys.platform == "win32":
            code = subprocess.run(words, env=environment, check=False).returncode
            raise click.exceptions.Exit(code)
        for name in _PYTHONS_OWN:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
        # The command is the person's own, word by word.
        os.execvpe(words[0], words, environment)  # noqa: S606
    except OSError as exc:
        missing = isinstance(exc, FileNotFoundError)
        error = CredguardError(
            f"cannot run {words[0]}: {exc.strerror}",
            hint="check the command's name" if missing else "check its mode and its first line",
        )
        error.exit_code = 127 if missing else 126
        raise error from exc
