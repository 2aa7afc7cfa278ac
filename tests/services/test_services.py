import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app.service import command
from credguard.errors import Unsupported
from credguard.services import launchd, select, systemd

COMMAND = [sys.executable, "-I", "-m", "credguard"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    units = systemd.render(COMMAND, {"CREDGUARD_PASSPHRASE_FILE": '/a b/50%$"x'})
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[str(tmp_path / name) for name in units]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert [line for line in done.stderr.splitlines() if "credguard" in line] == []


def test_an_odd_word_stays_one_word() -> None:
    assert systemd.quote('/a b/%h$x"') == '"/a b/%%h$$x\\""'


def test_the_plist_is_read_back() -> None:
    parsed = plistlib.loads(launchd.render(COMMAND, {"A": "b<&"}, "/log"))
    assert parsed["ProgramArguments"] == [*COMMAND, "daemon", "run"]
    assert parsed["EnvironmentVariables"] == {"A": "b<&"}
    assert parsed["KeepAlive"] == {"SuccessfulExit": False}


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_without_a_user_manager_the_units_are_written_and_it_says_so(poisoned: Path) -> None:
    service = systemd.Systemd({})
    with pytest.raises(Unsupported, match="could not be started") as caught:
        service.install(COMMAND)
    assert "systemctl --user" in caught.value.hint
    units = poisoned / ".config" / "systemd" / "user"
    assert sorted(p.name for p in units.iterdir()) == sorted(systemd.render(COMMAND, {}))
    assert service.status() != "not installed"
    service.uninstall()
    service.uninstall()
    assert list(units.iterdir()) == []
    assert service.status() == "not installed"


def test_the_service_sees_absolute_paths_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "rel/config")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("http_proxy", "http://me:" + "word@proxy:3128")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:" + "word@localhost:1")
    chosen = select.environment()
    assert chosen["AWS_CONFIG_FILE"] == os.path.abspath("rel/config")
    assert chosen["HTTPS_PROXY"] == "http://proxy:3128"
    assert not any("word@" in value for value in chosen.values())


def test_the_command_runs_nothing_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "credguard").mkdir()
    (tmp_path / "credguard" / "__init__.py").write_text("raise SystemExit(7)")
    done = subprocess.run(
        [*command(), "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
