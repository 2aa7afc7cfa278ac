"""Mutation tests: every small change of a package's functions, against the tests that reach it.

`tests/mutate.sh` runs this in a throw-away copy. As a program it lets mutmut write every mutant of
the given modules into them; as a pytest plugin it collects the tests once, learns which functions
each one calls and how long it takes, then forks for each mutant and runs those tests until one
fails, first those that killed many at little cost, then the quickest. A mutant that no test tells
from the original has survived.
"""

import functools
import gc
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

_MEMORY = 4 << 30
_CHECK_EVERY = 25
_registry: dict[str, tuple[dict[str, Any], list[Any]]] = {}
_reached: set[str] = set()
MutantDict = dict[str, Callable[..., Any]]


def generate(files: list[str]) -> None:
    """Write every mutant of each file's functions into it. Needs mutmut 3."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    for name in files:
        path = Path(name)
        code = mutate_file_contents(name, path.read_text()).code
        path.write_text(code.replace("from mutmut.mutation.trampoline", "from tests.mutants"))


def wrap_in_trampoline(mutants: MutantDict, *_: object) -> Callable[..., Any]:
    """What mutmut's generated code wraps each function with: calls the mutant that is chosen."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{function.__module__}.{function.__qualname__}"
        chosen: list[Any] = [None]
        _registry[name] = (mutants, chosen)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if chosen[0] is None:
                _reached.add(name)
                return mutants["_mutmut_orig"](*args, **kwargs)
            return chosen[0](*args, **kwargs)

        return call

    return decorate


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutants")
    group.addoption(
        "--mutants", action="append", help="those whose name has this; one after another"
    )
    group.addoption("--seed", type=int, default=1, help="of the order")
    group.addoption("--budget", type=float, default=20.0, help="CPU seconds of tests a mutant")
    group.addoption("--results", default="mutants.jsonl", help="appended to; what is in it is done")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    costs = _costs(session.items)
    option = session.config.option
    every = [
        (function, mutant)
        for function, (mutants, _chosen) in sorted(_registry.items())
        for mutant in mutants
        if mutant != "_mutmut_orig"
    ]
    random.Random(option.seed).shuffle(every)  # so that a part of them says something of all
    todo = [
        each for part in option.mutants or [""] for each in every if part in f"{each[0]} {each[1]}"
    ]
    path = Path(option.results)
    lines = path.read_text().splitlines() if path.exists() else []
    before = [json.loads(line) for line in lines]
    done = {each["mutant"] for each in before}
    kills = Counter(each["by"] for each in before)
    counted: Counter[str] = Counter()
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page
    for function, mutant in todo:
        name = f"{function.rpartition('.')[0]}.{mutant}"
        if name in done:
            continue
        if sum(counted.values()) % _CHECK_EVERY == 0:
            _still_green(costs, option.budget)
        done.add(name)
        tests = sorted(
            ((cost, item) for item, (cost, reached) in costs.items() if function in reached),
            key=lambda pair: (-kills[pair[1].nodeid] / (pair[0] + 0.01), pair[0]),
        )
        state, killer = _try(function, mutant, tests, option.budget)
        if killer is not None:
            kills[killer.nodeid] += 1
        counted[state] += 1
        with path.open("a") as file:
            by = killer.nodeid if killer else ""
            print(json.dumps({"mutant": name, "state": state, "by": by}), file=file)
    print(f"\n{len(every)} mutants, {len(done)} tried, now: {dict(counted)}")
    return True


def _still_green(costs: dict[pytest.Item, tuple[float, set[str]]], budget: float) -> None:
    """Without a mutant everything passes: else each would seem to be killed."""
    every = sorted(((cost, item) for item, (cost, _) in costs.items()), key=lambda pair: pair[0])
    state, failed = _try("", "", every, budget)
    if state not in {"survived", "cut"}:
        raise pytest.UsageError(f"{failed.nodeid if failed else state} fails without a mutant")


def _costs(items: list[pytest.Item]) -> dict[pytest.Item, tuple[float, set[str]]]:
    """What `_learn` gives for each test; kept in a file, since it takes a while."""
    file = Path("costs.json")
    known = json.loads(file.read_text()) if file.exists() else {}
    for item in items:
        if item.nodeid not in known:
            cost, reached = _learn(item)
            known[item.nodeid] = [cost, sorted(reached)]
    file.write_text(json.dumps(known))
    return {item: (known[item.nodeid][0], set(known[item.nodeid][1])) for item in items}


def _learn(item: pytest.Item) -> tuple[float, set[str]]:
    """What the test costs in CPU seconds, and which functions it calls."""
    _reached.clear()
    begun = time.process_time()
    if not _passes(item):
        raise pytest.UsageError(f"{item.nodeid} fails without a mutant")
    return time.process_time() - begun, set(_reached)


def _passes(item: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=None)
    return not any(report.failed for report in reports)


def _try(
    function: str, mutant: str, tests: list[tuple[float, pytest.Item]], budget: float
) -> tuple[str, pytest.Item | None]:
    """killed, timeout (which kills too), survived, cut (survived what the budget lets run).

    And the test that failed, where one did.
    """
    chosen: list[pytest.Item] = []
    total = 0.0
    for cost, item in tests:
        if chosen and total + cost > budget:
            continue
        total += cost
        chosen.append(item)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _die_as_told(function, mutant, chosen, total, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _pid, status = os.waitpid(child, 0)
    if told:
        return "killed", chosen[int(told)]
    if status:
        return "timeout", None
    return "survived" if len(chosen) == len(tests) else "cut", None


def _die_as_told(
    function: str, mutant: str, tests: list[pytest.Item], cost: float, writing: int
) -> None:
    silent = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(silent, number)
    limit = int(5 + 4 * cost)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.alarm(60 * limit)  # one that waits uses no CPU
    if mutant:
        mutants, active = _registry[function]
        active[0] = mutants[mutant]
    for number, item in enumerate(tests):
        try:
            passes = _passes(item)
        except BaseException:  # noqa: BLE001 - whatever it is, the mutant did it
            passes = False
        if not passes:
            os.write(writing, str(number).encode())
            os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    generate(sys.argv[1:])
