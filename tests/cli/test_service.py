import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import paths
from tests.cli.test_main import run


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_status_and_install_without_a_user_manager() -> None:
    assert json.loads(run("service", "status", "--json").stdout) == {
        "service": "not installed",
        "daemon": "stopped",
        "details": {},
    }
    done = run("service", "install")
    assert done.returncode == 2
    assert "hint: where a user manager runs" in done.stderr
    done = run("service", "status")
    assert (done.returncode, done.stdout) == (2, "service: unknown\ndaemon: stopped\n")
    assert "hint: run it in your own login session" in done.stderr
    assert run("service", "uninstall").returncode == 0


def test_the_log_is_shown_over_its_older_files_and_followed_over_a_rotation() -> None:
    done = run("service", "logs")
    assert (done.returncode, done.stdout) == (0, "")
    assert "has no line" in done.stderr
    log = Path(paths.log_file())
    log.parent.mkdir(parents=True, mode=0o700)
    Path(f"{log}.2").write_text("1\n")
    Path(f"{log}.1").write_text("2\n")
    log.write_text("3\n4\x1b[2J\n")
    assert run("service", "logs", "-n", "3").stdout == "2\n3\n4\\x1b[2J\n"
    child = subprocess.Popen(
        [sys.executable, "-m", "credguard", "service", "logs", "-n", "1", "-f"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "4\\x1b[2J\n"
    with log.open("a") as file:
        file.write("5\nhalf")
    assert child.stdout.readline() == "5\n"
    with log.open("a") as file:
        file.write(" 6\n")
    log.rename(f"{log}.1")
    log.write_text("7\n")
    assert [child.stdout.readline() for _ in range(2)] == ["half 6\n", "7\n"]
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert (child.returncode, "Traceback" in said) == (130, False)
