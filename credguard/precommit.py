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
from credguard.scan.model import MEDIUM
from credguard.sources.git import printable
from credguard.sources.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from credguard.report.blocked import Hit
    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding

COMMIT, MESSAGE, PUSH = "commit", "message", "push"
"""What was looked at."""
_ANYWAY = {
    COMMIT: "to commit unchecked is your own decision: git commit --no-verify",
    MESSAGE: "to commit unchecked is your own decision: git commit --no-verify",
    PUSH: "to push unchecked is your own decision: git push --no-verify",
}


def engine() -> Engine:
    """The compiled rules. Raises CredguardError."""
    from credguard.sources.database import load_engine

    return load_engine(cache_dir())


def hits_in(scanner: Engine, data: bytes, path: bytes) -> list[Finding]:
    """The secrets in `data` that block: of medium confidence and above."""
    return [hit for hit in scanner.scan(data, path) if hit.confidence >= MEDIUM]


def findings(cwd: str | None = None, against: str | None = None) -> list[Finding]:
    """The secrets, of medium confidence and above, that the next commit would add.

    `against`: a tree to compare with instead of HEAD. Raises CredguardError when that cannot be
    told.
    """
    staging = Staging(cwd, against)  # git works while the rules are loaded
    scanner = engine()
    found: list[Finding] = []
    for file in staging:
        hits = hits_in(scanner, file.data, file.path)
        if hits:
            from credguard.scan.engine import on_lines

            found += on_lines(hits, file.added)
    return found


def kept(found: list[Hit]) -> list[Hit]:
    """Those of `found` that block: without what CREDGUARD_SKIP lets pass, which is told and noted.

    What a repository's own settings and baseline allow is to be taken out here as well.
    """
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
        reason = skips.reason(hit[0])
        if reason is None:
            blocking.append(hit)
            continue
        place = f"{printable(hit[0].path)}:{hit[0].line}"
        say(f"credguard: let pass: {place}  {hit[0].rule_id}: {printable(reason)}\n")
        leave(SKIPS, os.getcwd(), place, hit[0].rule_id, printable(reason))
    return blocking


def say(text: str) -> None:
    """Write `text` to standard error, whatever becomes of it."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody listens; the exit code still blocks


def guarded(what: str, look: Callable[[], list[Hit]]) -> int:
    """Tell the person what `look` finds, or why it could not; the exit code.

    `what`: COMMIT, MESSAGE or PUSH.
    """
    try:
        found = look()
        if found:
            found = kept(found)
        if not found:
            return 0
        from credguard.report.blocked import text_for_person

        colour = (
            os.isatty(2) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        width = os.get_terminal_size(2).columns if os.isatty(2) else 0
        say(text_for_person(found, what, colour=colour, width=width))
        return 1
    except CredguardError as error:
        hint = f"  hint: {printable(error.hint)}\n" if error.hint else ""
        say(
            f"credguard: blocked, could not tell whether a secret is in the {what}: "
            f"{printable(str(error))}\n{hint}  {_ANYWAY[what]}\n"
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        say(f"credguard: blocked, too little memory to read the {what}\n")
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


def run() -> int:
    """Look at what is staged, tell the person, give the exit code."""
    return guarded(COMMIT, lambda: [(hit, "") for hit in findings()])


def leave_with(code: int) -> NoReturn:
    """Exit without the interpreter's clean-up: everything was only read."""
    sys.stdout.flush()
    os._exit(code)


def main() -> None:
    """Exit with what `run` gives."""
    leave_with(run())
