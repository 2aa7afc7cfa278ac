"""Uninstall: what a home looks like before and after, file by file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import hook, importing, scan, secrets, ssh, uninstall, watch
from credguard.app.context import Context
from credguard.credential_process import credentials
from credguard.daemon import lock
from credguard.errors import RotationRefused
from credguard.secret import Secret
from credguard.store import profiles
from credguard.store.fingerprint_key import fingerprint_key
from tests.support import samples
from tests.support.simulator import Simulator


@pytest.fixture
def home(poisoned: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a key in plaintext, a hook of its own and a core.hooksPath."""
    passphrase = poisoned / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))
    aws = poisoned / ".aws"
    aws.mkdir()
    (aws / "credentials").write_text(
        f"# keep me\n[work]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
    )
    (aws / "credentials").chmod(0o600)
    (aws / "config").write_text("[profile work]\nregion = us-east-1\n")
    (poisoned / "mine").mkdir()
    repo = poisoned / "repo"
    subprocess.run(["git", "init", "-q", repo], check=True)
    theirs = repo / ".git/hooks/pre-commit"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("#!/bin/sh\nexit 0\n")
    theirs.chmod(0o750)
    return poisoned


def tree(home: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file, SQLite's own bookkeeping left out."""
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes())
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("state.db")
    }


def use_everything(home: Path) -> Context:
    ctx = Context()
    config.set_value("vault.backend", "file")
    (plain,) = importing.chosen(["work"], all_=False)
    importing.import_key(ctx, plain, used_elsewhere=False)
    hook.install(ctx, str(home / "repo"), global_=False)
    subprocess.run(["git", "config", "--global", "core.hooksPath", home / "mine"], check=True)
    hook.install(ctx, None, global_=True)
    watch.add(ctx, str(home / "repo"))
    scan.scan_paths([str(home / "repo")])
    fingerprint_key()
    os.close(lock.acquire())
    return ctx


def test_all_is_as_before(home: Path, simulator: Simulator) -> None:
    subprocess.run(["git", "config", "--global", "core.hooksPath", home / "mine"], check=True)
    before = tree(home)
    subprocess.run(["git", "config", "--global", "--unset", "core.hooksPath"], check=True)
    ctx = use_everything(home)
    said: list[str] = []
    uninstall.uninstall(ctx, uninstall.Plan(True, True), said.append)
    after = tree(home)
    assert sorted(after) == sorted(before)
    for name in (".aws/credentials", ".aws/config"):  # tightened to 0600; a blank line may differ
        assert after[name][0] & 0o777 == 0o600
        assert after.pop(name)[1].split() == before.pop(name)[1].split()
    assert after == before
    assert not list(home.rglob("state.db*"))
    folders = {str(p.relative_to(home)) for p in home.rglob("*") if p.name == "credguard"}
    assert folders == set()
    assert any("wrote the key of profile work back" in line for line in said)
    assert simulator.secret.reveal() not in "".join(said)
    uninstall.uninstall(Context(), uninstall.Plan(True, True), said.append)


@pytest.mark.usefixtures("compiled_rules")
def test_a_vault_that_stays_serves_a_later_installation(home: Path, simulator: Simulator) -> None:
    ctx = use_everything(home)
    uninstall.uninstall(ctx, uninstall.Plan(False, False), lambda _: None)
    assert json.loads(credentials("work"))["SecretAccessKey"] == simulator.secret.reveal()
    assert not os.path.exists(paths.cache_dir())


@pytest.mark.usefixtures("compiled_rules")
def test_midway_nothing_is_changed(home: Path) -> None:
    ctx = use_everything(home)
    key = profiles.profile(ctx.db, "work").key
    ctx.db.execute("INSERT INTO rotation VALUES (?, '{}', 0)", (key.identity,))
    before = tree(home)
    with pytest.raises(RotationRefused, match="midway"):
        uninstall.uninstall(ctx, uninstall.Plan(True, True), lambda _: None)
    assert tree(home) == before


def ask(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "credguard", "uninstall", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_where_nothing_was_set_up_nothing_is_asked(poisoned: Path) -> None:
    done = ask()
    assert (done.returncode, done.stderr) == (0, "deleted the settings and the state\n")


@pytest.mark.usefixtures("compiled_rules")
def test_nobody_to_ask_changes_nothing(home: Path) -> None:
    use_everything(home)
    before = tree(home)
    done = ask()
    assert done.returncode == 2
    assert "--write-back --keep-vault" in done.stderr
    assert tree(home) == before


@pytest.mark.usefixtures("compiled_rules")
def test_what_goes_with_the_vault_is_named(home: Path) -> None:
    ctx = use_everything(home)
    secrets.add(ctx, "token", Secret(samples.text(30)))
    ssh.create(ctx, "laptop", ["us-east-1"])
    held = uninstall.held(ctx)
    assert held.secrets == ["token"]
    assert held.ssh_keys == [f"the passphrase of {home / '.ssh' / 'credguard_laptop'}"]
