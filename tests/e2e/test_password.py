"""`credguard password` as processes of its own, against the simulator and the file vault."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import password
from credguard.app.context import Context
from tests.support import killer, samples
from tests.support import passwords as aws
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator

TYPED = samples.text(18, 5)
KILLER = killer.program("passwords", "write_change", "end_change")
WRITES = 6  # intent, sent, pending, changed, switched; then the removal
QUICK = {3, 4}  # around the request, before and after AWS has executed it


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    file_vault(poisoned, monkeypatch)
    add_key(simulator)
    aws.user("dev").password = TYPED
    return simulator


def in_force() -> str:
    return str(aws.user("dev").password)


def test_rotate_show_and_status(ready: Simulator) -> None:
    said = credguard("password", "rotate", "work", ok=2).stderr
    assert "--current-stdin" in said
    credguard("password", "show", "work", ok=2)
    (row,) = json.loads(credguard("password", "status", "--json").stdout)
    assert (row["state"], row["changed"]) == ("not kept", None)
    assert "UNKNOWN" in credguard("password", "status").stdout
    done = credguard("password", "rotate", "work", "--current-stdin", "--json", stdin=TYPED + "\n")
    told = json.loads(done.stdout)
    assert (told["state"], told["why"]) == ("done", "")
    assert in_force() != TYPED
    assert in_force() not in done.stdout + done.stderr
    assert credguard("password", "show", "work").stdout == in_force()
    credguard("password", "rotate", "work")
    assert credguard("password", "show", "work").stdout == in_force()
    (row,) = json.loads(credguard("password", "status", "--json").stdout)
    assert row["due_at"] == row["changed"] + 90 * 86400
    assert "0 d" in credguard("password", "status").stdout


def test_json_of_a_refusal(ready: Simulator) -> None:
    done = credguard("password", "rotate", "work", "--current-stdin", "--json", stdin="no", ok=2)
    told = json.loads(done.stdout)
    assert told["state"] == "refused"
    assert "current password" in told["why"]
    assert "--current-stdin" in told["hint"]
    credguard("password", "rotate", "work", "--current-stdin", stdin="", ok=2)


def test_a_doubt_is_exit_2(ready: Simulator) -> None:
    credguard("password", "rotate", "work", "--current-stdin", stdin=TYPED)
    aws.script.faults = ["lost", "down"]
    said = credguard("password", "rotate", "work", ok=2).stderr
    assert "got no answer" in said or "was refused" in said
    aws.user("dev").password = "by an administrator"
    said = credguard("password", "rotate", "work", ok=2).stderr
    assert "cannot be told" in said
    assert "--generation" in said
    assert "one of" in credguard("password", "status", ok=2).stdout


def on_terminal(*arguments: str, typed: str = "") -> tuple[int, str]:
    """Run credguard with a terminal as its standard input and outputs."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "credguard", *arguments], stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    seen = b""
    try:
        while True:
            part = os.read(parent, 65536)
            seen += part
            if typed and seen.rstrip().endswith(b":"):
                os.write(parent, typed.encode() + b"\n")
                typed = ""
    except OSError:
        pass  # Linux's way of saying that the other side is closed
    os.close(parent)
    return process.wait(60), seen.decode()


def test_at_a_terminal(ready: Simulator) -> None:
    code, seen = on_terminal("password", "rotate", "work", typed=TYPED)
    assert code == 0, seen
    assert TYPED not in seen
    assert in_force() != TYPED
    code, seen = on_terminal("password", "show", "work")
    assert code == 2
    assert in_force() not in seen
    assert "--force" in seen
    code, seen = on_terminal("password", "show", "work", "--force")
    assert (code, seen.strip()) == (0, in_force())


def test_copy_with_a_real_clipboard(ready: Simulator, display: str) -> None:
    def held() -> str:
        return subprocess.run(
            ["xclip", "-selection", "clipboard", "-out"],
            capture_output=True, text=True, timeout=20, check=False,
        ).stdout  # fmt: skip

    credguard("password", "rotate", "work", "--current-stdin", stdin=TYPED)
    credguard("config", "set", "password.clipboard_clear", "20s")
    done = credguard("password", "copy", "work")
    assert done.stdout == ""
    assert "20 s" in done.stderr
    assert held() == in_force()
    assert "emptied" in credguard("password", "copy", "work", "--clear").stderr
    assert held() == ""
    assert "left alone" in credguard("password", "copy", "work", "--clear").stderr


def test_copy_without_a_clipboard(ready: Simulator) -> None:
    said = credguard("password", "copy", "work", ok=2).stderr
    assert "no clipboard tool" in said
    assert "hint:" in said


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in range(1, WRITES + 1)],
)
def test_a_kill_at_any_journal_write(ready: Simulator, number: int, moment: str) -> None:
    credguard("password", "rotate", "work", "--current-stdin", stdin=TYPED)
    before = in_force()
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, str(number), moment, "password", "rotate", "work"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    credguard("password", "rotate", "work")
    ctx = Context()
    assert password.current(ctx, "work").reveal() == in_force() != before
    (row,) = password.statuses(ctx)
    assert (row.state, row.candidates) == ("kept", ())
    assert len([item for item in password.items(ctx) if ctx.vault.get(item)]) == 1
