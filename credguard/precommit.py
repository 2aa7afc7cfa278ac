"""The hook that git runs: looks at what is staged, in the time nobody notices.

Started by the shim under `python -I -S`, so the current folder, a repository that may hold a
package of our name, is not on sys.path. Imports almost nothing; see tests/arch. The other hooks
(`commitmsg`, `prepush`) share the boundary here.
Exit codes: 0 clean, 1 findings, 2 could not tell, 3 a bug; git blocks on all but 0.
"""

from __future__ import annotations

import os
import sys

from credguard.errors import CredguardError
from credguard.paths import cache_dir
from credguard.scan.model import KEY_IDS, MEDIUM
from credguard.sources.git import printable
from credguard.sources.indexed_rules import IndexedRules
from credguard.sources.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import NoReturn

    from credguard.report.blocked import Hit
    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding, Limits
    from credguard.sources.indexed import Settings
    from credguard.sources.lfs import Aside
    from credguard.sources.staging import StagedFile

    # What blocks; what could not be read to its end, with why; how many files were looked at.
    Found = tuple[list[Hit], list[tuple[bytes, str]], int]

COMMIT, MESSAGE, PUSH = "commit", "message", "push"
"""What was looked at."""
_SHOWN = 20
_ASIDE = 256 << 20
"""So many bytes of what Git LFS keeps beside git are read."""
# So many files up to that size are kept in mind for the secret of a key id in another file.
_SMALL, _MOST_SMALL = 4096, 500
_DEEPER_S = 10.0
"""So long may all archives and encoded texts be read; the texts themselves always are."""
_SUBJECT = {
    COMMIT: "what is staged",
    MESSAGE: "the commit message",
    PUSH: "what would be pushed",
}
_COMMAND = {COMMIT: "commit", MESSAGE: "commit", PUSH: "push"}
_ANYWAY = {
    COMMIT: "to commit unchecked is your own decision: git commit --no-verify",
    MESSAGE: "to commit unchecked is your own decision: git commit --no-verify",
    PUSH: "to push unchecked is your own decision: git push --no-verify",
}


def engine() -> Engine:
    """The compiled rules, and the person's own secrets. Raises CredguardError."""
    from credguard.sources.database import load_engine
    from credguard.sources.own import armed

    return armed(load_engine(cache_dir()))


class Look:
    """What blocks in one file after the other, in all its layers. Not for several threads.

    `problems`: what could not be read to its end, and why.
    """

    def __init__(
        self,
        scanner: Engine,
        unread_ok: Collection[bytes] = (),
        rules: IndexedRules | None = None,
        cwd: str | None = None,
    ) -> None:
        """`unread_ok`: paths whose problems a person takes upon them. `rules`: own ones, too."""
        self._cwd = cwd
        self._aside: Aside | None = None
        self._rules = rules
        self._scanner = scanner
        self._unread_ok = unread_ok
        self._expired: Callable[[], bool] | None = None
        self.problems: list[tuple[bytes, str]] = []
        self.scanned = 0

    def follow(self, file: StagedFile) -> None:
        """Where `file` is a pointer of Git LFS, put what it stands for in its place, if it is here.

        Raises GitError.
        """
        if not file.data.startswith(b"version https://"):
            return
        from credguard.sources.lfs import Aside

        if self._aside is None:
            self._aside = Aside(self._cwd, _ASIDE)
        self._aside.follow(file)
        self._said(self._aside.problems)
        self._aside.problems.clear()

    def of(self, file: StagedFile) -> list[Finding]:
        """As `hits`, of a file in git; `follow` it before."""
        return self.hits(file.data, file.path, aside=file.aside is not None)

    def _said(self, problems: list[tuple[bytes, str]]) -> None:
        for path, why in problems:
            say(f"credguard: not read to its end: {printable(path)}: {printable(why)}\n")

    def hits(self, data: bytes, path: bytes, *, aside: bool = False) -> list[Finding]:
        """The secrets in `data` that block: of medium confidence and above.

        Those in a member of an archive have a path of their own. `aside`: it is not in git itself
        and may be of any size, so what cannot be read is said, and does not block. Raises
        ConfigError: an own rule is invalid; GitError.
        """
        from credguard.scan.whole import scan_all

        self.scanned += 1
        joined = self._rules.joined(self._scanner, path) if self._rules is not None else None
        scanned = scan_all(joined or self._scanner, data, path, self._limits)
        if aside:
            self._said(scanned.problems)
        elif path not in self._unread_ok:
            self.problems += scanned.problems
        if joined is not None:
            cut = joined.problems()
            self.problems += cut if path not in self._unread_ok else []
        return [hit for hit in scanned.findings if hit.confidence >= MEDIUM]

    def _limits(self) -> Limits:
        from time import monotonic

        from credguard.scan.model import Limits

        if self._expired is None:
            end = monotonic() + _DEEPER_S
            self._expired = lambda: monotonic() > end
        return Limits(expired=self._expired)


def fresh(hits: list[Finding], file: StagedFile, settings: Settings) -> list[Finding]:
    """Those of `hits` in `file` that it brings and that neither a mark nor `settings` lets pass."""
    from credguard.scan.engine import on_lines, plain

    # Lines of an archive's member are not those of the file.
    here = [hit for hit in hits if hit.path == file.path]
    beside = [hit for hit in hits if hit.path != file.path]
    here = settings.judged(on_lines(here, file.added), plain(file.data), file.path)
    return here + settings.judged(beside, b"", file.path)


def in_names(scanner: Engine, names: Collection[bytes]) -> list[Finding]:
    """Own secrets in the names of files and references; a finding's line counts the names."""
    own = scanner.own
    return own.merged(b"\n".join(names), b"(a name)", []) if own is not None and names else []


def findings(
    cwd: str | None = None, unread_ok: Collection[bytes] = (), against: str | None = None
) -> tuple[list[Finding], Look]:
    """The secrets, of medium confidence and above, that the next commit would add.

    And the Look that has what could not be read; not of the paths `unread_ok`. `against`: a tree to
    compare with instead of HEAD. Raises CredguardError when that cannot be told.
    """
    staging = Staging(cwd, against)  # git works while the rules are loaded
    scanner = engine()
    look = Look(scanner, unread_ok, IndexedRules(cwd), cwd)
    settings: Settings | None = None
    found: list[Finding] = []
    names = []
    small: list[StagedFile] = []
    for file in staging:
        names.append(file.path)
        look.follow(file)
        hits = look.of(file)
        if not hits and len(file.data) < _SMALL and len(small) < _MOST_SMALL:
            small.append(file)
        if hits:
            from credguard.sources.indexed import Settings

            settings = settings or Settings(cwd, say=say)
            found += fresh(hits, file, settings)
    if settings is not None:
        if any(each.rule_id in KEY_IDS for each in found):
            found = paired(found, small, settings)
        settings.tell()
    return found + in_names(scanner, names), look


def paired(found: list[Finding], small: list[StagedFile], settings: Settings) -> list[Finding]:
    """`found`, and secrets in files of `small` that a key id stands beside, in a staged file."""
    from credguard.scan.pairing import Folders, alone, named

    folders = Folders()
    folders.add(found, 0)
    for file in small:
        if named(file.path):
            single = alone(file.data, file.path, [])
            if single is not None:
                folders.add((), len(found), [(0, each) for each in fresh([single], file, settings)])
    return found + [each for _, each, is_found in folders.pairs() if not is_found]


def kept(found: list[Hit]) -> list[Hit]:
    """Those of `found` that block: without what CREDGUARD_SKIP lets pass, told and noted."""
    text = os.environ.get("CREDGUARD_SKIP", "")
    if not text:
        return found
    from credguard.scan.skip import Skips
    from credguard.sources.notes import SKIPS, leave

    skips = Skips(text)
    if skips.problem:
        say(f"credguard: {skips.problem}\n")
    blocking = []
    for hit in found:
        reason = skips.reason(hit[0].rule_id, hit[0].path)
        if reason is None:
            blocking.append(hit)
            continue
        place = f"{printable(hit[0].path)}:{hit[0].line}"
        say(f"credguard: let pass: {place}  {hit[0].rule_id}: {printable(reason)}\n")
        leave(SKIPS, os.getcwd(), place, hit[0].rule_id, printable(reason))
    return blocking


def _unread_kept(problems: list[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
    """As `kept`, of what could not be read: by its path."""
    text = os.environ.get("CREDGUARD_SKIP", "")
    if not text:
        return problems
    from credguard.scan.skip import Skips
    from credguard.sources.notes import SKIPS, leave

    skips = Skips(text)
    blocking = []
    for path, why in problems:
        reason = skips.reason("", path.partition(b"!")[0])
        if reason is None:
            blocking.append((path, why))
            continue
        say(f"credguard: let pass unread: {printable(path)}: {printable(reason)}\n")
        leave(SKIPS, os.getcwd(), printable(path), "unread", printable(reason))
    return blocking


def unread(problems: list[tuple[bytes, str]], what: str) -> str:
    """What the person reads when nothing was found, but not all could be looked at."""
    lines = [f"credguard: blocked, not all of {_SUBJECT[what]} could be read"]
    lines += [f"  {printable(path)}: {printable(why)}" for path, why in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more")
    path = printable(problems[0][0].partition(b"!")[0]).replace("'", "'\\''")
    lines.append(f"  to let it pass unread: CREDGUARD_SKIP='{path}:why' git {_COMMAND[what]}")
    lines.append(f"  {_ANYWAY[what]}")
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    """Write `text` to standard error, whatever becomes of it."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody listens; the exit code still blocks


def guarded(what: str, look: Callable[[], Found]) -> int:
    """Tell the person what `look` finds, or why it could not; the exit code.

    `what`: COMMIT, MESSAGE or PUSH.
    """
    try:
        found, problems, _ = look()
        if found:
            found = kept(found)
        if found:
            say(_blocked(found, what))
            return 1
        if problems:
            problems = _unread_kept(problems)
        if problems:
            say(unread(problems, what))
            return 2
        return 0
    except CredguardError as error:
        hint = f"  hint: {printable(error.hint)}\n" if error.hint else ""
        say(
            f"credguard: blocked, could not tell whether a secret is in {_SUBJECT[what]}: "
            f"{printable(str(error))}\n{hint}  {_ANYWAY[what]}\n"
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        say(f"credguard: blocked, too little memory to read {_SUBJECT[what]}\n")
        return 2
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback could show a secret
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        say(
            f"credguard: blocked by a bug of its own: {type(error).__name__} at {place}\n"
            f"  please report it; {_ANYWAY[what]}\n"
        )
        return 3


def _blocked(found: list[Hit], what: str) -> str:
    from credguard.report.blocked import text_for_person

    terminal = os.isatty(2)
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = os.get_terminal_size(2).columns if terminal else 0
    return text_for_person(found, what, colour=colour, width=width)


def look_at_index(against: str | None = None) -> Found:
    """As `findings`, in the form that `guarded` takes."""
    found, look = findings(against=against)
    return [(hit, "") for hit in found], look.problems, look.scanned


def run() -> int:
    """Look at what is staged, tell the person, give the exit code."""
    return guarded(COMMIT, look_at_index)


def leave_with(code: int) -> NoReturn:
    """Exit without the interpreter's clean-up: everything was only read."""
    sys.stdout.flush()
    os._exit(code)


def main() -> None:
    """Exit with what `run` gives."""
    leave_with(run())
