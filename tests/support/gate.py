"""Every way to make a commit, every place for a secret in one, and what credguard does about it.

A way is a function over a Cell: a repository with the hooks installed, a remote, and a secret to
bring in. It says which git command has to be the one that is blocked.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import samples

BLOCKED, TOLD, PUSH, NONE = "blocked", "told", "at push", "-"
SECRET_SEED = 77


class Stopped(Exception):
    """Our hook stopped a git command."""


def text(seed: int = SECRET_SEED) -> str:
    """One line that holds a secret."""
    return f"aws_secret_access_key = {samples.aws_secret(seed)}"


@dataclass
class Cell:
    """A clone of `upstream` at `repo`, hooks installed; `put` and `message` bring the secret in."""

    folder: Path
    place: "Place"
    encode: Callable[[str], bytes]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> Path:
        return self.folder / "repo"

    @property
    def message(self) -> str:
        return f"x\n\n{text()}\n" if self.place.name == "commit message" else "x"

    def git(self, *args: str, cwd: Path | None = None, stdin: str = "", **env: str) -> str:
        """Standard output. Raises Stopped when a hook of ours stopped it."""
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.repo, input=stdin.encode(), capture_output=True,
            timeout=60, check=False, env={**os.environ, **self.env, **env},
        )  # fmt: skip
        said = done.stderr.decode("utf-8", "replace")
        # What git itself says before, of white space for instance, may show lines.
        assert samples.aws_secret(SECRET_SEED) not in said.partition("credguard:")[2]
        if done.returncode != 0:
            if "credguard: blocked: " in said:
                raise Stopped(said)
            raise AssertionError(f"git {args}: {said}")
        return done.stdout.decode("utf-8", "replace").strip()

    def put(self, top: Path | None = None) -> None:
        """Bring the secret into the work tree."""
        top = top or self.repo
        self.place.put(top, self.encode)

    def staged(self, top: Path | None = None) -> None:
        self.put(top)
        self.git("add", "-A", cwd=top)

    def hidden(self, parent: str = "HEAD", onto: Path | None = None) -> str:
        """A commit with the secret that no hook and no reflog has seen; the work tree stays."""
        top = onto or self.repo
        index = str(self.folder / "other-index")
        self.git("read-tree", parent, cwd=top, GIT_INDEX_FILE=index)
        self.put(top)
        self.git("add", "-A", cwd=top, GIT_INDEX_FILE=index)
        tree = self.git("write-tree", cwd=top, GIT_INDEX_FILE=index)
        oid = self.git("commit-tree", tree, "-p", parent, "-m", self.message, cwd=top)
        self.git("reset", "-q", "--hard", cwd=top)
        self.git("clean", "-qfdx", cwd=top)
        return oid


@dataclass(frozen=True)
class Place:
    name: str
    put: Callable[[Path, Callable[[str], bytes]], None]
    plain_only: bool = False


def _file(name: bytes) -> Callable[[Path, Callable[[str], bytes]], None]:
    def put(top: Path, encode: Callable[[str], bytes]) -> None:
        path = os.path.join(os.fsencode(top), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(encode(f"# mine\n{text()}\n"))

    return put


def _changed(top: Path, encode: Callable[[str], bytes]) -> None:
    (top / "old.ini").write_bytes(encode(f"kept = 1\n{text()}\n"))


def _symlink(top: Path, _encode: Callable[[str], bytes]) -> None:
    (top / "link").symlink_to(text())


def _turned(top: Path, _encode: Callable[[str], bytes]) -> None:
    (top / "old.ini").unlink()
    (top / "old.ini").symlink_to(text())


def _no_diff(top: Path, encode: Callable[[str], bytes]) -> None:
    (top / ".gitattributes").write_text("* -diff -text\n")
    _file(b"hidden.ini")(top, encode)


def _binary(top: Path, encode: Callable[[str], bytes]) -> None:
    (top / "image.bin").write_bytes(b"\x7fELF\0\0\0\0\n" + text().encode() + b"\n\0\0")


def _harmless(top: Path, _encode: Callable[[str], bytes]) -> None:
    (top / "old.ini").write_text("kept = 1\nmore = 1\n")


PLACES = (
    Place("new file", _file(b"new.ini")),
    Place("changed file", _changed),
    Place("odd name", _file(b"caf\xe9 \n\"'\t-rf.ini")),
    Place("deep folder", _file(b"/".join([b"d"] * 60) + b"/x.ini")),
    Place("-diff attribute", _no_diff),
    Place("binary file", _binary, plain_only=True),
    Place("symlink target", _symlink, plain_only=True),
    Place("file to symlink", _turned, plain_only=True),
    Place("commit message", _harmless, plain_only=True),
)

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda t: t.encode(),
    "UTF-8 with a mark": lambda t: t.encode("utf-8-sig"),
    "UTF-16 little": lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
    "UTF-16 big": lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
    "CR LF": lambda t: t.replace("\n", "\r\n").encode(),
    "Latin-1 around it": lambda t: b"\xe9\xff " + t.encode() + b"\xfc\n",
}


@dataclass(frozen=True)
class Way:
    """`outcome`: what happens; `not_in`: places that this way cannot bring a secret to."""

    name: str
    run: Callable[[Cell], Path | None]
    outcome: str
    not_in: frozenset[str] = frozenset()
    shown: str = ""
    differs: tuple[tuple[str, str], ...] = ()

    def expected(self, place: Place) -> str:
        if place.name in self.not_in:
            return NONE
        return dict(self.differs).get(place.name, self.outcome)


WAYS: list[Way] = []


def encodings(way: Way, place: Place) -> list[str]:
    """The encodings in which `way` can bring a secret to `place`."""
    if place.plain_only:
        return ["UTF-8"]
    # `git commit --patch` offers no text with NUL bytes.
    wide = way.name != "commit_patch"
    return [name for name in ENCODINGS if wide or not name.startswith("UTF-16")]


def way(
    outcome: str, shown: str, *not_in: str, **differs: str
) -> Callable[[Callable[[Cell], Path | None]], Callable[[Cell], Path | None]]:
    """Add a way; `shown` is its row in the table. It gives the folder it worked in (None: repo)."""

    def add(run: Callable[[Cell], Path | None]) -> Callable[[Cell], Path | None]:
        other = tuple((name.replace("_", " "), value) for name, value in differs.items())
        WAYS.append(Way(run.__name__, run, outcome, frozenset(not_in), shown, other))
        return run

    return add


def make_base(folder: Path, install: Callable[[Path], None]) -> None:
    """What every cell is a copy of: `upstream`, a bare remote, and `repo`, with some history."""
    env = {**os.environ, "GIT_COMMITTER_DATE": "@1600000000 +0000"}

    def git(cwd: Path, *args: str) -> None:
        subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True, env=env)

    repo = folder / "repo"
    git(folder, "init", "-q", "--bare", "upstream")
    git(folder, "init", "-q", "repo")
    git(repo, "remote", "add", "origin", "../upstream")
    (repo / "old.ini").write_text("kept = 1\n")
    (repo / "a").write_text("one\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "first")
    for name in ("left", "right"):
        git(repo, "checkout", "-qb", name, "main")
        (repo / name).write_text(name)
        (repo / "a").write_text(f"{name}\n" if name == "left" else "one\n")
        git(repo, "add", ".")
        git(repo, "commit", "-qm", name)
    git(repo, "checkout", "-q", "main")
    git(repo, "push", "-q", "origin", "--all")
    install(repo)


def copy_base(base: Path, folder: Path) -> None:
    shutil.copytree(base, folder, symlinks=True)
