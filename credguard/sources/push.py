"""What a push sends: which commits the other side does not have, and what they bring."""

from __future__ import annotations

from credguard.errors import GitError
from credguard.sources.commits import CommittedFile, committed
from credguard.sources.git import blobs, printable, run
from credguard.sources.staging import entries, is_oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAIN = 50  # tags of tags of tags
_TOGETHER = 1000


class Update:
    """One reference that a push changes; `local` None: it is deleted; `remote` None: it is new."""

    __slots__ = ("local", "ref", "remote")

    def __init__(self, ref: bytes, local: str | None, remote: str | None) -> None:
        """`ref`: the name on the other side."""
        self.ref = ref
        self.local = local
        self.remote = remote


def updates(lines: bytes) -> list[Update]:
    """What git gives a pre-push hook on standard input: `local-ref oid remote-ref oid` a line.

    The local name may be any expression, spaces included. https://git-scm.com/docs/githooks#_pre_push
    Raises GitError for a line that is none.
    """
    found = []
    for line in lines.split(b"\n"):
        if not line:
            continue
        words = line.rsplit(b" ", 3)
        oids = [words[n].decode("ascii", "replace") for n in (1, 3)] if len(words) == 4 else []
        if not oids or not all(is_oid(oid) for oid in oids):
            raise GitError(
                f"git says of the push what cannot be understood: {printable(line[:80])}"
            )
        local, remote = (oid if oid.strip("0") else None for oid in oids)
        found.append(Update(words[2], local, remote))
    return found


def excluded(cwd: str | None, remote: str, url: str) -> list[str]:
    """Arguments of rev-list for what the remote had when it was last asked: its own tracking refs.

    `remote`: its name, or the URL where it has none; another remote of that URL then counts. What
    lies below another remote's tracking refs does not: `origin/team` may be a remote beside
    `origin`. They tell of the place that is fetched from: one that is pushed to by a URL of its own
    may lack it all.
    """
    fetches: dict[str, list[str]] = {}
    urls: dict[str, set[str]] = {}
    own_push: set[str] = set()
    output = run(
        cwd, "config", "-z", "--get-regexp", r"^remote\..*\.(fetch|url|pushurl)$",
        inherit=True, ok=(0, 1),
    )  # fmt: skip
    for row in output.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = row.partition("\n")
        name, _, kind = key.removeprefix("remote.").rpartition(".")
        if kind == "fetch":
            target = value.removeprefix("+").partition(":")[2]
            if target.startswith("refs/"):
                fetches.setdefault(name, []).append(target)
        elif kind == "pushurl":
            own_push.add(name)
        elif name:
            urls.setdefault(name, set()).add(place_of(value))
    if remote in fetches:
        elsewhere = remote in own_push and place_of(url) not in urls.get(remote, set())
        ours = set() if elsewhere else {remote}
    else:
        ours = {name for name, all_ in urls.items() if place_of(url) in all_}
    targets = [target for name in sorted(ours) for target in fetches.get(name, [])]
    others = [
        target
        for name, all_ in fetches.items()
        if name not in ours
        for target in all_
        if any(_below(target, each) for each in targets)
    ]
    found = []
    for target in targets:
        found += [f"--exclude={other}" for other in others]
        # A pattern without a wildcard would have /* put behind it.
        found.append(f"--glob={target}" if "*" in target else f"--glob={target[:-1]}[{target[-1]}]")
    return found


def place_of(url: str) -> str:
    """The host and path of a remote's URL: the same by https, by ssh, and as `host:path`.

    https://git-scm.com/docs/git-fetch#_git_urls
    """
    scheme, mark, rest = url.partition("://")
    if mark:
        host, _, path = rest.partition("/")
        host = "" if scheme == "file" else host.rpartition("@")[2].partition(":")[0].lower()
    else:
        host, colon, path = url.partition(":")
        if not colon or "/" in host or len(host) == 1:  # a path, or one of a Windows drive
            host, path = "", url
        host = host.rpartition("@")[2].lower()
    path = path.strip("/").removesuffix(".git").rstrip("/")
    return f"{host}/{path}"


def _below(inner: str, outer: str) -> bool:
    base = outer.partition("*")[0]
    return inner != outer and "*" in outer and inner.startswith(base)


def pushed(cwd: str | None, sent: list[Update], remote: str, url: str) -> Iterator[CommittedFile]:
    """Every file and message of exactly the commits that the remote does not have, newest first.

    Annotated tags come with their text, references to a tree or a file with what they hold.
    Raises GitError.
    """
    tips = list(dict.fromkeys(each.local for each in sent if each.local is not None))
    commits: list[str] = []
    yield from _unwrapped(cwd, tips, commits)
    if not commits:
        return
    had = [f"^{each.remote}" for each in sent if each.remote is not None]
    # An object that the remote has and we do not is passed over.
    revisions = ["--ignore-missing", "--not", *excluded(cwd, remote, url)]
    yield from committed(cwd, revisions, more=[*commits, *had])


def _unwrapped(cwd: str | None, tips: list[str], commits: list[str]) -> Iterator[CommittedFile]:
    """Tags down to what they name; a commit is added to `commits`."""
    level = {tip: tip for tip in tips}  # object -> the reference's own
    for _ in range(_CHAIN):
        if not level:
            return
        tags = []
        for oid, kind in zip(level, _kinds(cwd, list(level)), strict=True):
            if kind == "commit":
                commits.append(oid)
            elif kind == "tree":
                yield from _tree(cwd, oid, level[oid])
            elif kind == "blob":
                (data,) = blobs(cwd, [oid], [oid.encode()])
                name = b"(a file without a name)"
                yield CommittedFile(name, data, None, cwd, commit=level[oid], oid=oid)
            else:
                tags.append(oid)
        below: dict[str, str] = {}
        for oid, data in zip(tags, blobs(cwd, tags, [t.encode() for t in tags]), strict=True):
            head, _, text = data.partition(b"\n\n")
            yield CommittedFile(b"tag message", text, None, cwd, commit=level[oid], oid=oid)
            named = head.partition(b"\n")[0].removeprefix(b"object ").decode("ascii", "replace")
            if not is_oid(named):
                raise _no_end(level[oid])
            below.setdefault(named, level[oid])
        level = below
    if level:
        raise _no_end(next(iter(level.values())))


def _kinds(cwd: str | None, oids: list[str]) -> list[str]:
    """What each object is: commit, tree, blob or tag. Raises GitError: one is not here."""
    found: list[str] = []
    for at in range(0, len(oids), _TOGETHER):
        asked = oids[at : at + _TOGETHER]  # so few that what git answers fits a pipe
        request = "".join(f"{oid}\n" for oid in asked).encode()
        said = run(cwd, "cat-file", "--batch-check=%(objecttype)", inherit=True, given=request)
        rows = said.decode("ascii", "replace").splitlines()
        for row in rows:
            if row.endswith(" missing"):
                raise GitError(f"git has not the object {row.split()[0]}", hint="run: git fsck")
        found += rows
    return found


def _no_end(tip: str) -> GitError:
    return GitError(f"the tag {tip} cannot be followed to a commit", hint="run: git fsck")


def _tree(cwd: str | None, oid: str, tip: str) -> Iterator[CommittedFile]:
    empty = run(cwd, "hash-object", "-t", "tree", "/dev/null", inherit=True).decode().strip()
    raw = run(
        cwd, "diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", empty, oid,
        inherit=True,
    )  # fmt: skip
    found = entries(raw)
    contents = blobs(cwd, [new for new, _ in found.values()], list(found))
    for (path, (new, _)), data in zip(found.items(), contents, strict=True):
        yield CommittedFile(path, data, None, cwd, commit=tip, oid=new)
