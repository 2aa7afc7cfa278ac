"""launchd and the task scheduler, which are not here: stand-ins for their tools keep what is asked.

They show that what we ask is in order, not that macOS and Windows take it.
"""

import os
import plistlib
from pathlib import Path

import pytest

from credguard.errors import CredguardError, Unsupported
from credguard.services.launchd import LABEL, Launchd, plist_file
from credguard.services.taskscheduler import TASK, TaskScheduler

COMMAND = ["/opt/credguard/python", "-I", "-m", "credguard"]

_LAUNCHCTL = """
[ "$1" = print ] || exit $(cat "$0.code" 2>/dev/null || echo 0)
[ -e "$0.loaded" ] || { echo "Could not find service" >&2; exit 113; }
printf 'gui/0/x = {\\n\\tstate = running\\n\\tpid = 42\\n\\tlast exit code = (never exited)\\n}\\n'
"""
# A task is there once it was made.
_SCHTASKS = """
case $1 in
/Create) : >"$0.task" ;;
/Delete) rm -f "$0.task" ;;
*) [ -e "$0.task" ] || { echo "ERROR: The system cannot find the file specified." >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with what the tools were asked, a line each."""
    record = tmp_path / "asked"
    for name, body in (("launchctl", _LAUNCHCTL), ("schtasks", _SCHTASKS)):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "$*" >>{record}\n{body}')
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return record


def taken(asked: Path) -> list[str]:
    lines = asked.read_text().splitlines() if asked.exists() else []
    asked.write_text("")
    return lines


def test_a_launch_agent_from_installing_to_removing(asked: Path, tmp_path: Path) -> None:
    domain = f"gui/{os.getuid()}"
    log = tmp_path / "out"
    service = Launchd({"A": "b"}, str(log))
    assert service.status() == "not installed"
    with pytest.raises(CredguardError, match="not installed"):
        service.restart()
    service.install(COMMAND)
    assert taken(asked) == [f"bootout {domain}/{LABEL}", f"bootstrap {domain} {plist_file()}"]
    assert (service.status(), service.details()) == ("stopped", {})
    (tmp_path / "launchctl.loaded").touch()
    assert service.status() == "running"
    assert service.details() == {"process": "42", "last exit code": "(never exited)"}
    taken(asked)
    service.restart()
    assert taken(asked) == [f"kickstart -k {domain}/{LABEL}"]
    log.write_text("1\n2\n3\n")
    assert service.words(2) == ["2", "3"]

    assert Launchd({}, str(log)).refresh(COMMAND) is False
    assert Launchd({}, str(log)).refresh(["/new/python"]) is True
    plist = plistlib.loads(Path(plist_file()).read_bytes())
    assert plist["ProgramArguments"] == ["/new/python", "daemon", "run"]
    assert plist["EnvironmentVariables"] == {"A": "b"}

    for damaged in (b"<plist>", b"", b"<plist><string>x</string></plist>"):
        Path(plist_file()).write_bytes(damaged)
        assert Launchd({"A": "b"}, str(log)).refresh(COMMAND) is True
        plist = plistlib.loads(Path(plist_file()).read_bytes())
        assert plist["EnvironmentVariables"] == {"A": "b"}

    (tmp_path / "launchctl.code").write_text("5")
    with pytest.raises(Unsupported, match="ended with code 5"):
        service.install(COMMAND)
    service.uninstall()
    assert not os.path.exists(plist_file())


def test_a_task_from_installing_to_removing(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERNAME", "ada")
    monkeypatch.setenv("USERDOMAIN", "HOST")
    file = tmp_path / "folder" / "service.xml"
    service = TaskScheduler(str(file))
    assert service.status() == "not installed"
    assert service.refresh(COMMAND) is False
    with pytest.raises(CredguardError, match="could not be started"):
        service.restart()
    taken(asked)
    service.install(COMMAND)
    assert taken(asked) == [f"/Create /TN {TASK} /XML {file} /F"]
    assert file.read_bytes().startswith((b"\xff\xfe", b"\xfe\xff"))
    assert r"<UserId>HOST\ada</UserId>" in file.read_text(encoding="utf-16")
    assert service.status() == "scheduled"
    assert service.refresh(COMMAND) is False
    assert service.refresh(["/new/python"]) is True
    service.uninstall()
    assert not file.exists()
    assert service.status() == "not installed"
