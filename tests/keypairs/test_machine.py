"""Replacing a key: every crash point, alone and in pairs, and every effect that fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from credguard.errors import CredguardError, NetworkDown
from credguard.keypairs.driver import Driver, Outcome
from credguard.keypairs.machine import (
    Action,
    Line,
    Look,
    Record,
    State,
    from_json,
    next_step,
    successor,
)
from credguard.keypairs.model import Instance, Template

OLD, NEW = "k", "k-202611"


class Crash(BaseException):
    pass


@dataclass
class World:
    """What is real: the journal, the key here, EC2's pairs and instances' lines.

    `crash_at`: the numbers of the instants at which the process dies, before or after an effect;
    `failing`: effects that raise.
    """

    journalled: Record | None
    instances: list[Instance] = field(default_factory=list)
    here: set[str] = field(default_factory=lambda: {OLD})
    pairs: set[tuple[str, str]] = field(default_factory=set)
    lines: dict[str, set[str]] = field(default_factory=dict)
    in_use: str = OLD
    over: bool = False
    crash_at: tuple[int, ...] = ()
    failing: dict[str, int] = field(default_factory=dict)
    instant: int = 0
    word: bool = False

    def check(self) -> None:
        """What holds at every instant."""
        assert self.in_use in self.here
        for instance in self.instances:
            lines = self.lines[instance.id]
            assert lines & self.here, "nobody gets in any more"
            if OLD not in lines:
                record = self.journalled
                assert NEW in lines
                assert record is None or record.lines.get(instance.id) in {
                    Line.PROVEN, Line.REPLACED,
                }  # fmt: skip
            named = instance.key_name == OLD
            if named and not self.word:
                assert (OLD, instance.region) in self.pairs, "who can enter is not to be seen"
        if self.in_use == NEW:
            assert any(name == NEW for name, _ in self.pairs) or not self.regions()

    def regions(self) -> set[str]:
        return set(self.journalled.regions) if self.journalled else set()

    def effect(self, name: str, act: Callable[[], None]) -> None:
        self.tick()
        if self.failing.get(name, 0):
            self.failing[name] -= 1
            raise NetworkDown(f"{name} got no answer")
        act()
        self.check()
        self.tick()

    def tick(self) -> None:
        self.instant += 1
        if self.instant in self.crash_at:
            raise Crash

    # Effects

    def journal(self, record: Record) -> None:
        self.effect("journal", lambda: setattr(self, "journalled", from_json(record.to_json())))

    def look(self, record: Record) -> Look:
        return Look(
            frozenset(region for name, region in self.pairs if name == OLD),
            frozenset(region for name, region in self.pairs if name == NEW),
            carrying=tuple(each for each in self.instances if each.key_name == OLD),
        )

    def make(self, record: Record) -> None:
        self.effect("make", lambda: self.here.add(NEW))

    def register(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        assert NEW in self.here
        failed = {}
        for region in regions:
            if self.failing.get(f"register {region}", 0):
                self.failing[f"register {region}"] -= 1
                failed[region] = NetworkDown("no answer")
            else:
                self.effect("register", lambda region=region: self.pairs.add((NEW, region)))  # type: ignore[misc]
        return failed

    def switch(self, record: Record) -> None:
        def both() -> None:
            self.journalled, self.in_use = from_json(record.to_json()), NEW

        self.effect("switch", both)

    def add(self, record: Record, instance: Instance) -> None:
        self.effect("add", lambda: self.lines[instance.id].add(NEW))

    def prove(self, record: Record, instance: Instance) -> None:
        assert NEW in self.lines[instance.id]
        self.effect("prove", lambda: None)

    def remove(self, record: Record, instance: Instance) -> None:
        self.effect("remove", lambda: self.lines[instance.id].discard(OLD))

    def delete(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        failed: dict[str, CredguardError] = {}
        for region in regions:
            try:
                self.effect("delete", lambda region=region: self.pairs.discard((OLD, region)))  # type: ignore[misc]
            except CredguardError as error:
                failed[region] = error
        return failed

    def end(self, record: Record) -> None:
        def gone() -> None:
            self.journalled, self.over = None, True

        self.effect("end", gone)


def world(*, carrying: int, finish: bool = False, **values: object) -> World:
    record = Record(OLD, NEW, "1", State.INTENT, 1.0, ("r1", "r2"), finish=finish)
    instances = [Instance("r1", f"i-{number}", OLD) for number in range(carrying)]
    return World(
        record, instances, pairs={(OLD, "r1"), (OLD, "r2")},
        lines={each.id: {OLD} for each in instances}, word=finish, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def run(where: World, push: bool) -> Outcome | None:
    """One run after the other until one ends without a crash; None: it was over already."""
    for _ in range(60):
        if where.journalled is None:
            return None
        try:
            return Driver(where).run(where.journalled, push=push)
        except Crash:
            continue
    raise AssertionError("it never ends")


CASES = [
    pytest.param(0, False, False, id="nothing-carries"),
    pytest.param(2, False, False, id="two-carry"),
    pytest.param(2, True, False, id="pushed"),
    pytest.param(2, False, True, id="finished-by-a-person"),
    pytest.param(2, True, True, id="pushed-and-finished"),
]


def final(where: World, carrying: int, push: bool, finish: bool) -> None:
    assert where.in_use == NEW
    assert {(NEW, "r1"), (NEW, "r2")} <= where.pairs
    assert (OLD, "r2") not in where.pairs
    assert ((OLD, "r1") in where.pairs) == (carrying > 0 and not finish)
    assert where.over == (carrying == 0 or finish)
    for lines in where.lines.values():
        assert lines == ({NEW} if push else {OLD})


def schedules(carrying: int, push: bool, finish: bool) -> Iterator[tuple[int, ...]]:
    where = world(carrying=carrying, finish=finish)
    run(where, push)
    most = where.instant
    for first in range(1, most + 1):
        yield (first,)
        for second in range(first + 1, most + 4):
            yield (first, second)


@pytest.mark.parametrize(("carrying", "push", "finish"), CASES)
def test_every_crash_and_every_two(carrying: int, push: bool, finish: bool) -> None:
    count = 0
    for crashes in schedules(carrying, push, finish):
        where = world(carrying=carrying, finish=finish, crash_at=crashes)
        run(where, push)
        final(where, carrying, push, finish)
        count += 1
    assert count > 50


@pytest.mark.parametrize("push", [False, True])
@pytest.mark.parametrize("name", ["register r1", "register r2", "add", "prove", "remove", "delete"])
def test_what_fails_is_told_and_done_by_a_later_run(name: str, push: bool) -> None:
    where = world(carrying=2, failing={name: 1})
    first = run(where, push)
    assert first is not None
    if push or name in {"register r1", "register r2", "delete"}:
        assert first.failed
    for _ in range(3):
        where.check()
        run(where, push)
    final(where, 2, push, False)


def test_a_region_that_always_refuses_keeps_the_old_pair_there() -> None:
    where = world(carrying=0, failing={"register r2": 99})
    for _ in range(3):
        outcome = run(where, False)
        assert outcome is not None
        assert list(outcome.failed) == ["r2"]
        assert "r2" in outcome.why
    assert where.in_use == NEW
    assert (OLD, "r2") in where.pairs
    assert (OLD, "r1") not in where.pairs
    assert not where.over


@pytest.mark.parametrize("name", ["add", "prove", "remove"])
def test_an_instance_that_always_fails_is_tried_once_a_run(name: str) -> None:
    where = world(carrying=2, failing={name: 3})
    outcome = run(where, True)
    assert outcome is not None
    assert set(outcome.failed) == {"i-0", "i-1"}
    assert where.failing[name] == 1
    assert all(OLD in lines for lines in where.lines.values())


def test_registered_nowhere_is_not_switched() -> None:
    where = world(carrying=0, failing={"register r1": 1, "register r2": 1})
    outcome = run(where, False)
    assert outcome is not None
    assert outcome.record.state is State.MADE
    assert where.in_use == OLD


def test_a_stopped_or_windows_instance_is_not_pushed_to() -> None:
    where = world(carrying=2)
    where.instances[0] = replace(where.instances[0], state="stopped")
    where.instances[1] = replace(where.instances[1], windows=True)
    outcome = run(where, True)
    assert outcome is not None
    assert outcome.why.startswith("2 instances still let the old key in")
    assert where.lines == {"i-0": {OLD}, "i-1": {OLD}}


def test_the_old_pair_stays_while_a_launch_template_names_it_or_may() -> None:
    record = Record(OLD, NEW, "1", State.DRAINING, 1.0, ("r1", "r2"))
    both = Look(frozenset({"r1", "r2"}), frozenset({"r1", "r2"}))
    named = replace(both, templates=(Template("r1", "lt-1", "web", OLD, 3),))
    assert next_step(record, named, push=False).regions == ("r2",)
    waits = next_step(record, named.without(["r2"]), push=True)
    assert (waits.action, waits.why) == (Action.WAIT, "1 launch template names the old pair")
    untold = replace(both, untold={"r2": NetworkDown("no answer")})
    assert next_step(record, untold, push=False).regions == ("r1",)
    waits = next_step(record, untold.without(["r1"]), push=False)
    assert waits.why == "launch templates in r2 could not be read"
    for look in (named, untold):
        done = next_step(replace(record, finish=True), look, push=False)
        assert (done.action, done.regions) == (Action.DELETE, ("r1", "r2"))


def test_what_is_waited_for_is_told() -> None:
    where = world(carrying=2)
    outcome = run(where, False)
    assert outcome is not None
    assert outcome.why == "2 instances still let the old key in"
    outcome = run(where, True)
    assert outcome is not None
    assert outcome.why == "2 instances name the old pair, and let only the new key in"
    where.instances.clear()
    assert run(where, False) is not None
    assert where.over


@pytest.mark.parametrize(
    ("name", "taken", "new"),
    [
        ("laptop", (), "laptop-202611"),
        ("laptop-202610", (), "laptop-202611"),
        ("laptop-202611", (), "laptop-202611b"),
        ("laptop-202611b", ("laptop-202611",), "laptop-202611c"),
        ("a-b", ("a-b-202611", "a-b-202611b"), "a-b-202611c"),
        ("k-20261101", (), "k-20261101-202611"),
        ("x" * 100, (), "x" * 92 + "-202611"),
    ],
)
def test_names_of_successors(name: str, taken: tuple[str, ...], new: str) -> None:
    assert successor(name, "202611", frozenset({name, *taken})) == new


def test_a_record_that_is_none() -> None:
    row = Record(OLD, NEW, "1", State.MADE, 1.0, ("r1",), {"i-1": Line.ADDED}).to_json()
    assert from_json(row).lines == {"i-1": Line.ADDED}
    for wrong in ({"state": "x"}, {"new": OLD}, {"lines": {"i": "x"}}, {"regions": None}):
        with pytest.raises((ValueError, TypeError, KeyError)):
            from_json(row | wrong)
