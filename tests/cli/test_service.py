import json
import sys

import pytest

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
