"""The doctor's checks of files, each both ways."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from credguard.app.doctor.model import FAIL, OK, WARN
from tests.support.checks import (
    aws,
    checks,
    file_vault,
    only,
    plain,
    states,
)

FILES = "Files"


@pytest.mark.parametrize(
    ("name", "mode", "fix"),
    [
        (".aws", 0o777, "go-w"), (".aws/credentials", 0o644, "600"), (".aws/config", 0o622, "go-w"),
        (".ssh", 0o770, "go-w"), (".local/share/credguard/vault.json", 0o640, "600"),
        (".local/state/credguard", 0o777, "go-w"), (".config/credguard", 0o722, "go-w"),
    ],
)  # fmt: skip
def test_modes(poisoned: Path, name: str, mode: int, fix: str) -> None:
    file_vault(poisoned, "work")
    aws(poisoned, "credentials", "[work]\n")
    (poisoned / ".ssh").mkdir(mode=0o700)
    assert states(FILES, "modes") == [OK]
    (poisoned / name).chmod(mode)
    found = only(FILES, "modes")
    assert (found.state, found.fix) == (FAIL, f"run: chmod {fix} {poisoned / name}")
    assert subprocess.run(["sh", "-c", found.fix.removeprefix("run: ")]).returncode == 0
    assert states(FILES, "modes") == [OK]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user(poisoned: Path) -> None:
    os.chown(aws(poisoned, "config", ""), 12345, 12345)
    assert "another user" in only(FILES, "modes").said


def test_a_credentials_file_in_a_git_tree(poisoned: Path) -> None:
    tree = poisoned / "dotfiles"
    subprocess.run(["git", "init", "-q", tree], check=True)
    real = tree / "credentials"
    real.write_text("[work]\n" + plain())
    (poisoned / ".aws").mkdir()
    (poisoned / ".aws" / "credentials").symlink_to(real)
    assert only(FILES, "git trees").state == WARN
    (tree / ".gitignore").write_text("credentials\n")
    assert checks(FILES, "git trees") == []
    subprocess.run(["git", "-C", tree, "add", "-f", "credentials"], check=True)
    found = only(FILES, "git trees")
    assert (found.state, "its history" in found.fix) == (FAIL, True)
    real.write_text("[work]\n")
    assert only(FILES, "git trees").state == WARN


@pytest.mark.parametrize(
    ("folder", "content"),
    [
        ("cli/cache", {"Credentials": {"SecretAccessKey": "x", "Expiration": "WHEN"}}),
        ("sso/cache", {"accessToken": "x", "expiresAt": "WHEN"}),
    ],
)
def test_sessions_in_plaintext(poisoned: Path, folder: str, content: dict[str, object]) -> None:
    file = poisoned / ".aws" / folder / "a.json"
    file.parent.mkdir(parents=True)
    for when, state in (("2001-01-01T00:00:00Z", OK), ("2101-01-01T00:00:00Z", WARN)):
        file.write_text(json.dumps(content).replace("WHEN", when))
        assert only(FILES, "sessions").state == state


def test_a_copy_of_the_credentials_file(poisoned: Path) -> None:
    aws(poisoned, "credentials", "[work]\n" + plain())
    assert checks(FILES, "copies") == []
    copy = aws(poisoned, "credentials~", "[work]\n" + plain())
    assert str(copy) in only(FILES, "copies").said
