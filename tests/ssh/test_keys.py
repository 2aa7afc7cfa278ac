import subprocess
from pathlib import Path

import pytest

from credguard.errors import AlreadyExists, Unsupported
from credguard.keypairs import public
from credguard.ssh import keys


def test_fingerprint_and_encryption_as_openssh_sees_them(tmp_path: Path) -> None:
    passphrase = keys.new_passphrase()
    key = keys.new_key()
    private, line = keys.encrypted(key, passphrase), keys.public_line(key, "me")
    path = tmp_path / "k"
    keys.write_new(str(path), private, 0o600)
    (tmp_path / "k.pub").write_text(line + "\n")
    assert path.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "k.pub")],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert shown.stdout.split()[1] == public.fingerprint(line)
    refused = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(path)], capture_output=True, timeout=20
    )
    assert refused.returncode != 0
    assert keys.public_line(keys.load(str(path), passphrase), "me") == line


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("mine")
    with pytest.raises(AlreadyExists):
        keys.write_new(str(tmp_path / "k"), b"x", 0o600)
    assert [p.name for p in tmp_path.iterdir()] == ["k"]
    assert (tmp_path / "k").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "-x", "../x", "a b", "x" * 101, "ä", "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(Unsupported):
        keys.check_name(name)
