import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credguard.app import items, ssh, ssh_unlock, vaults
from credguard.app.context import Context
from credguard.aws import ec2
from credguard.aws.model import Credentials
from credguard.errors import (
    AlreadyExists,
    CredguardError,
    InvalidKey,
    NotPermitted,
    StoreError,
    Throttled,
    Unsupported,
)
from credguard.keypairs import public
from credguard.scan.own import Own
from credguard.secret import Secret
from credguard.sources import own as own_file
from credguard.ssh import config, keys
from credguard.store import profiles
from credguard.store import ssh as table
from credguard.vault.base import key_item, ssh_item, ssh_key_item
from tests.support import samples
from tests.support.cloud import Cloud, pairs
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator


class MemoryVault:
    name = "memory"

    def __init__(self) -> None:
        self.items: dict[str, Secret] = {}

    def get(self, item: str) -> Secret | None:
        return self.items.get(item)

    def put(self, item: str, secret: Secret) -> None:
        self.items[item] = secret

    def delete(self, item: str) -> None:
        self.items.pop(item, None)

    def names(self) -> list[str]:
        return sorted(self.items)


@pytest.fixture
def ctx(simulator: Simulator):
    context = Context()
    vault = MemoryVault()
    context.__dict__["vault"] = vault
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = profiles.Key(simulator.key_id, "aws", simulator.account, "dev", "U", None, "add")
    profiles.add_profile(context.db, "work", key, 1.0, consent=True)
    yield context
    context.db.close()


def test_create_registers_and_repeats(ctx: Context, simulator: Simulator, poisoned: Path) -> None:
    regions = ["us-east-1", "eu-west-1"]
    first = ssh.create(ctx, "k", regions)
    assert first.regions == dict.fromkeys(regions)
    private = poisoned / ".ssh" / "credguard_k"
    before = private.read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    creds = Credentials(simulator.key_id, simulator.secret)
    with ec2.in_region(creds, "eu-west-1") as there:
        (pair,) = there.key_pairs()
    assert pair.tags["owner"] == "dev"
    assert pair.tags["created-by"] == "credguard"
    assert pair.tags["fingerprint"] == first.key.fingerprint
    Path(str(private) + ".pub").unlink()
    again = ssh.create(ctx, "k", [*regions, "us-west-2"])
    assert again.key == first.key
    assert set(again.regions.values()) == {None}
    assert private.read_bytes() == before
    assert Path(str(private) + ".pub").exists()
    assert len(table.registrations(ctx.db, "k")) == 3


@pytest.mark.parametrize("no_file", [False, True])
def test_two_at_once_make_one_key(ctx: Context, no_file: bool) -> None:
    """Each would put its own passphrase, or key, into the vault: the file would open to none."""

    class Slow(MemoryVault):
        """Whoever looks before anything is there waits for the other to have looked too."""

        looked = threading.Barrier(2)

        def get(self, item: str) -> Secret | None:
            found = super().get(item)
            if found is None:
                with contextlib.suppress(threading.BrokenBarrierError):
                    self.looked.wait(0.5)
            return found

    vault = Slow()
    vault.items.update(ctx.vault.items)  # type: ignore[attr-defined]

    def make() -> table.SshKey:
        own = Context()
        own.__dict__["vault"] = vault
        try:
            return ssh.local(own, "k", "dev", ssh.Wanted(no_file=no_file))
        finally:
            own.db.close()

    with ThreadPoolExecutor(2) as pool:
        one, other = [each.result() for each in [pool.submit(make) for _ in range(2)]]
    assert one == other
    ctx.__dict__["vault"] = vault
    line = keys.public_line(keys.parse(ssh.private(ctx, one)), "")
    assert public.same_key(line, one.public_key)


@pytest.mark.parametrize("path", ["", "/home/o'brien/k.pub", "/home/$x/k.pub", "/home/50%/k.pub"])
def test_a_path_that_ssh_or_a_shell_would_read_otherwise_is_not_run(path: str) -> None:
    assert ssh_unlock.command("/run/agent", [path] if path else []) is None
    assert not os.path.exists(ssh_unlock.path())


@pytest.mark.parametrize("no_file", [True, False])
def test_a_public_file_that_is_there_already_leaves_nothing_half_made(
    ctx: Context, poisoned: Path, no_file: bool
) -> None:
    file = poisoned / ".ssh" / "credguard_k.pub"
    file.parent.mkdir(mode=0o700)
    file.write_text("ssh-ed25519 AAAA another\n")
    with pytest.raises(AlreadyExists, match=r"credguard_k\.pub exists"):
        ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted(no_file=no_file))
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.read_text() == "ssh-ed25519 AAAA another\n"
    assert table.keys(ctx.db) == []
    assert [item for item in ctx.vault.items if item.startswith("ssh")] == []  # type: ignore[attr-defined]


def test_a_fifo_in_place_of_a_file_is_not_waited_for(ctx: Context, poisoned: Path) -> None:
    folder = poisoned / ".ssh"
    ssh.create(ctx, "k", ["us-east-1"])
    (folder / "credguard_k.pub").unlink()
    os.mkfifo(folder / "credguard_k.pub")
    with pytest.raises(CredguardError, match="it is no file"):
        ssh.create(ctx, "k", ["us-east-1"])
    os.mkfifo(folder / "credguard_l")
    ctx.vault.put(ssh_item("l"), keys.new_passphrase())
    with pytest.raises(CredguardError, match="it is no file"):
        ssh.create(ctx, "l", ["us-east-1"])
    os.mkfifo(folder / "config")
    with pytest.raises(StoreError, match="it is no file"):
        config.include()


def test_another_key_of_that_name_is_reported_for_its_region(
    ctx: Context, simulator: Simulator
) -> None:
    other = keys.public_line(keys.new_key(), "x")
    with ec2.in_region(Credentials(simulator.key_id, simulator.secret), "eu-west-1") as there:
        there.import_key_pair("credguard_k", other, {})
        result = ssh.create(ctx, "k", ["us-east-1", "eu-west-1"])
        assert result.regions["us-east-1"] is None
        assert isinstance(result.regions["eu-west-1"], AlreadyExists)
        there.delete_key_pair("credguard_k")
    assert ssh.create(ctx, "k", ["eu-west-1"]).regions == {"eu-west-1": None}


def test_a_foreign_file_stays(ctx: Context, poisoned: Path) -> None:
    (poisoned / ".ssh").mkdir(mode=0o700)
    path = poisoned / ".ssh" / "credguard_k"
    path.write_text("mine")
    with pytest.raises(AlreadyExists):
        ssh.create(ctx, "k", ["us-east-1"])
    assert path.read_text() == "mine"
    assert ctx.vault.get(ssh_item("k")) is None


def test_the_private_key_is_known_again_and_the_public_one_is_none(
    ctx: Context, poisoned: Path
) -> None:
    made = ssh.create(ctx, "k", ["us-east-1"])
    passphrase = ctx.vault.get(ssh_item("k"))
    assert passphrase is not None
    content = own_file.read()
    assert content is not None
    own = Own(content[0])
    titles = {title for _, title in content[0][1]}
    assert {"the SSH key k", "the passphrase of SSH key k", "the key of profile work"} == titles

    def found(text: bytes) -> set[str]:
        return {content[0][1][number][1] for _, _, number, _ in own.hits(text)}

    private = keys.decrypted(made.key.path, passphrase).reveal_bytes()
    assert found(private) == {"the SSH key k"}
    assert found(private.replace(b"\n", b"")) == {"the SSH key k"}
    assert found(b"pass: " + passphrase.reveal_bytes()) == {"the passphrase of SSH key k"}
    assert found(made.key.public_key.encode()) == set()
    assert found(keys.encrypted(keys.new_key(), passphrase)) == set()


def test_every_region_that_is_enabled_and_a_repeat_after_a_failure(
    ctx: Context, cloud: Cloud
) -> None:
    cloud.script(Fault("ImportKeyPair", "denied", times=1, region="eu-west-1"))
    first = ssh.create(ctx, "k", everywhere=True)
    assert isinstance(first.regions["eu-west-1"], NotPermitted)
    assert "ec2:ImportKeyPair" in first.regions["eu-west-1"].hint
    assert first.regions["us-east-1"] is None
    again = ssh.create(ctx, "k", everywhere=True)
    assert again.regions == {"eu-west-1": None, "us-east-1": None}
    assert again.key == first.key


def test_throttled_in_the_middle_is_that_regions_alone(ctx: Context, faults: FaultProxy) -> None:
    faults.script(Fault("ImportKeyPair", "throttled", region="eu-west-1"))
    made = ssh.create(ctx, "k", ["us-east-1", "eu-west-1", "us-west-2"])
    assert [type(each) for each in made.regions.values()] == [type(None), Throttled, type(None)]
    assert {each.region for each in table.registrations(ctx.db, "k")} == {"us-east-1", "us-west-2"}


def test_a_region_that_is_not_enabled_is_told_apart_from_a_wrong_key(
    ctx: Context, cloud: Cloud, simulator: Simulator
) -> None:
    cloud.disabled = {"eu-west-1"}
    made = ssh.create(ctx, "k", ["eu-west-1", "us-east-1"])
    assert "not enabled" in str(made.regions["eu-west-1"])
    assert made.regions["us-east-1"] is None
    cloud.disabled = {"eu-west-1", "us-east-1"}
    alone = ssh.create(ctx, "k", ["eu-west-1", "us-east-1"])
    assert {type(each) for each in alone.regions.values()} == {InvalidKey}


def test_a_key_without_a_file(ctx: Context, simulator: Simulator, poisoned: Path) -> None:
    made = ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted(no_file=True))
    assert (made.key.path, made.key.held) == ("", table.VAULT)
    assert [each.name for each in (poisoned / ".ssh").iterdir()] == ["credguard_k.pub"]
    assert ctx.vault.get(ssh_item("k")) is None
    private = ssh.private(ctx, made.key)
    assert keys.public_line(keys.parse(private), "credguard:k") == made.key.public_key
    assert pairs(simulator, "us-east-1")["credguard_k"]["PublicKey"].startswith(
        made.key.public_key[:60]
    )
    assert ssh.create(ctx, "k", ["us-east-1"]).key == made.key
    assert ssh_key_item("k") in items.known(ctx).listed
    assert ssh_item("k") not in items.known(ctx).all
    # It is known where it turns up, as one with a file is.
    content = own_file.read()
    assert content is not None
    found = {content[0][1][n][1] for _, _, n, _ in Own(content[0]).hits(private.reveal_bytes())}
    assert found == {"the SSH key k"}


@pytest.mark.parametrize("after", ["row", "vault"])
def test_a_crash_while_a_key_without_a_file_is_made(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    class Crash(BaseException):
        pass

    real = ctx.vault.put

    def put(item: str, secret: Secret) -> None:
        if item.startswith("ssh-key/"):
            if after == "vault":
                real(item, secret)
            raise Crash
        real(item, secret)

    monkeypatch.setattr(ctx.vault, "put", put)
    with pytest.raises(Crash):
        ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted(no_file=True))
    assert ssh_key_item("k") in items.known(ctx).likely
    held = ctx.vault.get(ssh_key_item("k"))
    monkeypatch.setattr(ctx.vault, "put", real)
    with pytest.raises(CredguardError, match="no SSH key"):
        ssh.chosen(ctx, "k")
    made = ssh.create(ctx, "k", ["us-east-1"])
    assert made.key.state == table.ACTIVE
    private = ssh.private(ctx, made.key)
    assert held is None or private == held
    assert keys.public_line(keys.parse(private), "credguard:k") == made.key.public_key


def test_an_rsa_key_for_windows_is_imported_as_ec2_documents(
    ctx: Context, simulator: Simulator
) -> None:
    made = ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted("rsa", 2048))
    shown = pairs(simulator, "us-east-1")["credguard_k"]["KeyFingerprint"]
    assert shown == public.imported(made.key.public_key)  # moto has this one as EC2 does
    content = own_file.read()
    assert content is not None
    private = ssh.private(ctx, made.key).reveal_bytes()
    found = {content[0][1][n][1] for _, _, n, _ in Own(content[0]).hits(private)}
    assert found == {"the SSH key k"}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a b", ssh.Wanted()),
        ("x" * 256, ssh.Wanted()),
        ("k.pub", ssh.Wanted()),
        ("k", ssh.Wanted("rsa", 3072)),
        ("k", ssh.Wanted("ecdsa")),
        ("k", ssh.Wanted("ed25519-sk", no_file=True)),
    ],
)
def test_what_is_refused_before_any_call(
    ctx: Context, faults: FaultProxy, poisoned: Path, name: str, wanted: ssh.Wanted
) -> None:
    with pytest.raises(Unsupported):
        ssh.create(ctx, name, ["us-east-1"], wanted=wanted)
    assert faults.count() == 0
    assert not (poisoned / ".ssh").exists()
    assert table.keys(ctx.db) == []


def test_a_key_is_not_made_anew_in_another_way(ctx: Context) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    for wanted in (ssh.Wanted("rsa", 2048), ssh.Wanted(no_file=True)):
        with pytest.raises(AlreadyExists):
            ssh.create(ctx, "k", ["us-east-1"], wanted=wanted)


def test_a_home_without_file_modes(
    ctx: Context, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a FAT volume does it: chmod succeeds and changes nothing."""
    (poisoned / ".ssh").mkdir()
    (poisoned / ".ssh").chmod(0o777)
    monkeypatch.setattr("os.chmod", lambda *_a, **_k: None)
    with pytest.raises(Unsupported, match="keeps no file modes") as caught:
        ssh.create(ctx, "k", ["us-east-1"])
    assert "--no-file" in caught.value.hint
    assert list((poisoned / ".ssh").iterdir()) == []
    made = ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted(no_file=True))
    assert made.regions == {"us-east-1": None}


def test_a_backup_brings_a_key_without_a_file_back(
    ctx: Context, tmp_path: Path, simulator: Simulator
) -> None:
    made = ssh.create(ctx, "k", ["us-east-1"], wanted=ssh.Wanted(no_file=True))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    vaults.backup(ctx, str(tmp_path / "copy"), str(passphrase))
    ctx.db.execute("DELETE FROM ssh_key")
    ctx.vault.delete(ssh_key_item("k"))
    vaults.restore(ctx, str(tmp_path / "copy"), str(passphrase))
    assert ssh.chosen(ctx, None) == made.key
    private = ssh.private(ctx, made.key)
    assert keys.public_line(keys.parse(private), "credguard:k") == made.key.public_key
