import json
from pathlib import Path

from credguard import paths
from credguard.store import db, profiles, watches
from tests.cli.test_main import run
from tests.support import samples


def test_a_fresh_home_is_told_plainly_and_fits_80_columns() -> None:
    done = run("status")
    assert done.returncode == 0
    assert "not chosen" in done.stdout
    assert "UNKNOWN, nothing is watched" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_what_cannot_be_read_is_unknown_and_the_rest_is_told() -> None:
    run("config", "set", "vault.backend", "file")
    Path(paths.config_file()).write_text("[vault]\nbackand = 1\n")
    done = run("status")
    assert done.returncode == 2
    assert "Vault     UNKNOWN (UNKNOWN)" in done.stdout
    assert "Daemon    stopped" in done.stdout
    assert done.stderr.startswith("credguard: ")
    assert len(json.loads(run("status", "--json").stdout)["unreadable"]) == 1


def test_many_rows_odd_names_and_a_stopped_service() -> None:
    connection = db.connect()
    for number in range(50):
        watches.add(connection, f"/absent/{number}\n\x1b[31m", 1)
    key = profiles.Key(
        samples.aws_key_id(), "aws", "1" * 12, "a-rather-long-user-name" * 3, "U", None, "add"
    )
    profiles.add_profile(connection, "a-rather-long-profile-name" * 3, key, 1, consent=True)
    connection.close()
    done = run("status")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 40
    assert "and 30 more: credguard status --json" in done.stdout
    assert "\x1b" not in done.stdout
    assert "none known, but nobody looks: the service is stopped" in done.stdout
    assert samples.aws_key_id() in done.stdout  # not folded in a pipe
