"""What commits add: bytes by object id, each commit against its parents, while git walks.

`git rev-list` feeds `git diff-tree` through a pipe; neither runs anything that a repository sets.
"""

from __future__ import annotations

import sys

from credguard.errors import GitError
from credguard.sources.git import (
    Process,
    blobs,
    chunks,
    failed,
    git_command,
    git_environment,
    printable,
)
from credguard.sources.staging import StagedFile, entry, is_oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# -c: of a merge only what differs from every parent, so also a secret of the resolution alone.
_TREES = (
    "diff-tree", "--stdin", "--always", "-c", "-r", "--root", "--raw", "-z", "--no-abbrev",
    "--no-renames", "--no-ext-diff", "--no-textconv",
)  # fmt: skip
_TOGETHER = 512  # objects asked for at once; what is remembered of the walk stays this small
MESSAGE = b"commit message"


class CommittedFile(StagedFile):
    """One path that `commit` changed against every parent; or its message, as path MESSAGE."""

    __slots__ = ("commit", "oid")

    def __init__(
        self,
        path: bytes,
        data: bytes,
        old: list[str] | None,
        cwd: str | None,
        *,
        commit: str,
        oid: str,
        inherit: bool = True,
    ) -> None:
        """`oid`: of the content, so that the same is scanned once."""
        super().__init__(path, data, old, cwd, inherit=inherit)
        self.commit = commit
        self.oid = oid


# The commit, and of a file its path, new object id and each parent's; of the commit itself None.
Change = tuple[str, "tuple[bytes, str, list[str | None]] | None"]


def parse(feed: Iterator[bytes]) -> Iterator[Change]:
    """What `git diff-tree --stdin --always -c --raw -z` printed, in any pieces. Raises GitError."""
    rest = b""
    commit = ""
    head: bytes | None = None
    for piece in feed:
        *tokens, rest = (rest + piece).split(b"\0")
        for token in tokens:
            if head is not None:
                found = entry(head)
                if found is not None:
                    yield commit, (token, *found)
                head = None
            elif token.startswith(b":") and commit:
                head = token
            else:
                commit = token.decode("ascii", "replace")
                if not is_oid(commit):
                    raise GitError(f"git diff-tree printed no commit: {printable(token[:80])}")
                yield commit, None
    if rest or head is not None:
        raise GitError("git diff-tree ended midway", hint="run it again")


def walk(
    cwd: str | None, revisions: list[str], *, inherit: bool = True, more: list[str] | None = None
) -> Iterator[Change]:
    """The changes of the commits that `git rev-list REVISIONS` names, newest first.

    `inherit`: the caller's GIT_DIR and kin hold. `more`: further revisions, as many as there are;
    a command line would not hold them. Raises GitError.
    """
    fed = "".join(f"{each}\n" for each in more or ()).encode()
    at = revisions.index("--not") if "--not" in revisions else len(revisions)
    # What stands before it holds for what is read there, --ignore-missing for one.
    given = ["--stdin"] if fed else []
    listing = ("rev-list", *revisions[:at], *given, *revisions[at:], "--")
    environment = git_environment(inherit=inherit)
    command = git_command(cwd, _TREES, hooks=False)
    if sys.platform == "win32":
        from credguard.sources.git import run_portable

        walked = git_command(cwd, listing, hooks=False)
        oids = run_portable(walked, environment, fed)
        yield from parse(iter([run_portable(command, environment, oids)]))
        return
    walker = Process(git_command(cwd, listing, hooks=False), environment)
    differ = None
    try:
        walker.feed(fed)
        differ = Process(command, environment, walker)
        yield from parse(chunks(differ))
        if walker.finish() != 0:
            raise failed("rev-list", walker.errors())
        if differ.finish() != 0:
            raise failed("diff-tree", differ.errors())
    finally:
        walker.kill()
        if differ is not None:
            differ.kill()


def committed(
    cwd: str | None,
    revisions: list[str],
    *,
    inherit: bool = True,
    most: int | None = None,
    too_large: list[bytes] | None = None,
    more: list[str] | None = None,
) -> Iterator[CommittedFile]:
    """Every file and message that the commits of `git rev-list REVISIONS` bring, newest first.

    A few at a time are in memory; the same content at the same path comes once for every commit
    that brings it. `most`, `too_large`: as `blobs`; `more`: as `walk`. Raises GitError.
    """
    waiting: list[Change] = []
    for change in walk(cwd, revisions, inherit=inherit, more=more):
        waiting.append(change)
        if len(waiting) == _TOGETHER:
            yield from _read(cwd, waiting, inherit, most, too_large)
            waiting = []
    if waiting:
        yield from _read(cwd, waiting, inherit, most, too_large)


def message(data: bytes) -> bytes:
    """The message of the commit object `data`, and the text of each tag that a merge kept in it.

    The other headers hold only names, ids and signatures.
    """
    head, _, text = data.partition(b"\n\n")
    if b"\nmergetag " not in head:
        return text
    kept = [text]
    inside = False
    for line in head.split(b"\n"):
        inside = line.startswith(b"mergetag ") or (inside and line.startswith(b" "))
        if inside and line.startswith(b" "):
            kept.append(line[1:])
    return b"\n".join(kept)


def _read(
    cwd: str | None,
    waiting: list[Change],
    inherit: bool,
    most: int | None,
    too_large: list[bytes] | None,
) -> Iterator[CommittedFile]:
    oids = [commit if file is None else file[1] for commit, file in waiting]
    names = [MESSAGE if file is None else file[0] for _, file in waiting]
    contents = blobs(cwd, oids, names, inherit=inherit, most=most, too_large=too_large)
    for (commit, file), data in zip(waiting, contents, strict=True):
        if file is None:
            yield CommittedFile(MESSAGE, message(data), None, cwd, commit=commit, oid=commit)
            continue
        path, oid, old = file
        known = [each for each in old if each is not None]
        yield CommittedFile(path, data, known or None, cwd, commit=commit, oid=oid, inherit=inherit)
