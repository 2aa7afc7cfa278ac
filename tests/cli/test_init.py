import subprocess
import sys
from pathlib import Path

import pytest

from credguard import config
from tests.cli.test_main import run
from tests.support.simulator import Simulator
from tests.support.terminal import at_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
PHRASE = "correct horse battery"
ANSWERS = {
    "(at least 8 characters): ": PHRASE,
    "The same again: ": PHRASE,
    "passphrase of the vault: ": PHRASE,
    "Move them in? [y/N]: ": "y",
    "CI)? [y/N]: ": "n",
    "Replace them now? [y/N]: ": "n",
    "repositories? [y/N]: ": "y",
    "folders)? [y/N]: ": "n",
}


@pytest.fixture
def plain(poisoned: Path, simulator: Simulator) -> Path:
    file = poisoned / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text(
        f"[default]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
    )
    return file


def test_a_person_answers_each_question_once(plain: Path, simulator: Simulator) -> None:
    code, shown = at_terminal("init", answers=ANSWERS)
    assert code == 0, shown
    assert shown.count("passphrase of the vault") == 1
    assert shown.count("Move") == 1
    assert PHRASE not in shown
    assert simulator.secret.reveal() not in plain.read_text()
    assert "next, since they lay in plaintext: credguard rotate default" in shown
    assert (
        "core.hookspath"
        in subprocess.run(
            ["git", "config", "--global", "--list"], capture_output=True, text=True, check=True
        ).stdout.lower()
    )
    code, shown = at_terminal("init", answers=ANSWERS)
    assert code == 0, shown
    assert shown.count("passphrase of the vault") == 1
    assert "vault: file (as before)" in shown


def test_a_person_who_wants_nothing_gets_the_next_command(plain: Path) -> None:
    before = plain.read_bytes()
    code, shown = at_terminal(
        "init", answers={k: v.replace("y", "n") if v == "y" else v for k, v in ANSWERS.items()}
    )
    assert code == 0, shown
    assert "next: credguard import --all" in shown
    assert plain.read_bytes() == before


def test_why_a_keyring_was_not_chosen_is_said_once(tmp_path: Path) -> None:
    code, shown = at_terminal("init", answers=ANSWERS)
    assert code == 0, shown
    assert config.load().vault.backend == "file"
    (line,) = [each for each in shown.splitlines() if "secretservice" in each]
    assert line.count("keyring:secretservice") == 1


def test_naming_import_agrees_to_it(
    plain: Path, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "phrase"
    file.write_text(PHRASE + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(file))
    done = run("init", "--vault", "file", "--import")
    assert done.returncode == 0, done.stderr
    assert simulator.secret.reveal() not in plain.read_text()
