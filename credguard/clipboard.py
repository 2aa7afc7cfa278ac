"""The system's clipboard through its own tools; the value goes over standard input, never argv.

Runs as a script too (`python -I -S clipboard.py SECONDS TOOL`): the child that clears the clipboard
later. It gets a random key and a keyed hash of the value on standard input, so that it can tell
whether the clipboard still holds the value without holding it itself. Standard library only.
"""

import hashlib
import os
import secrets as random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

_TIMEOUT_S = 10
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tool:
    """Three commands; `clear` reads an empty standard input. `needs`: an environment variable."""

    copy: tuple[str, ...]
    paste: tuple[str, ...]
    clear: tuple[str, ...]
    needs: str = ""


_TOOLS = (
    Tool(("wl-copy",), ("wl-paste", "--no-newline"), ("wl-copy", "--clear"), "WAYLAND_DISPLAY"),
    Tool(
        ("xclip", "-selection", "clipboard", "-in"),
        ("xclip", "-selection", "clipboard", "-out"),
        ("xclip", "-selection", "clipboard", "-in"),
        "DISPLAY",
    ),
    Tool(
        ("xsel", "--clipboard", "--input"),
        ("xsel", "--clipboard", "--output"),
        ("xsel", "--clipboard", "--clear"),
        "DISPLAY",
    ),
    Tool(("pbcopy",), ("pbpaste",), ("pbcopy",)),
    Tool(
        ("clip.exe",),
        ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard"),
        ("powershell.exe", "-NoProfile", "-Command", "Set-Clipboard -Value $null"),
    ),
)


class ClipboardError(Exception):
    """The tool failed or did not answer; the text names the tool."""


def find() -> Tool | None:
    """The first tool that is on PATH and has its display; None: there is none."""
    for tool in _TOOLS:
        if (not tool.needs or os.environ.get(tool.needs)) and shutil.which(tool.copy[0]):
            return tool
    return None


def copy(tool: Tool, value: bytes) -> None:
    """Put `value` into the clipboard. Raises ClipboardError."""
    _run(tool.copy, value)


def paste(tool: Tool) -> bytes:
    """What the clipboard holds; empty where it holds no text. Raises ClipboardError."""
    try:
        done = subprocess.run(
            tool.paste,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ClipboardError(f"{tool.paste[0]} failed: {type(exc).__name__}") from None
    return done.stdout.rstrip(b"\r\n") if done.returncode == 0 else b""


def _run(command: tuple[str, ...], value: bytes) -> None:
    try:
        # X11 tools stay behind to serve the selection, so they must not inherit a pipe of ours.
        done = subprocess.run(
            command,
            input=value,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ClipboardError(f"{command[0]} failed: {type(exc).__name__}") from None
    if done.returncode != 0:
        raise ClipboardError(f"{command[0]} failed with exit code {done.returncode}")


def _hash(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(value, key=key).digest()


def clear_if_held(tool: Tool, key: bytes, digest: bytes) -> bool:
    """Empty the clipboard when the keyed hash of what it holds is `digest`; whether it did so."""
    if not random.compare_digest(_hash(key, paste(tool)), digest):
        return False
    _run(tool.clear, b"")
    return True


def clear_if(tool: Tool, value: bytes) -> bool:
    """Empty the clipboard when it holds `value`; whether it did so. Raises ClipboardError."""
    key = random.token_bytes(_KEY_BYTES)
    return clear_if_held(tool, key, _hash(key, value))


def clear_later(tool: Tool, value: bytes, seconds: int) -> None:
    """Have a detached child empty the clipboard after `seconds`, when it then holds `value` still.

    Returns at once. Raises ClipboardError when the child cannot be started.
    """
    key = random.token_bytes(_KEY_BYTES)
    number = str(_TOOLS.index(tool))
    child = (sys.executable, "-I", "-S", os.path.abspath(__file__), str(seconds), number)
    _run(child, key + _hash(key, value))


def _main(seconds: int, tool: Tool) -> int:
    given = sys.stdin.buffer.read()
    if hasattr(os, "fork"):
        if os.fork():
            return 0
        os.setsid()
    time.sleep(seconds)
    try:
        clear_if_held(tool, given[:_KEY_BYTES], given[_KEY_BYTES:])
    except ClipboardError:
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), _TOOLS[int(sys.argv[2])]))
