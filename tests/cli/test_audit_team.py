"""Formats, Security Hub, many accounts and the posture record, by command line."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from credguard import config as settings
from credguard.cli.audit import FORMATS
from credguard.cli.main import root
from credguard.errors import CredguardError
from credguard.report import audit_formats
from tests.cli.test_audit import profile
from tests.support.audited import REGION, Account
from tests.support.security_hub import SecurityHub
from tests.support.simulator import ACCOUNT

__all__ = ["profile"]
FEW = ("--regions", REGION, "--only", "root-mfa,user-mfa")


def run(*args: str) -> Result:
    return CliRunner().invoke(root, args)


@pytest.fixture
def hub(profile: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecurityHub]:
    made = SecurityHub(profile.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.close()


def test_the_formats_of_the_help_are_those_there_are() -> None:
    assert FORMATS == audit_formats.FORMATS


def test_a_file_and_findings_of_one_audit(hub: SecurityHub, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    done = run("audit", *FEW, "--format", "html", "--output", str(page), "--security-hub")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Security Hub: " in done.stderr
    assert len(hub.open()) == len({f"AWS::::Account:{ACCOUNT}", *hub.open()})
    assert "Root signs in with MFA" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600


def test_what_security_hub_does_not_take_is_told_and_exit_2(
    hub: SecurityHub, profile: Account
) -> None:
    few = ("--regions", REGION, "--only", "root-mfa")
    assert run("audit", *few, "--security-hub").exit_code == 1
    profile.root_mfa = "app"
    hub.not_taken = set(hub.findings)
    done = run("audit", *few, "--security-hub")
    assert (done.exit_code, "did not take credguard/aws/" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "args",
    [
        ("--accounts", "all"),
        ("--role", "x"),
        ("--hub-region", "eu-west-1"),
        ("--accounts", "all", "--role", "x", "--scope", "self"),
        ("--accounts", "all", "--role", "x", "--format", "sarif"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_asked(
    args: tuple[str, ...],
) -> None:
    done = run("audit", *args)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr


def test_two_accounts_then_the_view_of_their_files(profile: Account, tmp_path: Path) -> None:
    folder = tmp_path / "audits"
    done = run("audit", *FEW, "--accounts", f"{ACCOUNT},{'1' * 12}", "--role", "audit",
               "--output", str(folder))  # fmt: skip
    assert done.exit_code == 1
    assert "2 accounts" in done.stdout
    merged = run("report", "merge", str(folder), "--format", "json")
    found = json.loads(merged.stdout)
    assert {each["account"] for each in found["accounts"]} == {ACCOUNT, "1" * 12}


def test_the_posture_is_shown_and_sent(profile: Account, tmp_path: Path) -> None:
    shown = run("posture")
    assert shown.exit_code == 0
    assert "work (AKIA..." in shown.stdout
    profile.client("s3").create_bucket(Bucket="team-posture")
    settings.set_value("posture.s3", "s3://team-posture")
    sent = run("posture", "--upload", "--json")
    assert sent.exit_code == 0
    assert "written: s3://team-posture/dev/" in sent.stderr
    record = tmp_path / "record.json"
    record.write_text(sent.stdout)
    merged = run("report", "merge", str(record))
    assert "1 machine" in merged.stdout


def test_a_report_is_private_and_what_cannot_be_written_is_told(
    profile: Account, tmp_path: Path
) -> None:
    page, pipe = tmp_path / "audit.json", tmp_path / "pipe"
    page.write_text("old")
    page.chmod(0o644)
    os.mkfifo(pipe)
    few = ("--regions", REGION, "--only", "root-mfa", "--format", "json", "--output")
    assert run("audit", *few, str(page)).exit_code == 1
    assert page.stat().st_mode & 0o777 == 0o600
    for path in (pipe, tmp_path / "none" / "a.json"):
        assert isinstance(run("audit", *few, str(path)).exception, CredguardError)


def test_a_pipe_and_a_device_among_the_files_hang_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    done = run("report", "merge", str(tmp_path))
    assert done.exit_code == 2
    assert done.stderr.count("it is no file") == 2
