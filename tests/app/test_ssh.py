from pathlib import Path

import pytest

from credguard.app import ssh
from credguard.app.context import Context
from credguard.aws import ec2
from credguard.aws.model import Credentials
from credguard.errors import AlreadyExists
from credguard.scan.own import Own
from credguard.secret import Secret
from credguard.sources import own as own_file
from credguard.ssh import keys
from credguard.store import profiles
from credguard.store import ssh as table
from credguard.vault.base import key_item, ssh_item
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
    (pair,) = ec2.describe_key_pairs(creds, "eu-west-1")
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


def test_another_key_of_that_name_is_reported_for_its_region(
    ctx: Context, simulator: Simulator
) -> None:
    creds = Credentials(simulator.key_id, simulator.secret)
    _, other = keys.generate(keys.new_passphrase(), "x")
    ec2.import_key_pair(creds, "eu-west-1", "credguard_k", other, {})
    result = ssh.create(ctx, "k", ["us-east-1", "eu-west-1"])
    assert result.regions["us-east-1"] is None
    assert isinstance(result.regions["eu-west-1"], AlreadyExists)
    ec2.delete_key_pair(creds, "eu-west-1", "credguard_k")
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
    another, _ = keys.generate(passphrase, "x")
    assert found(another) == set()
