"""The `make` fixture: the watching part of the daemon in this process, stepped by the test."""

import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import watch
from credguard.app.context import Context
from credguard.config_model import WatchConfig
from credguard.daemon.commits import Commits
from credguard.daemon.layered import Layered
from credguard.daemon.letting import Letting
from credguard.daemon.offers import Offers
from credguard.daemon.watching import Watching
from credguard.daemon.worker import Worker
from credguard.sources.database import load_engine
from credguard.store import findings
from credguard.store.fingerprint_key import fingerprint_key
from tests.support.daemon import leak


class World:
    """The parts of the daemon that watch, and what a person would have been told."""

    def __init__(self, tree: Path, **settings: object) -> None:
        self.tree = tree
        self.ctx = Context()
        self.db: sqlite3.Connection = self.ctx.db
        self.told: list[str] = []
        self.buttons: dict[str, Callable[[], None] | None] = {}
        self.woken = threading.Event()
        self.now = self.ahead = 0.0
        config = WatchConfig(**settings)  # type: ignore[arg-type]
        rules = load_engine(paths.private_dir(paths.cache_dir()))
        engine, key = Layered(rules), fingerprint_key()
        letting = Letting(rules, time.monotonic)
        worker = Worker(
            engine, self.db, key, max_bytes=1_000_000, tell=self.tell, now=time.time,
            letting=letting,
        )  # fmt: skip
        commits = Commits(engine, self.db, key, max_bytes=1_000_000, tell=self.tell, now=time.time)
        self.offers = Offers(self.ctx, self.tell, config.hooks, time.time, lambda: self.now)
        self.watching = Watching(
            self.db, worker, commits, letting, self.offers, config,
            wake=self.woken.set, stopping=lambda: False,
            wall=lambda: time.time() + self.ahead,
        )  # fmt: skip

    def tell(
        self,
        _title: str,
        body: str,
        done: Callable[[], None] = lambda: None,
        *,
        actions: tuple[object, ...] = (),
        urgent: bool = False,
    ) -> None:
        self.told.append(body)
        self.buttons.update({each.name: each.do for each in actions})  # type: ignore[attr-defined]
        done()

    def turn(self) -> bool:
        self.watching.refresh()
        self.watching.check()
        return self.watching.step()

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "the condition did not come true"
            if not self.turn():
                self.woken.wait(0.02)
                self.woken.clear()

    def settle(self) -> None:
        """Until a mark written now was seen, and nothing is left to do."""
        mark = self.tree / "settled"
        mark.write_text(leak(9999))
        self.until(lambda: str(mark) in self.open())
        mark.unlink()
        self.until(lambda: str(mark) not in self.open())
        while self.turn():
            pass

    def open(self) -> set[str]:
        return {each.path for each in findings.open_findings(self.db)}

    def states(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in findings.in_state(self.db):
            found.setdefault(os.path.relpath(each.path, self.tree), set()).add(each.state)
        return found


Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path, compiled_rules: None) -> Iterator[Make]:
    made: list[World] = []

    def start(**settings: object) -> World:
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        watch.add(Context(), str(tree))
        world = World(tree, **{"places": [], **settings})
        world.watching.start()
        made.append(world)
        while world.turn():
            pass
        return world

    yield start
    for world in made:
        world.watching.close()


def git(folder: Path, *args: str) -> None:
    subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True)
