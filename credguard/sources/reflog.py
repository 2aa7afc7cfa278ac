"""The reflog of HEAD: which commits a repository's HEAD came to be, and when. Runs no filter."""

from __future__ import annotations

import os
from typing import NamedTuple

from credguard.errors import GitError
from credguard.sources.git import run
from credguard.sources.staging import is_oid

_TAIL = 64 << 10
_MOST = 500
_SAME_S = 5


class Move(NamedTuple):
    """HEAD went from `old` (None: nothing) to `new`, at Unix second `at`.

    `elsewhere`: by its message git only went to a commit that was there (clone, checkout, reset).
    """

    old: str | None
    new: str
    at: int
    elsewhere: bool


def parse(data: bytes) -> list[Move]:
    """The moves in the text of a reflog, oldest first; lines that are none are passed over.

    https://git-scm.com/docs/gitrepository-layout: `old new name <mail> seconds zone TAB message`.
    """
    found = []
    for line in data.split(b"\n"):
        entry, _, message = line.partition(b"\t")
        words = entry.split(b" ")
        if len(words) < 5:
            continue
        old, new = (each.decode("ascii", "replace") for each in words[:2])
        if is_oid(old) and is_oid(new) and new.strip("0") and words[-2].isdigit():
            before = old if old.strip("0") else None
            found.append(Move(before, new, int(words[-2][:12]), _elsewhere(message)))
    return found


def _elsewhere(message: bytes) -> bool:
    return message.startswith((b"clone:", b"checkout:", b"reset:")) or b"ast-forward" in message


def moves(git_dir: str) -> list[Move]:
    """The last moves of HEAD, oldest first; none where no reflog is kept. Raises GitError, OSError.

    Of a repository whose references are not files (reftable) git is asked.
    """
    path = os.path.join(git_dir, "logs", "HEAD")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return _asked(git_dir) if os.path.isdir(os.path.join(git_dir, "reftable")) else []
    try:
        with open(descriptor, "rb", closefd=False) as file:
            size = os.fstat(descriptor).st_size
            if size > _TAIL:
                file.seek(size - _TAIL)
                file.readline()
            return parse(file.read(_TAIL) or b"")
    finally:
        os.close(descriptor)  # a folder in its place cannot be read


def _asked(git_dir: str) -> list[Move]:
    # log.showSignature would start the program that gpg.program names.
    output = run(
        git_dir, "-c", "log.showSignature=false", "log", "-g", f"-n{_MOST}", "--date=unix",
        "--no-show-signature", "--format=%H %gd%x09%gs", "HEAD", "--",
    )  # fmt: skip
    found: list[Move] = []
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        entry, _, message = line.partition("\t")
        oid, _, name = entry.partition(" ")
        at = name.rpartition("@{")[2].rstrip("}")
        if is_oid(oid) and at.isdigit():
            found.append(
                Move(found[-1].new if found else None, oid, int(at), _elsewhere(message.encode()))
            )
    return found


def repository(git_dir: str) -> str:
    """What all worktrees of the repository share, absolute: its name for us. Raises GitError."""
    output = run(git_dir, "rev-parse", "--absolute-git-dir", "--git-common-dir")
    lines = os.fsdecode(output).split("\n")
    if len(lines) != 3:
        raise GitError(f"git cannot tell the folder of {git_dir}")
    return os.path.realpath(os.path.join(git_dir, lines[1]))


def made(git_dir: str, moved: list[Move]) -> list[str]:
    """The commits that `moved` brought and that were made here, newest first.

    HEAD's new commit itself where it is as old as the move; of what else came with it (a merge of
    local work, a branch) what no remote-tracking branch has. At most 500. Raises GitError.
    """
    if not moved:
        return []
    tips = list(dict.fromkeys(move.new for move in moved))
    times = run(git_dir, "rev-list", "--no-walk", "--timestamp", "--ignore-missing", *tips, "--")
    born = {}
    for line in times.decode("ascii", "replace").splitlines():
        second, _, oid = line.partition(" ")
        born[oid] = int(second) if second.isdigit() else 0
    direct = [
        move.new
        for move in moved
        if not move.elsewhere and abs(born.get(move.new, 0) - move.at) <= _SAME_S
    ]
    before = {move.old for move in moved if move.old is not None} - set(tips)
    there = [tip for tip in tips if tip in born]
    if not there:
        return []
    output = run(
        git_dir, "rev-list", f"--max-count={_MOST}", "--ignore-missing", *there, "--not",
        *sorted(before), "--remotes", "--",
    )  # fmt: skip
    return list(dict.fromkeys([*direct[::-1], *output.decode("ascii").split()]))
