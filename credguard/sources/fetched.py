"""What a fetch found on the other side: git writes it into FETCH_HEAD, also of a bare URL.

https://git-scm.com/docs/git-fetch: `oid TAB not-for-merge TAB description` a line, of the last
fetch alone; every linked worktree has its own.
"""

from __future__ import annotations

import os
import re

from credguard.reading import beginning
from credguard.sources.git import run
from credguard.sources.staging import is_oid

_MOST = 1 << 20
# Such as `branch 'main' of URL`, `'refs/pull/1/head' of URL`; no name of a ref has a space.
_OF = re.compile(r"(?:(?:branch|tag|remote-tracking branch) )?'[^ ]+' of ")


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
    """Object id to the URL it was found at, without what was fetched from the repository itself.

    Raises GitError.
    """
    found: dict[str, str] = {}
    for file in files(common):
        inside: dict[str, bool] = {}
        for oid, url in parse(_read(file)):
            if url not in inside:
                relative = "://" not in url and not os.path.isabs(url)
                top = _work_tree(file, common) if relative else None
                inside[url] = url == "." or is_inside(url, common, top)
            if not inside[url]:
                found.setdefault(oid, url)
    return found


def _work_tree(file: str, common: str) -> str | None:
    """Where a path in the FETCH_HEAD `file` counts from; None: beside `common`, as most are."""
    folder = os.path.dirname(file)
    if folder != common:  # of a linked worktree
        said = os.fsdecode(_read(os.path.join(folder, "gitdir")).rstrip(b"\r\n"))
    else:  # a submodule's is far from it
        said = os.fsdecode(run(common, "config", "--get", "core.worktree", ok=(0, 1)))
        said = said.removesuffix("\n") and os.path.join(said.removesuffix("\n"), ".git")
    return os.path.dirname(os.path.join(folder, said)) if said else None


def urls(common: str) -> set[str]:
    """Where the last fetches were from, and the clone, while HEAD's reflog goes back to it."""
    found = {url for file in files(common) for _, url in parse(_read(file))}
    _, mark, url = (
        _read(os.path.join(common, "logs", "HEAD")).partition(b"\n")[0].partition(b"\tclone: from ")
    )
    return found | ({os.fsdecode(url)} if mark else set())


def parse(data: bytes) -> list[tuple[str, str]]:
    """Object id and URL of each line; those that are none are passed over."""
    found = []
    for line in data.split(b"\n"):
        words = line.split(b"\t", 2)
        oid = words[0].decode("ascii", "replace")
        if len(words) != 3 or not is_oid(oid):
            continue
        said = os.fsdecode(words[2])
        named = _OF.match(said)
        found.append((oid, said[named.end() :] if named else said))
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
    """The first MiB of a regular file; nothing where there is none. A FIFO is not waited for."""
    return beginning(file, _MOST) or b""
