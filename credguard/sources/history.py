"""What a repository's commits added: which blobs, where, by which commit; and the blobs' bytes.

Everything by plumbing that reads objects: no filter, text converter or hook is run, nothing is
fetched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from credguard.errors import GitError
from credguard.scan.model import Commit
from credguard.sources.git import (
    Process,
    chunks,
    failed,
    git_command,
    git_environment,
    run,
    run_portable,
)

_LOG = (
    "-c",
    "log.showRoot=true",  # no option says so
    "log",
    "--format=%H %ct",
    "--raw",
    "-z",
    "-c",
    "--no-abbrev",
    "--no-renames",
    "--no-relative",
    "--no-ext-diff",
    "--no-textconv",
    "--no-show-signature",
    "--ignore-submodules=all",
    "-O/dev/null",  # an order file that the repository names could be a FIFO
    "--topo-order",
    "--reverse",
)
_ABOUT = "--format=%H%x00%aI%x00%an <%ae>%x00"
_AS_FILTER = (2, 37)  # the git that has --since-as-filter
_PIPE_BYTES = 1 << 20
# Before it tells the oldest commit git walks all of them: some 25 s for a million.
_WALK_S = 600.0


class Entry:
    """One path whose content in a commit differs from that in each of its parents."""

    __slots__ = ("commit", "oid", "old", "path")

    def __init__(self, oid: str, path: bytes, commit: str | None, old: tuple[str, ...]) -> None:
        """`commit`: None for a blob that no commit reaches; `old`: the parents' blobs there."""
        self.oid = oid
        self.path = path
        self.commit = commit
        self.old = old


class Repository:
    """The repository around `cwd`; None: the one that git would find here, GIT_DIR honoured."""

    def __init__(self, cwd: str | None) -> None:
        """Nothing is asked of git yet."""
        self.cwd = cwd
        self.inherit = cwd is None

    def git_dir(self) -> bytes:
        """Its folder, which all its worktrees share, maybe relative to `cwd`. Raises GitError."""
        said = run(self.cwd, "rev-parse", "--git-common-dir", inherit=self.inherit)
        return said.rstrip(b"\n")

    def top(self) -> bytes | None:
        """The top of its worktree; None: it has none here. Raises GitError."""
        said = run(
            self.cwd, "rev-parse", "--is-inside-work-tree", "--show-cdup", inherit=self.inherit
        )
        inside, up = said.split(b"\n")[:2]
        return os.path.join(os.fsencode(self.cwd or "."), up) if inside == b"true" else None

    def moment(self, text: str) -> int:
        """The Unix second that git takes the date `text` for. Raises GitError."""
        said = run(self.cwd, "rev-parse", f"--since={text}", inherit=self.inherit)
        return int(said.split(b"=")[1])

    def local(self) -> set[bytes] | None:
        """The blobs that are here, in a partial clone; None: it is none, so all are.

        Git ends, or fetches, when it is asked for one that is not here. Raises GitError.
        """
        packs = os.path.join(os.fsencode(self.cwd or "."), self.git_dir(), b"objects", b"pack")
        try:
            partial = any(name.endswith(b".promisor") for name in os.listdir(packs))
        except OSError:
            return None
        if not partial:
            return None
        return {bytes.fromhex(oid) for oid in self._blobs()}

    def added(self, *revisions: str, since: str | None = None) -> Iterator[Entry]:
        """What each commit of `revisions` added or changed, parents before children; none: all.

        A merge gives what differs from all its parents. `since`: a date as git takes it, which
        each commit is asked for: `--since` ends at an older one, whatever came before it.
        Git starts at once. Raises GitError, also midway.
        """
        options: tuple[str, ...] = ()
        oldest = None
        if since is not None:
            oldest = self.moment(since)
            if self._version() >= _AS_FILTER:
                options = (f"--since-as-filter={since}",)
        everywhere = () if revisions else ("--all", "--reflog")
        command = (*_LOG, *options, *everywhere, "--end-of-options", *revisions, "--")
        return _entries(self._lines(*command), oldest)

    def _version(self) -> tuple[int, ...]:
        words = run(self.cwd, "--version", inherit=self.inherit).split()
        numbers = words[2].split(b".")[:2] if len(words) > 2 else []
        return tuple(int(each) for each in numbers if each.isdigit())

    def shallow(self) -> frozenset[str]:
        """The commits of a shallow clone whose parents are not here. Raises GitError."""
        said = run(
            self.cwd, "rev-parse", "--is-shallow-repository", "--git-path", "shallow",
            inherit=self.inherit,
        )  # fmt: skip
        whether, path = said.split(b"\n")[:2]
        if whether != b"true":
            return frozenset()
        try:
            with open(os.path.join(os.fsencode(self.cwd or "."), path), "rb") as file:
                return frozenset(file.read().decode("ascii", "replace").split())
        except OSError as exc:
            raise GitError(
                f"cannot read which commits a shallow clone has: {exc.strerror}"
            ) from exc

    def everything(self) -> Iterator[Entry]:
        """What all commits of refs and reflogs added, then the blobs that no commit reaches."""
        added = self.added()
        return _with_unreached(added, self._blobs())

    def _blobs(self) -> Iterator[str]:
        """The object id of every blob that is here, reached or not."""
        listing = self._lines(
            "cat-file", "--batch-all-objects", "--unordered",
            "--batch-check=%(objecttype) %(objectname)", separator=b"\n",
        )  # fmt: skip
        return (line[5:].decode("ascii") for line in listing if line.startswith(b"blob "))

    def _lines(self, *args: str, separator: bytes = b"\0") -> Iterator[bytes]:
        command = git_command(self.cwd, args, hooks=False)
        environment = git_environment(inherit=self.inherit)
        if sys.platform == "win32":
            return iter(run_portable(command, environment, b"").split(separator))
        process = Process(command, environment)
        process.close_stdin()
        process.widen(_PIPE_BYTES)
        process.quiet_s = _WALK_S
        return _split(process, "log" if "log" in args else args[0], separator)

    def about(self, commits: Iterable[str]) -> dict[str, Commit]:
        """Author and date of each of `commits`. Raises GitError."""
        wanted = sorted(set(commits))
        found: dict[str, Commit] = {}
        for at in range(0, len(wanted), 200):
            raw = run(
                self.cwd, "log", "--no-walk=unsorted", "--no-show-signature", "--encoding=UTF-8",
                _ABOUT, "--end-of-options", *wanted[at : at + 200], "--", inherit=self.inherit,
            )  # fmt: skip
            fields = raw.split(b"\0")
            for oid, date, author in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
                name = oid.strip().decode("ascii")
                said = author.decode("utf-8", "backslashreplace")
                found[name] = Commit(name, said, date.decode("ascii", "replace"))
        return found


def _split(process: Process, name: str, separator: bytes) -> Iterator[bytes]:
    try:
        rest = b""
        for chunk in chunks(process):
            *whole, rest = (rest + chunk).split(separator)
            yield from whole
        if process.finish() != 0:
            raise failed(name, process.errors())
        if rest:
            yield rest
    finally:
        process.kill()


def _with_unreached(added: Iterator[Entry], blobs: Iterator[str]) -> Iterator[Entry]:
    seen = set()
    for entry in added:
        seen.add(bytes.fromhex(entry.oid))
        yield entry
    for oid in blobs:
        if bytes.fromhex(oid) not in seen:
            yield Entry(oid, b"blob/" + oid.encode("ascii"), None, ())


def _entries(fields: Iterator[bytes], oldest: int | None = None) -> Iterator[Entry]:
    """`oldest`: the Unix second before which a commit is left out."""
    commit = ""
    wanted = True
    for field in fields:
        head = field.lstrip(b"\n")
        if not head:
            continue
        if not head.startswith(b":"):
            commit, moment = head.decode("ascii").split(" ")
            wanted = oldest is None or int(moment) >= oldest
            continue
        path = next(fields, b"")
        if not wanted:
            continue
        if head[1:2] != b":":  # one parent, as nearly all have: in half the time
            before, mode, was, oid, _ = head.split(b" ", 4)
            if mode not in (b"000000", b"160000"):
                same = before[1:3] == mode[:2] and was.strip(b"0")
                yield Entry(oid.decode(), path, commit, (was.decode(),) if same else ())
            continue
        parents = len(head) - len(head.lstrip(b":"))
        words = head[parents:].decode("ascii").split(" ")
        modes, oids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
        if modes[-1] in ("000000", "160000"):
            continue  # deleted, or a submodule
        old = tuple(
            oid
            for mode, oid in zip(modes[:-1], oids[:-1], strict=True)
            if mode[:2] == modes[-1][:2] and oid.strip("0")
        )
        yield Entry(oids[-1], path, commit, old)


class Blobs:
    """Blobs by object id through one git process that stays."""

    def __init__(self, cwd: str | None) -> None:
        """Raises GitError when there is no git."""
        self._command = git_command(cwd, ("cat-file", "--batch"), hooks=False)
        self._environment = git_environment(inherit=cwd is None)
        self._process: Process | None = None
        self._feed: Iterator[bytes] = iter(())
        self._buffer, self._at = b"", 0

    def read(self, oids: list[str]) -> Iterator[tuple[int, Iterable[bytes]] | None]:
        """For each of `oids` its size and bytes, piece by piece; None: it is not here.

        The pieces of one are gone once the next is asked for. Raises GitError.
        """
        for at in range(0, len(oids), 400):  # 400 ids of 65 bytes fit any pipe: neither side blocks
            some = oids[at : at + 400]
            self._ask("".join(f"{oid}\n" for oid in some).encode())
            for oid in some:
                words = self._line().split(b" ")
                if words == [oid.encode(), b"missing"]:
                    yield None
                    continue
                if len(words) != 3 or words[0] != oid.encode():
                    raise GitError(f"git gave another object than {oid}", hint="run: git fsck")
                size = int(words[2])
                end = self._at + size
                if end < len(self._buffer):  # all of it is here
                    yield size, (self._buffer[self._at : end],)
                    self._at = end + 1
                    continue
                left = _Pieces(self, size)
                yield size, left
                for _ in left:  # what the caller left
                    pass
                self._skip(1)

    def _ask(self, request: bytes) -> None:
        if sys.platform == "win32":
            self._feed = iter([run_portable(self._command, self._environment, request)])
            self._buffer, self._at = b"", 0
            return
        if self._process is None:
            self._process = Process(self._command, self._environment)
            self._process.widen(_PIPE_BYTES)
            self._feed = chunks(self._process)
        self._process.write(request)

    def _line(self) -> bytes:
        line = b""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            line += self._buffer[self._at :]
            self._fill()
        line += self._buffer[self._at : end]
        self._at = end + 1
        return line

    def _skip(self, count: int) -> None:
        while (here := len(self._buffer) - self._at) < count:
            count -= here
            self._fill()
        self._at += count

    def _fill(self) -> None:
        """Take in what comes next; what is left of the buffer is lost."""
        more = next(self._feed, b"")
        if not more:
            raise failed("cat-file", self._process.errors() if self._process else b"")
        self._buffer, self._at = more, 0

    def take(self, most: int) -> bytes:
        """Between one and `most` bytes of the object at hand."""
        if self._at == len(self._buffer):
            self._fill()
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """End the process; safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process = None


class _Pieces:
    def __init__(self, blobs: Blobs, size: int) -> None:
        self.size = self._left = size
        self._blobs = blobs

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        piece = self._blobs.take(self._left)
        self._left -= len(piece)
        return piece


def check_range(text: str) -> str:
    """`text` when it is a range of commits. Raises GitError."""
    if ".." not in text or text.startswith("-") or "\0" in text:
        raise GitError(f"not a range of commits: {text}", hint="name it as A..B")
    return text
