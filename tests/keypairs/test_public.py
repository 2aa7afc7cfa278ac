"""Fingerprints as EC2 documents them, against ssh-keygen, openssl and known values."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from credguard.errors import Unsupported
from credguard.keypairs import public
from credguard.keypairs.model import Pair

# The public key of moto's own tests of ImportKeyPair, and the fingerprint that EC2 gave for it.
KNOWN_RSA = (
    "ssh-rsa "
    "AAAAB3NzaC1yc2EAAAADAQABAAABAQDusXfgTE4eBP50NglSzCSEGnIL6+cr6m3H"
    "6cZANOQ+P1o/W4BdtcAL3sor4iGi7SOeJgo8kweyMQrhrt6HaKGgromRiz37LQx"
    "4YIAcBi4Zd023mO/V7Rc2Chh18mWgLSmA6ng+j37ip6452zxtv0jHAz9pJolbKBp"
    "JzbZlPN45ZCTk9ck0fSVHRl6VRSSPQcpqi65XpRf+35zNOCGCc1mAOOTmw59Q2a6"
    "A3t8mL7r91aM5q6QOQm219lctFM8O7HRJnDgmhGpnjRwE1LyKktWTbgFZ4SNWU2X"
    "qusUO07jKuSxzPumXBeU+JEtx0J1tqZwJlpGt2R+0qN7nKnPl2+hx"
)
KNOWN_RSA_IMPORTED = "6a:49:07:1c:7e:bd:d2:bd:96:25:fe:b5:74:83:ae:fd"
# RFC 8032, section 7.1, TEST 1: the public key.
KNOWN_ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"


needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="*** NOT HERE, so its word is not asked: openssl"
)


def line_of(key: object) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def colons(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def pair(shown: str, key: str | None = None) -> Pair:
    return Pair("r1", "k", "", shown, key)


def test_an_imported_rsa_key_with_a_known_fingerprint() -> None:
    assert public.imported(KNOWN_RSA + " a comment") == KNOWN_RSA_IMPORTED
    assert public.is_key(pair(KNOWN_RSA_IMPORTED), KNOWN_RSA)


@needs_openssl
def test_an_imported_rsa_key_as_openssl_tells_it(
    rsa_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    """The EC2 User Guide's own command: openssl pkey -pubout -outform DER, md5."""
    pem = tmp_path / "k.pem"
    pem.write_bytes(
        rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", pem, "-outform", "DER"],
        capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    said = subprocess.run(
        ["openssl", "md5", "-c"], input=der, capture_output=True, check=True, timeout=30
    ).stdout.decode()
    assert said.split("= ")[1].strip() == public.imported(line_of(rsa_key))


@needs_openssl
def test_a_created_rsa_key_as_openssl_tells_it(rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """The EC2 User Guide's own command: openssl pkcs8 -topk8 -nocrypt -outform DER, sha1."""
    pem = tmp_path / "k.pem"
    pem.write_bytes(
        rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    der = subprocess.run(
        ["openssl", "pkcs8", "-in", pem, "-inform", "PEM", "-outform", "DER", "-topk8", "-nocrypt"],
        capture_output=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    assert public.created(rsa_key) == colons(hashlib.sha1(der).hexdigest())
    assert public.created(rsa_key) != public.imported(line_of(rsa_key))


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_fingerprints_as_ssh_keygen_shows_them(kind: str, tmp_path: Path) -> None:
    line = KNOWN_ED25519 if kind == "ed25519" else KNOWN_RSA
    (tmp_path / "k.pub").write_text(line + " x\n")
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "k.pub"],
        capture_output=True, check=True, timeout=30, text=True,
    ).stdout  # fmt: skip
    assert said.split()[1] == public.fingerprint(line)
    if kind == "ed25519":
        assert "SHA256:" + public.imported(line) == said.split()[1]


def test_the_padding_that_ec2_may_add_makes_no_difference() -> None:
    shown = public.imported(KNOWN_ED25519)
    assert public.plain(shown + "=") == public.plain("SHA256:" + shown)
    assert public.is_key(pair(shown + "="), KNOWN_ED25519)
    assert not public.is_key(pair(shown), KNOWN_RSA)
    assert not public.is_key(pair(shown, KNOWN_RSA), KNOWN_ED25519)  # the public key goes first


@pytest.mark.parametrize(
    ("make", "kind", "taken"),
    [
        (ed25519.Ed25519PrivateKey.generate, "ed25519", True),
        (lambda: rsa.generate_private_key(65537, 2048), "rsa", True),
        (lambda: rsa.generate_private_key(65537, 1024), "rsa", False),
        (lambda: rsa.generate_private_key(65537, 3072), "rsa", False),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "ecdsa", False),
    ],
    ids=["ed25519", "rsa-2048", "rsa-1024", "rsa-3072", "ecdsa"],
)
def test_what_ec2_imports(make: object, kind: str, taken: bool) -> None:
    key = public.parsed(line_of(make()) + " me")  # type: ignore[operator]
    assert key.kind == kind
    if taken:
        public.importable(key)
    else:
        with pytest.raises(Unsupported, match="EC2"):
            public.importable(key)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [(b"sk-ssh-ed25519@openssh.com", "ed25519-sk", "FIDO2"), (b"ssh-dss", "dsa", "dsa")],
)
def test_a_key_that_is_known_and_not_imported(name: bytes, kind: str, why: str) -> None:
    blob = b"".join(len(each).to_bytes(4, "big") + each for each in (name, bytes(32), b"ssh:"))
    key = public.parsed(f"{name.decode()} {base64.b64encode(blob).decode()}")
    assert key.kind == kind
    with pytest.raises(Unsupported, match=why):
        public.importable(key)


@pytest.mark.parametrize(
    "line",
    ["", "ssh-ed25519", "ssh-ed25519 ###", "ssh-rsa AAAA", KNOWN_ED25519[:-4], "ssh-x AAAABHNzaC14",
     KNOWN_ED25519.replace("ssh-ed25519", "ssh-rsa"), "-----BEGIN"],
)  # fmt: skip
def test_what_is_no_key(line: str) -> None:
    with pytest.raises(Unsupported):
        public.parsed(line)


@pytest.mark.parametrize("name", ["", " a", "a ", "x" * 256, "ä", "a\nb"])
def test_names_that_ec2_does_not_take(name: str) -> None:
    with pytest.raises(Unsupported):
        public.check_pair_name(name)
    assert public.check_pair_name("a b" + "x" * 252)
