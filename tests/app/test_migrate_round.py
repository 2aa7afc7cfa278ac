"""The whole way round through real vaults: file, gnome-keyring, pass, file; by the command line."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from credguard import config, paths
from credguard.app.context import Context
from credguard.cli.vault import vault as command
from credguard.secret import Secret
from credguard.vault.base import secret_item
from credguard.vault.select import open_vault
from tests.app.test_migrate import contents, fill
from tests.support import samples

pytestmark = pytest.mark.keyring
_KEYRING = "keyring:secretservice"


def run(*words: str) -> Result:
    done = CliRunner().invoke(command, ["migrate", *words])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_kinds_of_items_go_round(
    keyring_session: object, password_store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = tmp_path / "word"
    word.write_text(samples.text(20, 12))
    word.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(word))
    monkeypatch.setattr("credguard.vault.encfile.COST", 2)
    config.set_value("vault.backend", "file")
    ctx = Context()
    held = fill(ctx, open_vault("file"))
    from credguard.store import secrets

    for number, value in enumerate((b"\xff\x00\xfe", b"", "é\n".encode(), os.urandom(5000))):
        secrets.add(ctx.db, f"odd/{number}", 1.0)
        held[secret_item(f"odd/{number}")] = Secret(value)
        ctx.vault.put(secret_item(f"odd/{number}"), Secret(value))
    before = "file"
    for to in (_KEYRING, "pass", "file"):
        listed = run("--to", to, "--dry-run").stdout.split("\n")
        assert sorted(filter(None, listed)) == sorted(held)
        assert config.load().vault.backend == before
        done = json.loads(run("--to", to, "--json").stdout)
        assert sorted(done["copied"]) == sorted(held)
        assert (done["source"], done["target"]) == (before, to)
        assert (done["missing"], done["left"]) == ([], [])
        assert config.load().vault.backend == to
        assert contents(open_vault(to), held) == held
        assert contents(open_vault(before), held) == {}
        assert os.path.exists(paths.vault_file()) == (to == "file")
        before = to


@pytest.mark.slow
def test_many_items_show_how_far_it_is(
    password_store: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as at a terminal
    config.set_value("vault.backend", _KEYRING)
    from credguard.app import migrate
    from credguard.vault.memory import MemoryVault

    ctx = Context()
    vault = MemoryVault()
    fill(ctx, vault)
    seen: list[tuple[str, int, int]] = []
    migrate.migrate(
        ctx,
        "pass",
        on_item=lambda *each: seen.append(each),
        open_=lambda name: vault if name == _KEYRING else open_vault(name),
    )
    of = [each for each in seen if each[0] == "copied"]
    assert [each[1] for each in of] == list(range(1, len(of) + 1))
    assert {each[2] for each in of} == {len(of)}
