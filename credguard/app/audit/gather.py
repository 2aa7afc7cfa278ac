"""Reads one account, all at once, under a deadline; what fails is Unknown and hides no other."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from credguard.audit.facts import Facts, Instance, Region
from credguard.audit.known import NOT_ASKED, Fact, Unknown
from credguard.aws.audit import billing, iam, keeping, others, s3
from credguard.aws.audit.ec2 import Ec2, Look
from credguard.aws.audit.reader import Reader
from credguard.errors import AwsError

_PARALLEL = 12
DEADLINE_S = 600.0
Progress = Callable[[int, int], None]
_Jobs = dict[Any, Callable[[], Any]]
_EC2 = (
    "groups", "interfaces", "acls", "instances", "pairs", "images", "ebs", "templates", "patches",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose account, and how much of it. `regions` None: every one that is enabled.

    `facts`: names of reads.READS, so that nothing is read that no check asks for. `me`: the
    caller's user name, "" for a role. `changed_here`: when credguard changed its console
    password, None: it did not. `last_audit`: see Facts.
    """

    me: str
    profile: str
    arn: str
    own: bool
    facts: frozenset[str]
    regions: tuple[str, ...] | None
    now: float
    look: Look
    last_audit: float | None = None
    changed_here: float | None = None
    progress: Progress = field(default=lambda _done, _all: None)
    deadline_s: float = DEADLINE_S


def gather(reader: Reader, asked: Asked) -> Facts:
    """The facts. Two rounds: what is there, then each region, user and bucket of it. Reads only."""
    run = _Run(asked)
    first = run.all(_own_jobs(reader, asked) if asked.own else _account_jobs(reader, asked))
    names: Fact[tuple[str, ...]] = asked.regions or first.get("region_names", ())
    regions = (reader.home,) if isinstance(names, Unknown) else names
    jobs: _Jobs = {}
    for name in regions:
        jobs.update(_region_jobs(reader, name, asked))
    users = first.get("users", NOT_ASKED)
    if not isinstance(users, Unknown):
        jobs.update(
            {("user", n): partial(iam.user, reader, n, arn, asked.facts) for n, arn in users}
        )
    buckets = first.get("buckets", NOT_ASKED)
    if not isinstance(buckets, Unknown):
        logs = _log_buckets(first.get("trails", NOT_ASKED))
        jobs.update(
            {
                ("bucket", name): partial(s3.bucket, reader, name, where, logs=name in logs)
                for name, where in buckets
            }
        )
    second = run.all(jobs)
    return Facts(
        now=asked.now, partition=reader.partition, account=reader.account, me=asked.me,
        profile=asked.profile,
        own=asked.own, home=reader.home, last_audit=asked.last_audit, region_names=names,
        users=users if isinstance(users, Unknown) else _whole(second, "user", users),
        buckets=buckets if isinstance(buckets, Unknown) else _whole(second, "bucket", buckets),
        regions=tuple(_region(name, second) for name in regions),
        **{name: first.get(name, NOT_ASKED) for name in _ACCOUNT},
    )  # fmt: skip


_ACCOUNT: dict[str, Callable[[Reader], Any]] = {
    "summary": iam.summary,
    "root_devices": iam.root_devices,
    "report": iam.report,
    "password_policy": iam.password_policy,
    "authorization": iam.authorization,
    "account_block": s3.account_block,
    "trails": keeping.trails,
    "alarms": billing.alarms,
    "budgets": billing.budgets,
    "contact": keeping.contact,
}


# What one call reads beside the fact that it is named by.
_PARTS = {"users": ("user.", "key."), "buckets": ("bucket.",), "trails": ("trail.",),
          "alarms": ("alarm.",), "budgets": ("budget.",), "region_names": ("region.",)}  # fmt: skip


def _account_jobs(reader: Reader, asked: Asked) -> _Jobs:
    more: dict[str, Callable[[Reader], Any]] = {
        "users": iam.users,
        "buckets": s3.buckets,
        "region_names": others.region_names,
    }
    if asked.regions is not None:
        del more["region_names"]
    every = {**_ACCOUNT, **more}
    wanted = [
        name
        for name in every
        if name in asked.facts
        or any(each.startswith(_PARTS.get(name, "-")) for each in asked.facts)
    ]
    # The report first: AWS takes a while to make one.
    wanted.sort(key=lambda name: name != "report")
    return {name: partial(every[name], reader) for name in wanted}


def _own_jobs(reader: Reader, asked: Asked) -> _Jobs:
    jobs: _Jobs = {"users": lambda: [(asked.me, asked.arn)] if asked.me else []}
    if asked.regions is None and "region_names" in asked.facts:
        jobs["region_names"] = partial(others.region_names, reader)
    if asked.me and "report" in asked.facts:
        jobs["report"] = partial(iam.own_report, reader, asked.me, asked.arn, asked.changed_here)
    return jobs


def _log_buckets(trails: Fact[Any]) -> set[str]:
    return set() if isinstance(trails, Unknown) else {each.bucket for each in trails}


def _whole(found: dict[Any, Any], kind: str, names: list[tuple[str, str]]) -> Any:
    """All of a kind; one that could not be read at all makes the kind unknown."""
    every = [found[kind, name] for name, _ in names]
    return next((each for each in every if isinstance(each, Unknown)), tuple(every))


def _region_jobs(reader: Reader, name: str, asked: Asked) -> _Jobs:
    jobs: _Jobs = {
        "kms": partial(keeping.kms, reader, name),
        "log_groups": partial(keeping.log_groups, reader, name),
        "functions": partial(others.functions, reader, name, asked.look),
        "parameters": partial(others.parameters, reader, name, asked.look),
        "analyzer": partial(keeping.analyzer, reader, name),
        "detector": partial(keeping.detector, reader, name),
        "recorder": partial(keeping.recorder, reader, name),
        "hub": partial(keeping.hub, reader, name),
    }
    wanted = {(name, part): job for part, job in jobs.items() if f"region.{part}" in asked.facts}
    if any(f"region.{part}" in asked.facts for part in _EC2):
        wanted[name, "ec2"] = partial(_ec2, reader, name, asked)
    return wanted


def _ec2(reader: Reader, name: str, asked: Asked) -> dict[str, Any]:
    """One client for all of EC2's part: making one costs more than using it."""
    with reader.client("ec2", name) as made:
        here = Ec2(reader, name, made)
        look = asked.look if "instance.hidden" in asked.facts else None
        found: dict[str, Any] = {}
        if {"region.instances", "region.images"} & asked.facts:
            found["instances"] = here.instances(look)
        jobs: dict[str, Callable[[], Any]] = {
            "images": lambda: here.images(found["instances"]),
            "groups": lambda: here.groups(lists="group.listed" in asked.facts),
            "interfaces": here.interfaces,
            "acls": here.acls,
            "pairs": here.pairs,
            "ebs": here.ebs,
            "templates": lambda: here.templates(asked.look),
            "patches": lambda: _patches(reader, name, found["instances"]),
        }
        found.update({part: job() for part, job in jobs.items() if f"region.{part}" in asked.facts})
        return found


def _patches(reader: Reader, name: str, instances: Fact[tuple[Instance, ...]]) -> Fact[Any]:
    """Of no instance there are none, which saves a request in most regions."""
    return {} if instances == () else others.patches(reader, name)


def _region(name: str, found: dict[Any, Any]) -> Region:
    ec2 = found.get((name, "ec2"), NOT_ASKED)
    parts = {each: ec2 if isinstance(ec2, Unknown) else ec2.get(each, NOT_ASKED) for each in _EC2}
    more = (
        "kms", "log_groups", "functions", "parameters", "analyzer", "detector",
        "recorder", "hub",
    )  # fmt: skip
    return Region(name, **parts, **{each: found.get((name, each), NOT_ASKED) for each in more})


class _Run:
    """Jobs at work; what is not done by the deadline is Unknown."""

    def __init__(self, asked: Asked) -> None:
        self._progress = asked.progress
        self._deadline_s = asked.deadline_s
        self._end = time.monotonic() + asked.deadline_s
        self._done = self._all = 0

    def all(self, jobs: _Jobs) -> dict[Any, Any]:
        pool = ThreadPoolExecutor(_PARALLEL, "audit")
        self._all += len(jobs)
        running: dict[Future[Any], Any] = {pool.submit(job): name for name, job in jobs.items()}
        found: dict[Any, Any] = {}
        try:
            while running and (left := self._end - time.monotonic()) > 0:
                done, _ = wait(running, left, FIRST_COMPLETED)
                for each in done:
                    found[running.pop(each)] = _result(each)
                self._done += len(done)
                self._progress(self._done, self._all)
        finally:
            # A call that still waits ends by its own time-out.
            pool.shutdown(wait=False, cancel_futures=True)
        late = Unknown(f"it was not read within {self._deadline_s:.0f} s")
        return {**found, **dict.fromkeys(running.values(), late)}


def _result(done: "Future[Any]") -> Any:
    try:
        return done.result()
    except AwsError as error:
        return Unknown(str(error))
