"""Public SSH keys: what a line says, what EC2 takes, and the fingerprints that EC2 shows. Pure."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from credguard.errors import Unsupported
from credguard.keypairs.model import Pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

# What EC2 imports; docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-key-pairs.html. EC2 Instance
# Connect takes no RSA key of 1024 bits, and neither should anybody.
RSA_BITS = (2048, 4096)
_ED25519_BYTES = 51  # on the wire: two lengths, the type, 32 bytes
_TYPE = re.compile(r"[a-z0-9@.-]{1,64}\Z")
_KINDS = {
    "ssh-ed25519": "ed25519",
    "ssh-rsa": "rsa",
    "ssh-dss": "dsa",
    "sk-ssh-ed25519@openssh.com": "ed25519-sk",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa-sk",
}
_LARGEST = 16 << 10
# EC2's rule for a key pair's name; API reference, ImportKeyPair.
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key without its comment. `kind`: rsa, ed25519, ecdsa, dsa, ed25519-sk, ecdsa-sk.

    `bits`: of the modulus; 0 for kinds whose size is fixed, or that cannot be measured.
    """

    line: str
    kind: str
    bits: int


def parsed(line: str) -> PublicKey:
    """What the line `type base64 [comment]` says. Raises Unsupported."""
    parts = line.split()
    blob = _blob(parts)
    named = parts[0]
    kind = _KINDS.get(named, "ecdsa" if named.startswith("ecdsa-sha2-") else "")
    if not kind:
        raise Unsupported(f"{named} is not a type of SSH key that is known here", hint=_USE)
    bits = 0
    if kind == "rsa":
        bits = _rsa(f"{named} {parts[1]}").key_size
    elif kind == "ed25519" and len(blob) != _ED25519_BYTES:
        raise Unsupported("this is not a whole ed25519 public key", hint=_USE)
    return PublicKey(f"{named} {parts[1]}", kind, bits)


_USE = "use an ed25519 or RSA key: credguard ssh create"


def _blob(parts: list[str]) -> bytes:
    """The wire bytes, which name the type again. Raises Unsupported."""
    try:
        if len(parts[1]) > _LARGEST or not _TYPE.match(parts[0]):
            raise IndexError
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        raise Unsupported("this is not an SSH public key", hint=_USE) from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != parts[0].encode():
        raise Unsupported("this is not an SSH public key", hint=_USE)
    return blob


def _rsa(line: str) -> "RSAPublicKey":
    # Here, since `status` loads this module and looks at no key.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Unsupported("this is not a whole RSA public key", hint=_USE) from None
    if not isinstance(key, RSAPublicKey):
        raise Unsupported("this is not an RSA public key", hint=_USE)
    return key


def importable(key: PublicKey) -> None:
    """Raise Unsupported for a key that EC2 does not import."""
    if key.kind == "ed25519":
        return
    if key.kind == "rsa":
        if key.bits in RSA_BITS:
            return
        raise Unsupported(
            f"EC2 imports RSA keys of 2048 or 4096 bits, and this one has {key.bits}",
            hint="make one that it takes: credguard ssh create --type rsa",
        )
    if key.kind.endswith("-sk"):
        # github.com/aws/aws-cli/issues/6811, aws/aws-sdk/issues/212: open.
        raise Unsupported("EC2 does not import keys of a security key (FIDO2)", hint=_USE)
    raise Unsupported(f"EC2 does not import {key.kind} keys", hint=_USE)


def check_pair_name(name: str) -> str:
    """`name`, when a key pair may be called so. Raises Unsupported."""
    if not name or len(name) > LONGEST_NAME or not name.isascii() or not name.isprintable():
        raise Unsupported(
            f"EC2 takes no key pair called {name[:40]!r}",
            hint=f"up to {LONGEST_NAME} printable ASCII characters",
        )
    if name != name.strip():
        raise Unsupported(
            f"EC2 takes no key pair called {name[:40]!r}", hint="no space at its ends"
        )
    return name


def fingerprint(line: str) -> str:
    """SHA256:..., as `ssh-keygen -l` shows it, of any kind. Raises Unsupported."""
    digest = hashlib.sha256(_blob(line.split())).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def imported(line: str) -> str:
    """The fingerprint that EC2 shows of this key once imported. Raises Unsupported.

    RSA: MD5 of the DER SubjectPublicKeyInfo, in hexadecimal with colons. ed25519: base64 SHA-256
    of the wire bytes, without "SHA256:". EC2 API reference, KeyPairInfo.
    """
    key = parsed(line)
    if key.kind == "rsa":
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = _rsa(key.line).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _colons(hashlib.md5(der, usedforsecurity=False).hexdigest())
    return fingerprint(line).removeprefix("SHA256:")


def created(private: "RSAPrivateKey") -> str:
    """The fingerprint that EC2 shows of an RSA key that it made itself (CreateKeyPair).

    SHA-1 of the DER PKCS #8 private key, in hexadecimal with colons: the public half does not tell
    it. EC2 API reference, KeyPairInfo.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _colons(hashlib.sha1(der, usedforsecurity=False).hexdigest())


def _colons(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def plain(shown: str) -> str:
    """A fingerprint to compare by: EC2 leaves out "SHA256:", and may add "=" at the end."""
    return shown.strip().removeprefix("SHA256:").rstrip("=")


def same_key(one: str, other: str) -> bool:
    """Whether two public lines are the same key; comments do not matter."""
    return one.split()[:2] == other.split()[:2]


def is_key(pair: Pair, line: str) -> bool:
    """Whether `pair` is the key `line`: by its public key, else by the fingerprint EC2 shows."""
    if pair.public_key:
        return same_key(pair.public_key, line)
    try:
        return plain(pair.fingerprint) == plain(imported(line))
    except Unsupported:
        return False
