"""The commit-msg hook: looks at a commit's message as git will keep it. See precommit."""

from __future__ import annotations

import os
import stat
import sys

from credguard.errors import GitError
from credguard.precommit import MESSAGE, Look, engine, guarded, leave_with
from credguard.sources.git import run as run_git
from credguard.sources.indexed_rules import IndexedRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.precommit import Found

_MOST = 64 << 20
_SCISSORS = b" ------------------------ >8 ------------------------"
_SETTINGS = r"^(core\.comment(char|string)|commit\.cleanup)$"


def kept_lines(message: bytes, comment: bytes, *, comments: bool, scissors: bool) -> bytes:
    """`message` with what git cuts out blanked, so that the lines still count the same.

    `comment`: what a comment line begins with; empty: not known. `comments`: such lines stay.
    `scissors`: what stands below git's scissors line does not, comment lines or not.
    """
    lines = message.split(b"\n")
    if scissors:
        for number, line in enumerate(lines):
            # Git's own has its explanation below it, as comment lines.
            if not line.endswith(_SCISSORS) or not line.startswith(comment):
                continue
            mark = line[: -len(_SCISSORS)]
            if mark and lines[number + 1 : number + 2] and lines[number + 1].startswith(mark):
                lines = lines[:number]
                comment = comment or mark
                break
    if comment and not comments:
        lines = [b"" if line.startswith(comment) else line for line in lines]
    return b"\n".join(lines)


def _settings() -> tuple[bytes, bytes]:
    """What a comment line begins with (empty: not known), and commit.cleanup."""
    comment, cleanup = b"#", b"default"
    for row in run_git(
        None, "config", "-z", "--get-regexp", _SETTINGS, inherit=True, ok=(0, 1)
    ).split(b"\0"):
        key, _, value = row.partition(b"\n")
        if key == b"commit.cleanup":
            cleanup = value
        elif key == b"core.commentstring":
            comment = b""  # git before 2.45 passes over it
        elif key:
            comment = b"" if value == b"auto" else value
    return comment, cleanup


def as_kept(message: bytes) -> bytes:
    """`message` as git will keep it, as far as a hook can tell.

    Git gives the hook GIT_EDITOR=: when no editor was opened; then `#` lines stay by default
    (https://git-scm.com/docs/git-commit, --cleanup). A --cleanup of the command line is not known:
    its comments are then seen by pre-push. Raises GitError.
    """
    comment, cleanup = _settings()
    edited = os.environ.get("GIT_EDITOR") != ":"
    strips = cleanup == b"strip" or (
        cleanup not in (b"verbatim", b"whitespace", b"scissors") and edited
    )
    return kept_lines(
        message, comment, comments=not strips, scissors=edited or cleanup == b"scissors"
    )


def findings(path: str) -> Found:
    """The secrets in the message in file `path`. Raises CredguardError."""
    look = Look(engine(), (), IndexedRules(None))
    hits = look.hits(as_kept(_read(path)), b"commit message")
    return [(hit, "") for hit in hits], look.problems, 1


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise GitError(f"{path} is no file")
            data = file.read(_MOST + 1)
    except OSError as exc:
        raise GitError(f"cannot read the commit message {path}: {exc.strerror}") from exc
    if len(data) > _MOST:
        raise GitError(f"the commit message is larger than {_MOST >> 20} MiB")
    return data


def run(path: str) -> int:
    """Look at the message in file `path`, tell the person, give the exit code."""
    return guarded(MESSAGE, lambda: findings(path))


def main() -> None:
    """Exit with what `run` gives for the file that git names."""
    leave_with(run(sys.argv[1] if len(sys.argv) > 1 else ".git/COMMIT_EDITMSG"))
