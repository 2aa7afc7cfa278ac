"""Runs the demo's steps, narrates them, and tells at the end what held."""

import os
import signal
import sys
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from credguard import paths
from credguard.demo.steps import STEPS, Step
from credguard.demo.world import DemoFailed, World
from credguard.errors import CredguardError

_INTRODUCTION = """\
This shows credguard's main job from start to end: the real commands, a real git
repository, and an AWS simulator on this machine, all in a throw-away home.
It never touches your own files, your keyring or your AWS account."""
_YOURS = ("~/.aws/credentials", "~/.aws/config", "~/.gitconfig", "~/.ssh")
_OURS = (paths.config_file, paths.database_file, paths.vault_file, paths.log_file)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state`: held, failed or not run; `why`: what failed, else empty."""

    title: str
    claim: str
    state: str
    seconds: float
    why: str = ""


def _yours() -> dict[str, tuple[int, int, int] | None]:
    """What tells a changed file from an untouched one, for the person's own files."""
    found: dict[str, tuple[int, int, int] | None] = {}
    for name in [os.path.expanduser(name) for name in _YOURS] + [name() for name in _OURS]:
        try:
            status = os.stat(name)
        except OSError:
            found[name] = None
        else:
            found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def run(console: Console, *, keep: bool) -> list[Outcome]:
    """Run every step; after one that fails the rest is `not run`. Narrates on `console`.

    The home is removed at the end and when interrupted, unless `keep`.
    """
    console.print(_INTRODUCTION + "\n", soft_wrap=True)
    yours = _yours()
    outcomes: list[Outcome] = []
    world = World()
    previous = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        for number, step in enumerate(STEPS, 1):
            if outcomes and outcomes[-1].state != "held":
                outcomes.append(Outcome(step.title, step.claim, "not run", 0))
            else:
                outcomes.append(_run_step(console, world, number, step))
    finally:
        for number in (*_ENDING, signal.SIGINT):  # a second Ctrl-C does not stop the cleaning up
            previous.setdefault(number, signal.getsignal(number))
            signal.signal(number, signal.SIG_IGN)
        try:
            world.close(keep=keep)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    same = "held" if _yours() == yours else "failed"
    outcomes.append(Outcome("Your own files", "none was touched", same, 0))
    if keep:
        console.print(f"Kept: {world.top}")
    return outcomes


_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _run_step(console: Console, world: World, number: int, step: Step) -> Outcome:
    console.print(f"[{number}/{len(STEPS)}] {step.title}: {step.doing}", soft_wrap=True)
    started = time.monotonic()
    why = ""
    columns = (
        SpinnerColumn(),
        BarColumn(20),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown as bar:
        bar.add_task(step.title, total=len(STEPS), completed=number - 1)

        def tell(line: str) -> None:
            console.print(f"  {line}", soft_wrap=True)

        world.tell = tell
        try:
            lines = step.run(world)
        except CredguardError as error:
            why = str(error)
            lines = [f"FAILED: {why}"]
    for line in lines:
        console.print(f"  {line if line.startswith('    ') else '> ' + line}", soft_wrap=True)
    state = "failed" if why else "held"
    return Outcome(step.title, step.claim, state, time.monotonic() - started, why)


def show_summary(console: Console, outcomes: list[Outcome]) -> None:
    """Print one line a step and the verdict."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("Step", "Claim", "Result", "Seconds"):
        table.add_column(title, justify="right" if title == "Seconds" else "left")
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
        table.add_row(outcome.title, outcome.claim, outcome.state, seconds)
    console.print()
    console.print(table)
    held = sum(outcome.state == "held" for outcome in outcomes)
    console.print(f"\n{held} of {len(outcomes)} claims held.")


def demo(*, keep: bool, as_json: bool) -> list[Outcome]:
    """Run and tell; the outcomes. Raises DemoFailed when a claim did not hold."""
    console = Console(stderr=as_json, highlight=False, markup=False)
    outcomes = run(console, keep=keep)
    show_summary(console, outcomes)
    if as_json:
        import dataclasses
        import json

        sys.stdout.write(json.dumps([dataclasses.asdict(row) for row in outcomes], indent=2) + "\n")
    failed = [outcome.title for outcome in outcomes if outcome.state == "failed"]
    if failed:
        raise DemoFailed(f"the demo failed at: {', '.join(failed)}")
    return outcomes
