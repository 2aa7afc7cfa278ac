"""What a person does at a terminal: commands as processes of their own, a vault, a key in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from credguard import config as settings
from credguard.app.context import Context
from credguard.store import profiles
from credguard.vault.base import key_item
from tests.support import samples
from tests.support.simulator import Simulator


def credguard(*arguments: str, stdin: str = "", ok: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; it must end with the code `ok`, and never with a traceback."""
    done = tried(*arguments, stdin=stdin)
    assert done.returncode == ok, done.stderr
    assert "Traceback" not in done.stderr
    return done


def tried(
    *arguments: str, stdin: str | None = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command, whatever code it ends with; `stdin` None: this process's own."""
    return subprocess.run(
        [sys.executable, "-m", "credguard", *arguments],
        input=stdin, capture_output=True, text=True, timeout=100, check=False, cwd=cwd,
    )  # fmt: skip


def file_vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encrypted file, its passphrase where no question is needed."""
    passphrase = home / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    credguard("config", "set", "vault.backend", "file")


def vault_with_key(simulator: Simulator, home: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A file vault with the simulator's key, under the profile work; made in this process."""
    passphrase = home / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    settings.set_value("vault.backend", "file")
    made = Context()
    made.vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = profiles.Key(simulator.key_id, "aws", simulator.account, "dev", "U", None, "add")
    profiles.add_profile(made.db, "work", key, 1.0, consent=True)
    return made


def wait_for_nothing() -> None:
    """Rotations go through at once."""
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        credguard("config", "set", f"rotation.{name}", "0s")


def add_key(simulator: Simulator, name: str = "work") -> None:
    """The simulator's key, under the profile `name`."""
    credguard("add", name, stdin=f"{simulator.key_id}\n{simulator.secret.reveal()}\n")
