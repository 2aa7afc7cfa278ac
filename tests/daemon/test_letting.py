"""What lets findings pass in the watcher: what the hook reads, as the worktree has it."""

import sqlite3
import time
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import baseline
from credguard.daemon.layered import Layered
from credguard.daemon.letting import Letting
from credguard.daemon.worker import Worker
from credguard.scan.engine import plain
from credguard.sources.database import load_engine
from credguard.store import db, findings
from credguard.store.fingerprint_key import fingerprint_key
from tests.support import samples


class World:
    def __init__(self, top: Path) -> None:
        self.top = top
        self.connection: sqlite3.Connection = db.connect()
        self.told: list[str] = []
        rules = load_engine(paths.cache_dir())
        self.now = 0.0
        self.letting = Letting(rules, lambda: self.now)
        self.scanner = Layered(rules)
        self.worker = Worker(
            self.scanner, self.connection, fingerprint_key(), max_bytes=1_000_000,
            tell=lambda _title, body, *_args, **_kinds: self.told.append(body), now=time.time,
            letting=self.letting,
        )  # fmt: skip

    def write(self, name: str, text: str) -> str:
        file = self.top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    def leak(self, name: str, seed: int = 1, mark: str = "") -> str:
        return self.write(name, f"aws_secret_access_key = {samples.aws_secret(seed)}{mark}\n")


@pytest.fixture
def world(tmp_path: Path, compiled_rules: None) -> World:
    (tmp_path / "r" / ".git").mkdir(parents=True)
    return World(tmp_path / "r")


def test_settings_of_the_repository_let_pass_and_an_edit_of_them_counts(world: World) -> None:
    file = world.leak("samples/env")
    assert len(world.worker.scan(file)) == 1
    world.write(".credguard.toml", '[allow]\npaths = ["samples/"]\n')
    world.letting.forget()
    assert world.worker.scan(file) == []
    (found,) = findings.in_state(world.connection)
    assert (found.state, found.reason) == ("allowed", ".credguard.toml: path samples/")
    world.write(".credguard.toml", "")
    world.now = 31.0  # nobody told of the edit
    assert len(world.worker.scan(file)) == 1
    assert len(world.told) == 1


def test_the_baseline_at_the_top_lets_pass(world: World) -> None:
    file = world.leak("a/env")
    known = baseline.new(str(world.top / baseline.FILE))
    data = Path(file).read_bytes()
    for each in world.scanner.scan(data, file.encode()):
        known.baseline.add(each, b"a/env")
    known.save()
    assert world.worker.scan(file) == []
    other = world.leak("a/other", 2)
    assert len(world.worker.scan(other)) == 1


def test_rules_of_the_repository_are_looked_for(world: World) -> None:
    world.write(".credguard.toml", "[[rules]]\nid = 'our-key'\npattern = 'our_[0-9]{12}'\n")
    file = world.write("x/notes", "see our_123456789012 there\n")
    assert [each.rule_id for each in world.worker.scan(file)] == ["our-key"]


def test_a_mark_lets_pass(world: World) -> None:
    assert world.worker.scan(world.leak("env", mark="  # credguard:allow")) == []


@pytest.mark.parametrize("name", [".credguard.toml", baseline.FILE])
def test_a_file_that_is_wrong_lets_nothing_pass_and_is_said_once(
    world: World, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(name, "[allow\n")
    for seed in (1, 2):
        assert len(world.worker.scan(world.leak(f"{seed}", seed))) == 1
        world.letting.forget()
    assert caplog.text.count("not followed") == 1


def test_plain_bytes_are_what_is_judged(world: World) -> None:
    file = world.top / "wide"
    text = f"aws_secret_access_key = {samples.aws_secret()}  # credguard:allow\n"
    file.write_bytes(text.encode("utf-16"))
    assert plain(file.read_bytes()) == text.encode()
    assert world.worker.scan(str(file)) == []
