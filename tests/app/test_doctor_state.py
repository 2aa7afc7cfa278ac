"""The doctor's checks of state, machine and AWS, each both ways."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor import online, system
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN, Check
from credguard.store import problems, profiles, watches
from tests.support import samples
from tests.support.checks import checks, file_vault, only, passphrase_file
from tests.support.simulator import Simulator

STATE = "State"
MACHINE = "This machine"


def test_settings_with_a_mistake(poisoned: Path) -> None:
    config.set_value("vault.backend", "file")
    assert only(STATE, "config.toml").state == OK
    Path(paths.config_file()).write_text('[vault]\nbackedn = "file"\n')
    found = only(STATE, "config.toml")
    assert (found.state, "line 2" in found.said) == (FAIL, True)
    assert only("Vault", "backend").state == UNKNOWN


def test_a_damaged_and_a_newer_database(poisoned: Path) -> None:
    Context().db.close()
    file = Path(paths.database_file())
    assert only(STATE, "state database").state == OK
    good = file.read_bytes()
    file.write_bytes(good[:100] + b"\xff" * 3000 + good[3100:])
    assert only(STATE, "state database").state == FAIL
    file.write_bytes(b"not a database at all, but text" * 10)
    assert only(STATE, "state database").state == FAIL
    assert "see state database" in only(STATE, "problems").said
    file.write_bytes(good)
    ctx = Context()
    ctx.db.execute("PRAGMA user_version=999")
    ctx.db.close()
    assert "newer" in only(STATE, "state database").said


def test_a_damaged_journal_and_a_rotation_that_asks(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    assert only(STATE, "rotations").state == OK
    identity = profiles.profile(ctx.db, "work").key.identity
    ctx.db.execute("INSERT INTO rotation VALUES (?,?,0)", (identity, "{"))
    found = only(STATE, "rotations")
    assert (found.state, "--rebuild" in found.fix) == (FAIL, True)


def test_consent(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    assert only(STATE, "consent").state == OK
    profiles.set_consent(ctx.db, "work", consent=False)
    assert only(STATE, "consent").state == WARN


def test_what_the_service_noted() -> None:
    ctx = Context()
    assert checks(STATE, "problems")[0].state == OK
    problems.put(ctx.db, ctx.now(), "rotation work", "K", "it does not go on", "run: this")
    found = only(STATE, "problems")
    assert (found.state, found.fix) == (FAIL, "run: this")


@pytest.mark.parametrize(
    ("said", "state"),
    [("git version 2.39.5 (Apple Git-1)", OK), ("git version 2.25.1", FAIL), (None, FAIL)],
)
def test_git(said: str | None, state: str) -> None:
    (found,) = system.git(said)
    assert found.state == state


def test_without_git_and_openssh_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert only(MACHINE, "git").state == OK
    assert only(MACHINE, "OpenSSH").state == OK
    monkeypatch.setenv("PATH", str(tmp_path))
    assert only(MACHINE, "git").state == FAIL
    assert only(MACHINE, "OpenSSH").state == WARN


def test_an_ssh_key_that_is_gone_and_a_dead_ssh_agent() -> None:
    found = system.openssh(system.Ssh([], 1, ["/k"], "/dead", agent_dead=True))
    assert [each.state for each in found] == [FAIL, WARN]


def test_watched_folders(poisoned: Path) -> None:
    ctx = Context()
    assert checks(MACHINE, "watched folders") == []
    folder = poisoned / "w"
    (folder / "a" / "node_modules" / "deep").mkdir(parents=True)
    watches.add(ctx.db, str(folder), ctx.now())
    if sys.platform == "linux":
        assert only(MACHINE, "watched folders").said == "2 folders"
    subprocess.run(["rm", "-r", folder], check=True)
    assert only(MACHINE, "watched folders").fix == f"run: credguard watch remove {folder}"


def test_more_folders_than_the_system_allows() -> None:
    (found,) = system.watched(system.Watched([], [], 8000, 500, 8192))
    assert (found.state, "sysctl" in found.fix) == (WARN, True)
    assert system.watched(system.Watched([], [], 8000, 100, 8192))[0].state == OK


@pytest.mark.parametrize(
    ("free", "inodes", "state"),
    [(1 << 30, None, OK), (100 << 20, 9999, WARN), (1 << 20, 9999, FAIL), (1 << 30, 3, FAIL)],
)
def test_free_space(free: int, inodes: int | None, state: str) -> None:
    assert system.space([system.Space("/x", free, inodes)])[0].state == state
    assert only(MACHINE, "free space").state in (OK, WARN, FAIL)


def test_keys_are_tried_and_the_clocks_compared(poisoned: Path, simulator: Simulator) -> None:
    from credguard.secret import Secret

    assert only("AWS", "keys").state == UNKNOWN
    passphrase_file(poisoned)
    config.set_value("vault.backend", "file")
    ctx = Context()
    keys.add(ctx, "work", simulator.key_id, simulator.secret)
    assert only("AWS", "keys").state == OK
    assert only("AWS", "clock").state == OK
    stranger = profiles.Key(samples.aws_key_id(5), "aws", "1" * 12, "x", "U", None, "add")
    ctx.vault.put(f"key/aws/{'1' * 12}/{stranger.key_id}", Secret(samples.aws_secret(5)))
    profiles.add_profile(ctx.db, "bad", stranger, ctx.now(), consent=True)
    found = checks("AWS", "keys")
    assert [each.state for each in found] == [FAIL, OK]
    assert "credguard doctor rotation bad" in found[0].fix


def test_without_a_network_it_cannot_be_told(poisoned: Path) -> None:
    file_vault(poisoned, "work")  # the endpoint of tests/conftest.py answers nobody
    assert only("AWS", "keys").state == UNKNOWN
    assert only("AWS", "clock").state == UNKNOWN


@pytest.mark.parametrize(
    ("skew", "state"), [(1.0, OK), (-90.0, WARN), (400.0, FAIL), (None, UNKNOWN)]
)
def test_the_clock(skew: float | None, state: str) -> None:
    (found,) = online.clock(online.Online({"AKIA": ("work", None)}, skew))
    assert found.state == state


def test_the_clock_of_wsl() -> None:
    found: list[Check] = online.clock(online.Online({}, time.time(), wsl=True))
    assert found[0].fix == "run: sudo hwclock -s"
