"""`credguard scan --stdin` for an editor that calls it at each save: under 60 ms, so few imports.

Takes the plain calls only; what it does not know is left to click, which knows all.
"""

from __future__ import annotations

import os
import sys

from credguard.errors import CredguardError
from credguard.paths import cache_dir
from credguard.scan.model import CONFIDENCE_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credguard.app.findings import Maker
    from credguard.app.scan_batch import Batch

_WITH_VALUE = ("--path", "--confidence", "--format")
_PLAIN = ("--stdin", "--json", "--lenient", "--quiet")
_STYLES = ("text", "json", "jsonl")
_HELD = 20_000  # findings; more are on the disk


def run(arguments: list[str]) -> None:
    """Scan standard input and exit as `credguard scan` does; comes back when click must do it."""
    options = _options(arguments)
    if options is None or sys.stdout is None or sys.stderr is None:
        return
    try:
        if sys.stdin is None:
            raise CredguardError("standard input is closed", hint="send the text: ... < FILE")
        code, text, told = _scan(options)
    except CredguardError as error:
        from credguard.sources.git import printable

        hint = f"  hint: {printable(error.hint)}\n" if error.hint else ""
        code, text, told = error.exit_code, (), f"credguard: {printable(str(error))}\n{hint}"
    except KeyboardInterrupt:
        code, text, told = 130, (), "credguard: interrupted\n"
    except OSError as error:
        code, text, told = 2, (), f"credguard: cannot read standard input: {error.strerror}\n"
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback could show a secret
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        code, text, told = 3, (), f"credguard: a bug: {type(error).__name__} at {place}\n"
    try:
        sys.stdout.writelines(text)
        sys.stdout.flush()
        sys.stderr.write(told)
        sys.stderr.flush()
    except OSError:
        code = 2  # nobody takes what was found
    # Without the interpreter's clean-up: everything was only read.
    os._exit(code)


def _options(arguments: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name in _WITH_VALUE:
            taken = value if equals else next(rest, None)
            if taken is None:
                return None
            found[name] = taken
        elif argument in _PLAIN:
            found[argument] = ""
        else:
            return None
    known = found.get("--confidence", "medium") in CONFIDENCE_NAMES.values()
    return found if known and found.get("--format", "text") in _STYLES else None


def pieces() -> Iterator[bytes]:
    """What stands on standard input, piece by piece."""
    while part := os.read(0, 1 << 20):
        yield part


def _scan(options: dict[str, str]) -> tuple[int, Iterable[str], str]:
    """Exit code, what goes to standard output, what goes to standard error."""
    from credguard.app.scan_batch import Batch, Setting, in_windows

    wanted = options.get("--confidence", "medium")
    least = next(level for level, name in CONFIDENCE_NAMES.items() if name == wanted)
    path = os.fsencode(options.get("--path", "<stdin>"))
    style = "json" if "--json" in options else options.get("--format", "text")
    batch, maker = Batch(), None
    for part in in_windows(Setting(cache_dir(), least), pieces(), path):
        batch.take(part)
        if len(batch.findings) >= _HELD:
            if maker is None:
                from credguard.app.findings import Maker

                maker = Maker(style)
            maker.take(batch.findings)
            batch.findings = []
    if maker is None and not batch.findings and not batch.problems and style != "json":
        return 0, (), ""
    shown, text, said = _report(batch, style, "--quiet" in options, maker)
    code = 1 if shown else 2 if batch.problems and "--lenient" not in options else 0
    return code, text, said


def _report(
    batch: Batch, style: str, quiet: bool, maker: Maker | None
) -> tuple[int, Iterable[str], str]:
    """How many findings it shows, the report, and what is told beside it.

    `maker`: has what came before `batch`, if much did.
    """
    from credguard.app import findings
    from credguard.cli import terminal

    report = (maker or findings.Maker(style)).report(batch.findings, batch.problems, batch.scanned)
    hidden, report.hidden = len(report.hidden), []
    text = findings.pieces(report, style, width=terminal.columns(0), colour=terminal.coloured())
    lines = findings.told(report, hidden, quiet=quiet)
    return len(report.rows), text, "".join(f"{line}\n" for line in lines)
