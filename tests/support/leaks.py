"""The parts of the daemon that follow own secrets, turned by hand, and repositories for them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import own
from credguard.app.noting import Noting
from credguard.daemon.commits import Commits
from credguard.daemon.layered import Layered
from credguard.daemon.leaks import Leaks
from credguard.daemon.worker import Worker
from credguard.sources.database import load_engine
from credguard.store import leaks
from credguard.store.fingerprint_key import fingerprint_key
from tests.support import in_memory
from tests.support.repositories import git
from tests.support.simulator import Simulator


def repository(top: Path) -> Path:
    """`top`/repo with one commit, and the bare `top`/remote.git as its origin."""
    git(top, "init", "-q", "--bare", "remote.git")
    folder = top / "repo"
    git(top, "init", "-q", "repo")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    git(folder, "remote", "add", "origin", "../remote.git")
    return folder


def commit(repo: Path, value: str, name: str = "notes.txt") -> str:
    """Commit a file that holds `value` past the hooks; gives the commit's id."""
    (repo / name).write_text(f"some words\n{value}\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qnm", "x")
    return git(repo, "rev-parse", "HEAD")


class World:
    """Beside a vault with the simulator's key; `told` is what a person was notified of."""

    def __init__(self, simulator: Simulator, countdown: int) -> None:
        for name in ("soak", "orphan_wait", "prove_interval"):
            config.set_value(f"rotation.{name}", "1h" if name == "soak" else "0s")
        config.set_value("leak.countdown", f"{countdown}s")
        self.simulator = simulator
        self.ctx = in_memory.context(simulator, "work")
        self.ctx.__dict__["vault"] = Noting(self.ctx.vault)
        own.refresh(self.ctx)
        self.told: list[str] = []
        self.at = time.time()
        self._engine = Layered(load_engine(paths.cache_dir()))
        self.start()

    def start(self) -> None:
        """As a daemon that was just started."""

        def tell(
            _title: str, body: str, done: Callable[[], None] = lambda: None, **_kinds: object
        ) -> None:
            self.told.append(body)
            done()

        def now() -> float:
            return self.at

        most, engine, db, key = 1_000_000, self._engine, self.ctx.db, fingerprint_key()
        self.leaks = Leaks(self.ctx, engine, tell, now)
        self.commits = Commits(
            engine, db, key, max_bytes=most, tell=tell, now=now, follow=self.leaks.follow
        )
        self.worker = Worker(
            engine, db, key, max_bytes=most, tell=tell, now=now, own=self.leaks.in_file
        )

    def look(self, *repositories: Path) -> list[leaks.Leak]:
        """A turn of the daemon in which HEAD moved in `repositories`; what got out by now."""
        for repo in repositories:
            self.commits.look(str(repo / ".git" if (repo / ".git").exists() else repo))
        for _ in range(2):  # notes are set aside for one turn
            self.at += 20
            while self.commits.step():
                pass
            self.leaks.poll()
            while self.leaks.step():
                pass
        return leaks.all_(self.ctx.db)

    def later(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        """Time passes."""
        in_memory.later(monkeypatch, self.ctx, seconds)

    def due(self) -> None:
        """It is as late for the use cases as for the daemon."""
        self.ctx.__dict__["now"] = lambda: self.at

    @property
    def statuses(self) -> dict[str, str]:
        """Of every key that the user has in IAM."""
        return dict(self.simulator.iam().keys("dev"))
