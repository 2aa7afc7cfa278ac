"""Use case: run the periodic jobs that are due, and say what a person is to be told.

Each job's times are kept in the state database, so that one that was due while the machine was off
is caught up, and one that dies midway is run again, after the others.
"""

import random
from collections.abc import Iterable

from credguard import config as settings
from credguard import paths, power
from credguard.app.context import Context
from credguard.app.jobs import JOBS
from credguard.app.periodic import EVERY_LOOK, Job, Note, worth_telling
from credguard.atomic import locked
from credguard.errors import Busy, ConfigError, CredguardError, StoreError
from credguard.store import notices, problems, schedule

_PREFIX = "job."
# So that the machines of a team, started together, do not ask AWS together for ever.
_JITTER = 0.1
_LONGEST_RETRY_S = 6 * 3600.0


def tick(ctx: Context, jobs: Iterable[Job] = JOBS) -> list[Note]:
    """Run every job that is due; what there is to say, for log and person.

    One at a time in all processes: where another runs them, nothing is done here. Raises
    StoreError, ConfigError; every other failure is a note, and keeps no other job from running.
    """
    paths.private_dir(paths.state_dir())
    try:
        with locked(paths.lock_file("tick"), deadline_s=0):
            return [note for job in jobs if _due(ctx, job) for note in _run(ctx, job)]
    except Busy:
        what = "another process runs them"
        return [Note("periodic jobs", what, "", failed=False, tell=False, problem=False)]
    except OSError as exc:
        raise StoreError(f"cannot write in {paths.state_dir()}: {exc.strerror}") from exc


def tell(ctx: Context, note: Note) -> None:
    """Notify a person of `note`: by the service where it runs, which keeps to the quiet hours."""
    from credguard.app.status import daemon_state
    from credguard.notify import desktop

    body = f"{note.what}; {note.hint}" if note.hint else note.what
    if daemon_state() == "running":
        notices.add(ctx.db, ctx.now(), note.title, body, urgent=note.failed)
    elif ctx.config.watch.notify:
        desktop.notify(note.title, body)
    told(ctx, note)


def told(ctx: Context, note: Note) -> None:
    """A person was notified of `note`, or the log was all there is."""
    if note.problem:
        problems.mark_told(ctx.db, note.subject)


def _every(ctx: Context, job: Job) -> float | None:
    """Seconds; None: the setting switches the job off."""
    if job.every == EVERY_LOOK:
        return 0.0
    if "." not in job.every:
        return float(settings.seconds(job.every))
    return float(settings.seconds(str(settings.get(ctx.config, job.every)))) or None


def _due(ctx: Context, job: Job) -> bool:
    every = _every(ctx, job)
    if every is None:
        return False
    now, at = ctx.now(), schedule.get(ctx.db, _PREFIX + job.name).next_run
    if at is None or not every or at - now > every * (1 + _JITTER) + _LONGEST_RETRY_S:
        at = now  # never run, or a clock that was ahead had set it, or the setting was shortened
    if now < at:
        return False
    return not _put_off(ctx, job, now)


def _put_off(ctx: Context, job: Job, now: float) -> bool:
    """Whether the job, which is due, waits for mains power or for a network without a meter."""
    battery = job.heavy and not ctx.config.schedule.on_battery and power.on_battery()
    if not battery and not (job.network and not ctx.config.schedule.on_metered and power.metered()):
        return False
    first = schedule.get(ctx.db, _waits(job)).last_run
    if first is None or first > now:
        first = now
        schedule.put(ctx.db, _waits(job), schedule.Entry(now, None))
    return now - first < settings.seconds(job.patience) and not job.urgent(ctx)


def _waits(job: Job) -> str:
    """The row of table schedule with the time since when the job is put off."""
    return f"{_PREFIX}{job.name}.waits"


def _run(ctx: Context, job: Job) -> list[Note]:
    name, every, start = _PREFIX + job.name, _every(ctx, job) or 0.0, ctx.now()
    last = schedule.get(ctx.db, name).last_run
    if every:
        # Written before: one that ends the process is not run first thing again, before all others.
        retry = schedule.Entry(last, start + min(every / 24, _LONGEST_RETRY_S))
        schedule.put(ctx.db, name, retry)
    schedule.remove(ctx.db, _waits(job))
    try:
        notes = job.run(ctx)
    except (StoreError, ConfigError):
        raise
    except CredguardError as error:
        return [_failed(ctx, job, error)]
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        text = f"{where}{exc.strerror or type(exc).__name__}"
        return [_failed(ctx, job, CredguardError(text))]
    if any(note.failed for note in notes):
        return notes
    wait = every * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
    schedule.put(ctx.db, name, schedule.Entry(start, start + wait))
    problems.solve(ctx.db, start, _subject(job))
    return notes


def _subject(job: Job) -> str:
    return f"periodic job {job.name}"


def _failed(ctx: Context, job: Job, error: CredguardError) -> Note:
    now = ctx.now()
    problem = problems.put(
        ctx.db, now, _subject(job), type(error).__name__, str(error), error.hint or ""
    )
    tell = worth_telling(problem, error, now)
    title = f"credguard: could not {job.what}"
    return Note(_subject(job), str(error), error.hint or "", failed=True, tell=tell, title=title)
