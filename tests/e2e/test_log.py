"""Every hand-out of a key is logged, and nothing that ails the log keeps a key back."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.store import db, handouts
from tests.e2e.test_credentials import ready
from tests.support.person import add_key, credguard
from tests.support.simulator import Simulator

__all__ = ["ready"]  # a fixture


def process(**options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(keys.command("work")), capture_output=True, text=True, timeout=60, check=False,
        **options,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="who asked is read from /proc")
def test_both_ways_out_name_who_asked(ready: Simulator) -> None:
    add_key(ready, "work")
    assert process().returncode == 0
    credguard("exec", "work", "--", sys.executable, "-c", "")
    rows = json.loads(credguard("log", "--kind", "handout", "--json").stdout)
    assert [row["detail"]["how"] for row in rows] == ["credential_process", "exec"]
    for row in rows:
        assert row["subject"] == "work"
        assert row["detail"]["key_id"] == ready.key_id
        assert row["detail"]["pid"] == os.getpid()
        assert row["detail"]["program"] == os.readlink("/proc/self/exe")
        assert row["detail"]["program_started"] < row["at"]
    assert handouts.last(db.connect(), ready.key_id) == rows[1]["at"]


def test_what_is_refused_is_no_hand_out(
    ready: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(ready, "work")
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(tmp_path / "none"))
    assert process().returncode == 2
    credguard("exec", "work", "--", "true", ok=2)
    assert handouts.recent(db.connect()) == []


def full_disk() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def refuse_inserts() -> None:
    db.connect().execute(
        "CREATE TRIGGER no BEFORE INSERT ON handout BEGIN SELECT RAISE(FAIL, 'refused'); END"
    )


def take_the_table_away() -> None:
    db.connect().execute("DROP TABLE handout")


@pytest.mark.parametrize("damage", [refuse_inserts, take_the_table_away])
def test_a_row_that_cannot_be_written_keeps_no_key_back(
    ready: Simulator, damage: Callable[[], None]
) -> None:
    add_key(ready, "work")
    damage()
    answered_with_one_line(ready, process())
    code = 'import os; print(os.environ["AWS_ACCESS_KEY_ID"])'
    done = credguard("exec", "work", "--", sys.executable, "-c", code)
    assert done.stdout.strip() == ready.key_id
    assert done.stderr.count("\n") == 1


def answered_with_one_line(ready: Simulator, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["AccessKeyId"] == ready.key_id
    assert done.stderr.startswith("credguard: cannot log that key ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("another_has_it_open", [False, True])
def test_a_full_disk_keeps_no_key_back(ready: Simulator, another_has_it_open: bool) -> None:
    add_key(ready, "work")
    other = db.connect()
    handouts.record(other, 1, "work", "KEY", "exec", handouts.Asker())
    if not another_has_it_open:
        other.close()
    assert os.path.exists(paths.database_file() + "-wal") is another_has_it_open
    answered_with_one_line(ready, process(preexec_fn=full_disk))


def test_a_writer_that_stays_keeps_no_key_back(ready: Simulator) -> None:
    add_key(ready, "work")
    with db.transaction(db.connect()):
        answered_with_one_line(ready, process())


def test_the_log_holds_no_secret(ready: Simulator, poisoned: Path) -> None:
    add_key(ready, "work")
    credguard("secret", "add", "token", stdin="canary-in-the-vault\n")
    credguard("secret", "get", "token")
    process()
    credguard("exec", "--secret", "TOKEN=token", "work", "--", sys.executable, "-c", "")
    credguard("rotate", "work", "--yes")
    process()
    key = credguard("exec", "work", "--", sys.executable, "-c",
              'import os; print(os.environ["AWS_SECRET_ACCESS_KEY"])').stdout.strip()  # fmt: skip
    shown = "".join(credguard("log", *options).stdout for options in ([], ["--json"], ["--jsonl"]))
    stored = b"".join(path.read_bytes() for path in Path(paths.state_dir()).iterdir())
    assert len(key) == 40
    assert "rotation.switched" in shown
    for secret in (key, ready.secret.reveal(), "canary-in-the-vault"):
        assert secret not in shown
        assert secret.encode() not in stored
