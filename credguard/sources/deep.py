"""detect-secrets' plugins, and the person's own, run in a child process under a deadline."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from credguard.errors import ConfigError, CredguardError

START_S = 30.0
SILENCE_S = 20.0
"""Seconds that the child may need for one answer before it is ended."""
_PIECE, _OVERLAP = 4096, 512
_BATCH = 200
# Something is named like a secret and given a value, or a long word of one alphabet stands there.
_CANDIDATE = re.compile(
    r"(?i)pass|pwd|secret|token|key|auth|cred|://[^/\s]{0,100}@|[A-Za-z0-9+/=_\-.]{16}|sk_|hooks"
)


@dataclass(slots=True)
class Deeper:
    """`found`: line, secret type, value, the plugin's class; `cut`: lines that took too long."""

    found: list[tuple[int, str, str, str]] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)


class Plugins:
    """The child, started at first use; a context manager. Not for several threads."""

    def __init__(self, own: list[str]) -> None:
        """`own`: files of the person's own plugins, from their own settings. Raises ConfigError."""
        self._own = [os.path.expanduser(each) for each in own]
        for each in self._own:
            if not os.path.isabs(each) or not os.path.isfile(each):
                raise ConfigError(
                    f"scan.plugins: {each} is no file with an absolute path",
                    hint="credguard config set scan.plugins /path/to/plugin.py",
                )
        self._child: subprocess.Popen[str] | None = None
        self.used: list[dict[str, Any]] = []

    def __enter__(self) -> Plugins:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child; safe to repeat."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def examine(self, text: list[str], path: str) -> Deeper:
        """What the plugins find in those lines of `text` that may hold a secret.

        Raises CredguardError when they do not run. A line that takes over a quarter of a second is
        given up and told in `cut`.
        """
        deeper = Deeper()
        lines = [
            (number, piece)
            for number, line in enumerate(text, 1)
            for piece in _pieces(line.rstrip("\r"))
            if _CANDIDATE.search(piece)
        ]
        for at in range(0, len(lines), _BATCH):
            batch = lines[at : at + _BATCH]
            answer = self._ask({"path": path, "lines": batch})
            if answer is None:  # not even the alarm ended it
                deeper.cut += [number for number, _ in batch]
                continue
            deeper.found += [tuple(each) for each in answer["found"]]
            deeper.cut += answer["cut"]
        deeper.cut = sorted(set(deeper.cut))
        return deeper

    def _start(self) -> subprocess.Popen[str]:
        if self._child is not None:
            return self._child
        program = os.path.join(os.path.dirname(__file__), "deep_child.py")
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-I", program, *self._own],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=os.path.abspath(os.sep),
                encoding="utf-8",
            )
        except OSError as exc:
            raise CredguardError(f"--deep cannot start its child: {exc.strerror}") from exc
        ready = self._line(START_S)
        if ready is None or "error" in ready:
            self.close()
            why = ready["error"] if ready else "it does not answer"
            raise CredguardError(
                f"--deep cannot run the plugins: {why}",
                hint="see: credguard config get scan.plugins",
            )
        self.used = ready["plugins"]
        return self._child

    def _ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        child = self._start()
        try:
            if child.stdin is not None:
                child.stdin.write(json.dumps(question) + "\n")
                child.stdin.flush()
        except OSError:
            self.close()
            return None
        answer = self._line(SILENCE_S)
        if answer is None:
            self.close()
        return answer

    def _line(self, deadline_s: float) -> dict[str, Any] | None:
        child = self._child
        if child is None or child.stdout is None:
            return None
        timer = threading.Timer(deadline_s, child.kill)
        timer.start()
        try:
            line = child.stdout.readline()
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            return None
        found: dict[str, Any] = json.loads(line)
        return found


def _pieces(line: str) -> list[str]:
    if len(line) <= _PIECE:
        return [line]
    return [line[at : at + _PIECE] for at in range(0, len(line), _PIECE - _OVERLAP)]
