"""What a fetch found on the other side: git writes it into FETCH_HEAD, also of a bare URL.

https://git-scm.com/docs/git-fetch: `oid TAB not-for-merge TAB description` a line, of the last
fetch alone; every linked worktree has its own.
"""

from __future__ import annotations

import os

from credguard.sources.staging import is_oid

_MOST = 1 << 20


def files(common: str) -> list[str]:
    """Where FETCH_HEAD may be in the git folder `common` that all worktrees share."""
    trees = os.path.join(common, "worktrees")
    try:
        names = sorted(os.listdir(trees))
    except OSError:
        names = []
    return [
        os.path.join(folder, "FETCH_HEAD")
        for folder in (common, *(os.path.join(trees, name) for name in names))
    ]


def heads(common: str) -> dict[str, str]:
    """Object id to the URL it was found at, without what was fetched from the repository itself."""
    found: dict[str, str] = {}
    inside: dict[str, bool] = {}
    for file in files(common):
        for oid, url in parse(_read(file)):
            if url not in inside:
                inside[url] = is_inside(url, common)
            if not inside[url]:
                found.setdefault(oid, url)
    return found


def parse(data: bytes) -> list[tuple[str, str]]:
    """Object id and URL of each line; those that are none are passed over."""
    found = []
    for line in data.split(b"\n"):
        words = line.split(b"\t", 2)
        oid = words[0].decode("ascii", "replace")
        if len(words) != 3 or not is_oid(oid):
            continue
        said = os.fsdecode(words[2])
        quoted = said.startswith(("branch '", "tag '", "remote-tracking branch '"))
        found.append((oid, said.partition("' of ")[2] if quoted else said))
    return found


def is_inside(url: str, common: str, folder: str | None = None) -> bool:
    """Whether `url` is the repository of the git folder `common` itself, or a worktree of it.

    A relative path counts from `folder` (None: from the work tree beside `common`).
    """
    path = url.removeprefix("file://")
    if "://" in path:
        return False
    top = os.path.join(folder or os.path.dirname(common), path)
    # Git takes a trailing .git off what it writes.
    for each in (top, top + ".git", os.path.join(top, ".git")):
        if _common(each) == os.path.realpath(common):
            return True
    return False


def _common(path: str) -> str:
    """The git folder that all worktrees share, of the git folder or `.git` file at `path`."""
    if os.path.isfile(path):
        line = _read(path)
        if line.startswith(b"gitdir: "):
            path = os.path.join(os.path.dirname(path), os.fsdecode(line[8:].rstrip(b"\r\n")))
    shared = _read(os.path.join(path, "commondir"))
    if shared:
        path = os.path.join(path, os.fsdecode(shared.rstrip(b"\n")))
    return os.path.realpath(path)


def _read(file: str) -> bytes:
    """The first MiB of a file; nothing where there is none. A FIFO is not waited for."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as opened:
        try:
            return opened.read(_MOST) or b""
        except OSError:
            return b""
