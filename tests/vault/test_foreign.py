"""Keys out of aws-vault's and awskeyring's stores, end to end against IAM over HTTP."""

import json
import sys
from pathlib import Path

import pytest

from credguard import config
from credguard.app import foreign as app
from credguard.app import keys
from credguard.app.context import Context
from credguard.errors import (
    CredguardError,
    InvalidKey,
    UnknownProfile,
    Unsupported,
    VaultCorrupt,
    VaultLocked,
    WrongPassphrase,
)
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault import foreign
from credguard.vault.memory import MemoryVault
from tests.support import samples
from tests.support.simulator import Simulator
from tests.vault import foreign_stores as stores

_WORD = samples.text(20, 3)
_SESSION = "sts.GetSessionToken,d29yaw,YXJuOm1mYQ,1900000000"


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    context = Context()
    context.__dict__["vault"] = MemoryVault()
    return context


@pytest.fixture
def folder(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """aws-vault's folder: one good key, a session, and a token of Identity Center."""
    folder = poisoned / ".awsvault" / "keys"
    monkeypatch.setenv("AWS_VAULT_FILE_PASSPHRASE", _WORD)
    good = stores.item("team/dev", simulator.key_id, simulator.secret)
    stores.write_file(folder, "team/dev", good, Secret(_WORD))
    for name in (_SESSION, "oidc:https://example.awsapps.com/start"):
        stores.write_file(folder, name, b"{}", Secret(_WORD))
    return folder


def test_the_files_keys_come_and_stay_there_until_asked(
    ctx: Context, folder: Path, simulator: Simulator
) -> None:
    place, store, held, _ = app.found("aws-vault", "file", [])
    assert (place, [each.profile for each in held]) == ("file", ["team/dev"])
    key = app.take(ctx, held[0], used_elsewhere=True)
    assert key.key_id == simulator.key_id
    assert keys.secret_of(ctx, profiles.profile(ctx.db, "team/dev").key) == simulator.secret
    assert (folder / "team%2Fdev").exists()
    app.remove(ctx, store, held[0])
    assert not (folder / "team%2Fdev").exists()
    assert len(list(folder.iterdir())) == 2


def test_nothing_is_removed_that_the_vault_does_not_hold(ctx: Context, folder: Path) -> None:
    _, store, (held,), _ = app.found("aws-vault", "file", [])
    key = app.take(ctx, held, used_elsewhere=False)
    ctx.vault.put(f"key/aws/{key.account}/{key.key_id}", Secret("another"))
    with pytest.raises(CredguardError, match="it stays there"):
        app.remove(ctx, store, held)
    assert (folder / "team%2Fdev").exists()


def test_a_key_that_aws_refuses_is_not_taken(ctx: Context, folder: Path) -> None:
    bad = stores.item("old", samples.aws_key_id(4), Secret(samples.aws_secret(4)))
    stores.write_file(folder, "old", bad, Secret(_WORD))
    _, _, held, _ = app.found("aws-vault", "file", ["old"])
    with pytest.raises(InvalidKey):
        app.take(ctx, held[0], used_elsewhere=False)
    assert profiles.profiles(ctx.db) == []


def test_a_wrong_passphrase_damage_and_another_file_are_told_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = foreign.AwsVaultFile(str(folder), lambda: Secret(samples.text(20, 4)))
    with pytest.raises(WrongPassphrase):
        store.keys()
    good = folder / "team%2Fdev"
    token = good.read_text()
    store = foreign.AwsVaultFile(str(folder), lambda: Secret(_WORD))
    head, rest = token.split(".", 1)
    cut = rest.rsplit(".", 1)[0]
    for text in (f"{head}.{cut}.{'A' * 22}", "nothing", "a.b.c.d.e", "", token + ".x"):
        good.write_text(text)
        with pytest.raises(VaultCorrupt):
            store.keys()
    # A file must not be able to ask for hours of work.
    fields = json.loads(foreign._unbased(head.encode())) | {"p2c": 10**9}
    long = stores.base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    good.write_text(f"{long}.{rest}")
    with pytest.raises(VaultCorrupt):
        store.keys()


@pytest.mark.keyring
def test_the_secret_service_collection_is_read(
    ctx: Context, keyring_session: object, simulator: Simulator
) -> None:
    stores.make_collection("awsvault")
    stores.write_service(
        "awsvault", "work", stores.item("work", simulator.key_id, simulator.secret)
    )
    stores.write_service("awsvault", _SESSION, b"{}")
    place, store, held, _ = app.found("aws-vault", "", [])
    assert (place, [each.profile for each in held]) == ("secretservice", ["work"])
    app.take(ctx, held[0], used_elsewhere=False)
    app.remove(ctx, store, held[0])
    assert store.keys() == []


@pytest.mark.keyring
@pytest.mark.parametrize("prefix", ["", "aws-vault"])
def test_the_entries_of_pass_are_read(
    ctx: Context,
    password_store: object,
    simulator: Simulator,
    poisoned: Path,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> None:
    monkeypatch.setenv("AWS_VAULT_PASS_PREFIX", prefix)
    (poisoned / ".aws").mkdir()
    (poisoned / ".aws" / "config").write_text("[profile team/dev]\nregion = us-east-1\n")
    entry = f"{prefix}/team/dev" if prefix else "team/dev"
    stores.write_pass(entry, stores.item("team/dev", simulator.key_id, simulator.secret))
    stores.write_pass("private/bank", b"not to be opened")
    _, store, held, _ = app.found("aws-vault", "pass", [])
    assert [each.profile for each in held] == ["team/dev"]
    app.take(ctx, held[0], used_elsewhere=False)
    app.remove(ctx, store, held[0])
    assert store.keys() == []


def test_what_is_not_there_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownProfile) as caught:
        app.found("aws-vault", "file", ["nobody"])
    assert "team/dev" in caught.value.hint
    with pytest.raises(Unsupported, match="kwallet"):
        app.found("aws-vault", "kwallet", [])
    monkeypatch.setenv("AWS_VAULT_FILE_DIR", str(folder / "none"))
    with pytest.raises(CredguardError, match=r"no key was found .*secretservice: "):
        app.found("aws-vault", "", [])
    if sys.platform != "darwin":
        with pytest.raises(Unsupported, match="macOS"):
            app.found("awskeyring", "", [])


# As `security dump-keychain` prints an item (man security; attributes only, without -d).
_DUMP = """keychain: "/Users/x/Library/Keychains/{name}.keychain-db"
version: 512
class: "genp"
attributes:
    0x00000007 <blob>="{label}"
    0x00000008 <blob>=<NULL>
    "acct"<blob>="{account}"
    "svce"<blob>="{service}"
keychain: "/Users/x/Library/Keychains/{name}.keychain-db"
version: 512
class: "inet"
attributes:
    0x00000007 <blob>="a web page"
    "acct"<blob>=0x6DC3BC6C6C6572  "m\\303\\274ller"
"""


@pytest.mark.parametrize("tool", ["aws-vault", "awskeyring"])
def test_a_keychain_is_read_through_security(
    ctx: Context,
    tool: str,
    simulator: Simulator,
    poisoned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A script in place of macOS's program, which answers as its manual says.
    labelled = tool == "awskeyring"
    dump = _DUMP.format(
        name="keys",
        label="account work" if labelled else "aws-vault (work)",
        account=simulator.key_id if labelled else "work",
        service="" if labelled else "aws-vault",
    )
    inner = json.loads(stores.item("work", simulator.key_id, simulator.secret))["Data"]
    value = simulator.secret.reveal() if labelled else stores.base64.b64decode(inner).decode()
    (tmp_path / "dump").write_text(dump)
    (tmp_path / "value").write_text(value + "\n")
    script = tmp_path / "bin" / "security"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\ncase $1 in\n'
        f"dump-keychain) cat {tmp_path}/dump ;;\n"
        f"find-generic-password) cat {tmp_path}/value ;;\nesac\n"
    )
    script.chmod(0o700)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    keychains = poisoned / "Library" / "Keychains"
    keychains.mkdir(parents=True)
    (keychains / "keys.keychain-db").touch()
    (poisoned / ".awskeyring").write_text(json.dumps({"awskeyring": "keys"}))
    store = foreign.Keychain("keys", labelled=labelled)
    (held,) = store.keys()
    assert (held.profile, held.key_id) == ("work", simulator.key_id)
    assert held.secret == simulator.secret
    app.take(ctx, held, used_elsewhere=False)
    app.remove(ctx, store, held)
    assert "delete-generic-password" in (tmp_path / "calls").read_text()
    assert simulator.secret.reveal() not in (tmp_path / "calls").read_text()


def test_the_command_line_takes_them_over(folder: Path, simulator: Simulator) -> None:
    from click.testing import CliRunner

    from credguard.cli.keys import import_

    config.set_value("vault.backend", "file")
    word = folder.parent / "word"
    word.write_text(_WORD)
    word.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDGUARD_PASSPHRASE_FILE", str(word))
        done = CliRunner().invoke(import_, ["--from", "aws-vault", "--backend", "file", "--yes"])
        assert done.exit_code == 0, done.output
        assert "team/dev: key" in done.output
        assert simulator.secret.reveal() not in done.output
        assert keys.secret_of(Context(), profiles.profile(Context().db, "team/dev").key)


def test_our_own_passphrase_is_not_taken_for_aws_vaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = folder.parent / "word"
    word.write_text("our own passphrase")
    word.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(word))
    monkeypatch.delenv("AWS_VAULT_FILE_PASSPHRASE")
    with pytest.raises(VaultLocked, match="nobody to ask") as told:
        app.found("aws-vault", "file", [])
    assert "AWS_VAULT_FILE_PASSPHRASE" in (told.value.hint or "")
