"""Keys that live in a FIDO2 security key; a stand-in for ssh-keygen with the device."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.app import ssh, ssh_rotate
from credguard.app.context import Context
from credguard.errors import Unsupported
from credguard.vault.base import ssh_item
from tests.support.person import credguard, tried, vault_with_key
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A file vault with the simulator's key in it."""
    made = vault_with_key(simulator, poisoned, monkeypatch)
    yield made
    made.close()


def test_a_security_key_that_is_not_plugged_in(ctx: Context, poisoned: Path) -> None:
    done = tried("ssh", "create", "--name", "k", "--type", "ed25519-sk")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2
    assert "plug a FIDO2 security key in" in done.stderr
    assert [each.name for each in (poisoned / ".ssh").iterdir()] == []


def test_a_security_keys_key_is_told_not_to_be_for_ec2(
    ctx: Context, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ssh-keygen with the device: it asks twice, as the real one does."""
    fake = tmp_path / "bin" / "ssh-keygen"
    fake.parent.mkdir()
    line = "sk-ssh-ed25519@openssh.com " + _sk_blob()
    fake.write_text(
        "#!/bin/sh\nfor last; do :; done\n"
        'a=$("$SSH_ASKPASS" "Enter passphrase (empty for no passphrase): ") || exit 1\n'
        'b=$("$SSH_ASKPASS" "Enter same passphrase again: ") || exit 1\n'
        '[ -n "$a" ] && [ "$a" = "$b" ] || exit 1\n'
        f'echo key >"$last"; echo "{line} $*" >"$last.pub"\n'
    )
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    done = credguard("ssh", "create", "--name", "k", "--type", "ed25519-sk", "--json")
    assert '"regions": {}' in done.stdout
    assert "EC2 does not import keys of a security key" in done.stderr
    assert "user data" in done.stderr
    public = (poisoned / ".ssh" / "credguard_k.pub").read_text()
    held = ctx.vault.get(ssh_item("k"))
    assert held is not None
    assert held.reveal() not in public  # the stand-in wrote its arguments there
    assert ssh.chosen(ctx, None).key_type == "ed25519-sk"
    with pytest.raises(Unsupported, match="only OpenSSH uses"):
        ssh.private(ctx, ssh.chosen(ctx, "k"))
    with pytest.raises(Unsupported, match="EC2 does not import"):
        ssh_rotate.rotate(ctx, "k", None, ssh_rotate.Wanted())


def _sk_blob() -> str:
    parts = (b"sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
    return base64.b64encode(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).decode()
