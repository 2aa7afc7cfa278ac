import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from credguard.store import db, events, handouts
from tests.cli.test_main import run

PROGRAM = "/opt/" + "a-long-folder-name/" * 12 + "tool"


def fill() -> None:
    connection = db.connect()
    events.record(connection, 1e9, "profile.stored", "work", key_id="KEY")
    who = handouts.Asker(7, PROGRAM, 3.25)
    handouts.record(connection, 1e9 + 1, "work", "KEY", "exec", who)


def test_people_read_one_line_an_entry_uncoloured_and_unwrapped_in_a_pipe() -> None:
    fill()
    done = run("log")
    first, second = done.stdout.splitlines()
    assert first[4:].startswith("-09-09 ")
    assert first.endswith("  key KEY is in the vault; profile work hands it out")
    assert second.endswith(f"went to {PROGRAM} (pid 7) by exec")
    assert "\x1b" not in done.stdout


def test_programs_read_json() -> None:
    fill()
    rows = json.loads(run("log", "--json").stdout)
    assert rows[1] == {
        "at": 1e9 + 1,
        "time": "2001-09-09T01:46:41.000Z",
        "kind": "handout",
        "subject": "work",
        "detail": {
            "key_id": "KEY", "how": "exec", "pid": 7, "program": PROGRAM, "program_started": 3.25,
        },
    }  # fmt: skip
    lines = run("log", "--jsonl", "--kind", "handout").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows[1:]


def test_an_empty_log_says_so_and_is_an_empty_list() -> None:
    done = run("log")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing in the log fits" in done.stderr
    assert json.loads(run("log", "--json").stdout) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "someday"), ("--kind", "nonsense"), ("--profile", "never"), ("-n", "0"),
        ("--follow", "--json"), ("--follow", "--until", "1h"), ("--until", "soon"),
    ],
)  # fmt: skip
def test_mistakes_are_exit_2_with_a_hint(arguments: tuple[str, ...]) -> None:
    done = run("log", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_verifying() -> None:
    fill()
    done = run("log", "--verify")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "event: intact; 1 rows follow from each other",
        "handout: intact; 1 rows follow from each other",
    ]
    db.connect().execute("UPDATE handout SET program = '/usr/bin/innocent'")
    done = run("log", "--verify")
    assert done.returncode == 1
    assert "handout: broken at row 1" in done.stdout
    found = json.loads(run("log", "--verify", "--json").stdout)
    assert found["handout"] == {"checked": 0, "unchained": 0, "broken_at": 1}
    assert found["event"]["broken_at"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_it_is_not_wanted(no_color: str, coloured: bool) -> None:
    import pty

    fill()
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": no_color}
    try:
        subprocess.run(
            [sys.executable, "-m", "credguard", "log"],
            stdout=inner, env=environment, timeout=60, check=True,
        )  # fmt: skip
        shown = os.read(outer, 65536)
    finally:
        os.close(outer)
        os.close(inner)
    assert (b"\x1b[" in shown) is coloured
    assert b"KEY" in shown


def test_following_prints_at_once_and_ends_on_interrupt() -> None:
    import signal

    fill()
    child = subprocess.Popen(
        [sys.executable, "-m", "credguard", "log", "--follow", "--jsonl"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert [json.loads(child.stdout.readline())["kind"] for _ in range(2)][1] == "handout"
    events.record(db.connect(), 5, "secret.read", "late")
    assert json.loads(child.stdout.readline())["subject"] == "late"
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert "Traceback" not in said


def test_between_two_times() -> None:
    fill()
    shown = json.loads(
        run("log", "--json", "--since", "2001-09-01", "--until", "2002-01-01").stdout
    )
    assert len(shown) == 2
    for until, number in ((1e9, 0), (1e9 + 1, 1), (1e9 + 1.5, 2)):
        moment = datetime.fromtimestamp(until, UTC).isoformat()
        assert len(json.loads(run("log", "--json", "--until", moment).stdout)) == number
