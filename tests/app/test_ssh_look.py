"""What `ssh list` and `ssh check` see: files here, pairs and instances in all regions."""

import os
import subprocess
from pathlib import Path

import pytest

from credguard import config
from credguard.app import ssh, ssh_look
from credguard.app.context import Context
from credguard.app.tick import tick
from credguard.ssh import files
from tests.support import in_memory
from tests.support.cloud import Cloud, client, launch, terminate
from tests.support.fault_table import Fault
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, cloud: Cloud) -> Context:
    return in_memory.context(simulator, "work")


def found(ctx: Context, look: ssh_look.Look) -> set[tuple[str, str, str]]:
    return {(each.check, each.where, each.subject) for each in ssh_look.found(ctx, look)}


def test_a_shared_key_in_a_real_account(ctx: Context, simulator: Simulator, poisoned: Path) -> None:
    """The account of the reference: one key under two names, on instances of several people."""
    folder = poisoned / ".ssh"
    folder.mkdir(mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "master"],
        check=True, timeout=60,
    )  # fmt: skip
    line = (folder / "master.pub").read_bytes()
    ec2 = client(simulator, "us-east-1")
    bobs = [{"ResourceType": "key-pair", "Tags": [{"Key": "owner", "Value": "bob"}]}]
    ec2.import_key_pair(KeyName="master", PublicKeyMaterial=line, TagSpecifications=bobs)
    ec2.import_key_pair(KeyName="master-copy", PublicKeyMaterial=line)
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "owner", "Value": "eve"}]}]
    ec2.create_key_pair(KeyName="made-by-ec2", TagSpecifications=tags)
    ids = [launch(simulator, "us-east-1", "master", owner=each) for each in ("ada", "bob")]
    gone = launch(simulator, "us-east-1", "deleted-long-ago")
    terminate(simulator, "us-east-1", launch(simulator, "us-east-1", "master", owner="eve"))
    ssh.create(ctx, "mine", ["us-east-1", "eu-west-1"])
    look = ssh_look.look(ctx, None, None)
    assert look.failed == {}
    own = str(folder / "master")
    assert found(ctx, look) == {
        ("shared-key", "us-east-1", "master"),
        ("shared-by-instances", "us-east-1", "master"),
        ("no-owner", "us-east-1", "master-copy"),
        ("deleted-pair", "us-east-1", gone),
        ("another's-key", "us-east-1", own),
        ("no-passphrase", "here", own),
    }
    rows = {row.title: row for row in ssh_look.rows(ctx, look)}
    assert set(rows) == {"mine", own, "made-by-ec2"}
    assert (rows["made-by-ec2"].kind, rows["made-by-ec2"].here) == ("rsa", "")
    assert [each.region for each in rows["mine"].pairs] == ["eu-west-1", "us-east-1"]
    assert (rows["mine"].owner, rows["mine"].kind, rows["mine"].running) == ("dev", "ed25519", 0)
    assert {each.name for each in rows[own].pairs} == {"master", "master-copy"}
    assert rows[own].running == len(ids)
    ec2.close()


def test_a_region_that_denies_is_unknown_not_empty(ctx: Context, cloud: Cloud) -> None:
    cloud.script(Fault("DescribeInstances", "denied", region="eu-west-1"))
    look = ssh_look.look(ctx, None, None)
    assert list(look.failed) == ["eu-west-1"]
    assert look.facts.unknown[0][0] == "eu-west-1"
    ssh.create(ctx, "k", ["us-east-1"])
    cloud.script(Fault("DescribeRegions", "denied"))
    look = ssh_look.look(ctx, None, None)
    assert list(look.failed) == ["account"]
    (row,) = ssh_look.rows(ctx, look)
    assert [each.region for each in row.pairs] == ["us-east-1"]  # as it was remembered


def test_instances_of_more_than_one_page(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credguard.aws.ec2._PAGE", 5)
    ec2 = client(simulator, "us-east-1")
    ec2.run_instances(ImageId="ami-760aaa0f", MinCount=7, MaxCount=7, KeyName="k")
    ec2.close()
    assert len(ssh_look.look(ctx, None, ["us-east-1"]).facts.instances) == 7


def test_every_kind_of_private_key_file(poisoned: Path) -> None:
    folder = poisoned / ".ssh"
    folder.mkdir(mode=0o700)

    def make(name: str, *arguments: str) -> None:
        command = ["ssh-keygen", "-q", "-f", str(folder / name), *arguments]
        subprocess.run(command, check=True, timeout=60)

    words = "pass phrase"
    make("open", "-t", "ed25519", "-N", "")
    make("closed", "-t", "ed25519", "-N", words)
    make("pem", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "")
    make("pem-closed", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", words)
    make("pkcs8-closed", "-t", "rsa", "-b", "1024", "-m", "PKCS8", "-N", words)
    make("curve", "-t", "ecdsa", "-N", "")
    for name in ("closed", "pem"):  # told without the public half beside it
        (folder / f"{name}.pub").unlink()
    putty = "PuTTY-User-Key-File-{}: ssh-ed25519\nEncryption: {}\nComment: x\n"
    (folder / "a.ppk").write_text(putty.format(3, "none"))
    (folder / "b.ppk").write_text(putty.format(2, "aes256-cbc"))
    (folder / "config").write_text("Host *\n")
    (folder / "huge").write_bytes(b"-----BEGIN " + bytes(1 << 20))
    (folder / "cut").write_bytes((folder / "open").read_bytes()[:90])
    (folder / "link").symlink_to("nowhere")
    (folder / "control").mkdir()
    (folder / "open").chmod(0o644)
    seen = {Path(each.path or "").name: each for each in files.private_keys()}
    assert {name: (each.kind, each.bits, each.encrypted) for name, each in seen.items()} == {
        "open": ("ed25519", 0, False),
        "closed": ("ed25519", 0, True),
        "pem": ("rsa", 2048, False),
        "pem-closed": ("rsa", 2048, True),
        "pkcs8-closed": ("rsa", 1024, True),
        "curve": ("ecdsa", 0, False),
        "a.ppk": ("", 0, False),
        "b.ppk": ("", 0, True),
    }
    assert seen["open"].mode == 0o644
    assert seen["closed"].mode == 0o600


def test_an_old_key_is_told_once_a_month(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    config.set_value("rotation.max_age", "3650d")
    ctx.__dict__.pop("config")

    def said() -> list[str]:
        return [note.what for note in tick(ctx) if note.title == "credguard: an SSH key is old"]

    assert said() == []
    in_memory.later(monkeypatch, ctx, 91 * 86400.0)
    assert said() == ["the SSH key k is 91 days old"]
    assert said() == []
    in_memory.later(monkeypatch, ctx, 31 * 86400.0)
    assert len(said()) == 1


def test_a_folder_that_cannot_be_read_is_told(ctx: Context, poisoned: Path) -> None:
    (poisoned / ".ssh").symlink_to(".ssh")
    look = ssh_look.look(ctx, None, None, local_only=True)
    assert "cannot read" in str(look.failed["here"])
    assert [what for what, _ in look.facts.unknown] == ["here"]


def test_a_fifo_beside_a_key_is_not_waited_for(poisoned: Path) -> None:
    folder = poisoned / ".ssh"
    folder.mkdir(mode=0o700)
    begin = "-----BEGIN ENCRYPTED " + "PRIVATE KEY-----"
    (folder / "id").write_text(f"{begin}\nAAAA\n-----END ENCRYPTED -----\n")
    os.mkfifo(folder / "id.pub")
    (found,) = files.private_keys()
    assert (found.encrypted, found.public_key) == (True, None)
