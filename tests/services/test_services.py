import json
import os
import plistlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from credguard.app.service import command
from credguard.errors import CredguardError, Unsupported
from credguard.services import launchd, select, systemd, taskscheduler

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
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "credguard" in line] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_as_closed_as_systemd_can_make_them_for_a_user(tmp_path: Path) -> None:
    """Points of exposure, of ten; what is left is for root, or needs a user namespace."""
    for name, most in ((systemd.SERVICE, 6.4), (systemd.TICK, 6.3)):
        (tmp_path / name).write_text(systemd.render(COMMAND, {})[name])
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--json=short", "--no-pager",
             f"--threshold={most * 10:.0f}", str(tmp_path / name)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = {row["json_field"]: row for row in json.loads(done.stdout)}
        for field in ("NoNewPrivileges", "LockPersonality", "RestrictSUIDSGID", "UMask"):
            assert rows[field]["set"] is True, field
        assert not rows["RestrictAddressFamilies_AF_PACKET"]["exposure"]


def test_an_odd_word_stays_one_word() -> None:
    assert systemd.quote('/a b/%h$x"') == '"/a b/%%h$$x\\""'


def test_the_plist_is_read_back() -> None:
    parsed = plistlib.loads(launchd.render(COMMAND, {"A": "b<&"}, "/log"))
    assert parsed["ProgramArguments"] == [*COMMAND, "daemon", "run"]
    assert parsed["EnvironmentVariables"] == {"A": "b<&"}
    assert parsed["KeepAlive"] == {"SuccessfulExit": False}


def test_the_windows_task_is_of_the_schema_s_shape_and_runs_one_at_a_time() -> None:
    program = r"C:\Program Files\a & b\python.exe"
    text = taskscheduler.render([program, "-I", "-m", "credguard"], r"HOST\ada & co")
    # Its encoding is declared as that of the file, which it is not yet here.
    root = ElementTree.fromstring(text.encode("utf-16"))
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert [each.tag.split("}")[1] for each in root] == [
        "RegistrationInfo", "Triggers", "Principals", "Settings", "Actions",
    ]  # fmt: skip
    assert root.findtext("t:Actions/t:Exec/t:Command", namespaces=names) == program
    arguments = root.findtext("t:Actions/t:Exec/t:Arguments", namespaces=names)
    assert arguments == "-I -m credguard daemon tick"
    policy = root.findtext("t:Settings/t:MultipleInstancesPolicy", namespaces=names)
    assert policy == "IgnoreNew"
    # [MS-TSCH] 2.5.3.1 and 2.5.3.5: a sequence.
    trigger = root.find("t:Triggers/t:TimeTrigger", names)
    assert trigger is not None
    assert [each.tag.split("}")[1] for each in trigger] == [
        "Enabled", "StartBoundary", "Repetition", "RandomDelay",
    ]  # fmt: skip
    users = [each.text for each in root.iter(f"{{{names['t']}}}UserId")]
    assert users == [r"HOST\ada & co"] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_without_a_user_manager_the_units_are_written_and_it_says_so(poisoned: Path) -> None:
    service = systemd.Systemd({})
    with pytest.raises(Unsupported, match="could not be started") as caught:
        service.install(COMMAND)
    assert "systemctl --user" in caught.value.hint
    units = poisoned / ".config" / "systemd" / "user"
    assert sorted(p.name for p in units.iterdir()) == sorted(systemd.render(COMMAND, {}))
    assert service.status() != "not installed"
    assert (service.details(), service.words(5)) == ({}, [])
    with pytest.raises(CredguardError, match="could not be restarted"):
        service.restart()
    service.uninstall()
    service.uninstall()
    assert list(units.iterdir()) == []
    assert service.status() == "not installed"
    with pytest.raises(CredguardError, match="not installed"):
        service.restart()


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_an_upgrade_renews_the_units_and_keeps_their_settings(poisoned: Path) -> None:
    settings = {"AWS_CONFIG_FILE": '/a b/50%$"\\x', "HTTPS_PROXY": "http://proxy:3128"}
    assert systemd.Systemd({}).refresh(COMMAND) is False
    folder = poisoned / ".config" / "systemd" / "user"
    assert not folder.exists()
    folder.mkdir(parents=True)
    units = systemd.render(COMMAND, settings)
    # As an earlier version had it: without a socket and signs of life.
    old = units[systemd.SERVICE].replace("WatchdogSec=5min\n", "")
    (folder / systemd.SERVICE).write_text(old)
    with pytest.raises(Unsupported, match="could not be started"):
        systemd.Systemd({}).refresh(COMMAND)
    assert {path.name: path.read_text() for path in folder.iterdir()} == units
    assert systemd.Systemd({}).refresh(COMMAND) is False


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
