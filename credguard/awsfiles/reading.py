"""The bytes of an AWS settings file, what they say, and what of them concerns one profile."""

import os
import re
import shlex
import stat

from credguard.awsfiles.ini import IniFile
from credguard.errors import ConfigError

# A file of which only some sections are wanted may be as large as this.
MOST = 64 << 20
BOM = "\ufeff".encode()
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def profile_of(section: str) -> str | None:
    """The profile that a section of ~/.aws/config is of; None: of none.

    As botocore: `profile` and one word, which quotes may hold together.
    """
    return section if section == "default" else named(section, "profile")


def named(section: str, kind: str) -> str | None:
    """The one word behind `kind` in a section's name; None: it is another."""
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == kind else None


def read(path: str, most: int) -> bytes:
    """The bytes of `path`; empty where there is no such file. Raises ConfigError."""
    try:
        # Opening a pipe that nobody writes to would wait without end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path} is a pipe, not a file", hint="name a regular file")
            data = file.read(most + 1)
    except FileNotFoundError:
        return b""
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint=f"check its mode: ls -l {path}"
        ) from exc
    if len(data) > most:
        raise ConfigError(f"{path} is larger than {most >> 20} MiB", hint="is it the right file?")
    return data


def parsed(data: bytes, path: str) -> IniFile:
    """`data` as a settings file; `path`: for what is told. Raises ConfigError."""
    try:
        return IniFile(data.decode("utf-8"), path)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(
            f"{path}, line {line}: not UTF-8 text", hint=f"correct line {line} of {path}"
        ) from None


def sections(data: bytes, profile: str) -> bytes:
    """The sections whose header may be the profile's or a default one, each to the next header.

    A header is what begins with `[`; an indented one may belong to a setting, so it ends nothing.
    """
    kept: list[bytes] = []
    keep = False
    for line in _LINE.findall(data.removeprefix(BOM)):
        bare = line.lstrip(b" \t")
        if bare.startswith(b"["):
            header = bare.decode("utf-8", "replace").strip()
            named = profile in header or profile_of(header[1 : header.rfind("]")]) == profile
            keep = named or "default" in header.lower() or (keep and bare != line)
        if keep:
            kept.append(line)
    return b"".join(kept)
