"""The hook that git runs: looks at what is staged, in the time nobody notices.

Started by the shim under `python -I -S`, so the current folder, a repository that may hold a
package of our name, is not on sys.path. Imports almost nothing; see tests/arch.
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
    from collections.abc import Callable, Collection

    from credguard.scan.engine import Engine
    from credguard.scan.layers import Scanned
    from credguard.scan.model import Finding

_SHOWN = 20
_DEEPER_S = 10.0
"""So long may the whole commit's archives and encoded texts be read; the texts always are."""


def findings(
    cwd: str | None = None, allowed: Collection[bytes] = ()
) -> tuple[list[Finding], list[tuple[bytes, str]]]:
    """The secrets, of medium confidence and above, that the next commit would add.

    And what could not be read to its end, with why; not told of the paths `allowed`.
    Raises CredguardError when that cannot be told.
    """
    staging = Staging(cwd)  # git works while the rules are loaded
    from credguard.scan.engine import layered, on_lines, plain
    from credguard.sources.database import load_engine

    engine = load_engine(cache_dir())
    found: list[Finding] = []
    problems: list[tuple[bytes, str]] = []
    expired = None
    for file in staging:
        data = plain(file.data)
        hits, probed = engine.examine(data, file.path)
        if layered(data, probed):
            expired = expired or _deadline()
            scanned = _below(engine, data, file.path, hits, probed, expired)
            hits = scanned.findings
            if file.path not in allowed:
                problems += scanned.problems
        hits = [hit for hit in hits if hit.confidence >= MEDIUM]
        if hits:
            from credguard.scan.allow import Allow

            # Lines of an archive's member are not those of the file.
            here = [hit for hit in hits if hit.path == file.path]
            Allow().judge(here, data, file.path)
            here = [hit for hit in here if not hit.allowed]
            found += on_lines(here, file.added) + [hit for hit in hits if hit.path != file.path]
    return found, problems


def _deadline() -> Callable[[], bool]:
    from time import monotonic

    end = monotonic() + _DEEPER_S
    return lambda: monotonic() > end


def _below(
    engine: Engine,
    data: bytes,
    path: bytes,
    hits: list[Finding],
    probed: dict[str, list[int]],
    expired: Callable[[], bool],
) -> Scanned:
    from credguard.scan.layers import Limits, scan_below

    return scan_below(engine, data, path, hits, probed, Limits(expired=expired))


def report(found: list[Finding]) -> str:
    """What the person reads: each finding's place, rule and masked value, then what to do."""
    noun = "secret" if len(found) == 1 else "secrets"
    lines = [f"credguard: blocked, {len(found)} {noun} in what is staged"]
    lines += [
        f"  {printable(hit.path)}:{hit.line}  {hit.rule_id}  {printable(hit.masked())}"
        + (f"  in {hit.via}" if hit.via else "")
        for hit in found[:_SHOWN]
    ]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more; see: credguard scan --staged")
    lines += [
        "What to do:",
        "  take it out of the file, stage the file again with git add, and commit;",
        "  a real one that was shared or pushed before: replace it (AWS: credguard rotate);",
        "  not a secret: write credguard:allow in a comment on its line.",
    ]
    return "\n".join(lines) + "\n"


def unread(problems: list[tuple[bytes, str]]) -> str:
    """What the person reads when nothing was found, but not all could be looked at."""
    lines = ["credguard: blocked, not all of what is staged could be read"]
    lines += [f"  {printable(path)}: {printable(why)}" for path, why in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more; see: credguard scan --staged")
    lines.append("  to commit it unread is your own decision: git commit --no-verify")
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody listens; the exit code still blocks


def run() -> int:
    """Look at what is staged, tell the person, give the exit code."""
    try:
        found, problems = findings()
    except CredguardError as error:
        hint = f"  hint: {printable(error.hint)}\n" if error.hint else ""
        _say(
            "credguard: blocked, could not tell whether a secret is staged: "
            f"{printable(str(error))}\n{hint}"
            "  to commit unchecked is your own decision: git commit --no-verify\n"
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        _say("credguard: blocked, too little memory to read what is staged\n")
        return 2
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback could show a secret
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        _say(
            f"credguard: blocked by a bug of its own: {type(error).__name__} at {place}\n"
            "  please report it; to commit unchecked is your own decision:"
            " git commit --no-verify\n"
        )
        return 3
    if found:
        _say(report(found))
        return 1
    if problems:
        _say(unread(problems))
        return 2
    return 0


def main() -> None:
    """Exit with what `run` gives, without the interpreter's clean-up: everything was only read."""
    code = run()
    sys.stdout.flush()
    os._exit(code)
