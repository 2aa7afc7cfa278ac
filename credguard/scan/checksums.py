"""Checksums and structure that formats of secrets carry: what can be told without the vendor.

Pure, and loaded only once something matched. A check takes the matched value and tells True
(right), False (wrong) or None (cannot be told, for instance since it was cut short).
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from zlib import crc32

from credguard.scan.model import LOW
from credguard.scan.values import forged_key, says_so

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SUM = 6  # characters of the checksum at the end of GitHub's and npm's tokens


def crc32_base62(value: bytes) -> bool:
    """GitHub's and npm's tokens: the last six characters are the CRC-32 of those after the prefix.

    Source: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    """
    random = value.rpartition(b"_")[2]
    return base62(crc32(random[:-_SUM])) == random[-_SUM:]


def base62(number: int, width: int = _SUM) -> bytes:
    """`number` in base 62 (digits, capitals, small letters), filled with zeros to `width`."""
    digits = bytearray()
    while number:
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return bytes(digits[::-1]).rjust(width, b"0")


def grafana(value: bytes) -> bool | None:
    """A Grafana service account token: hex of the CRC-32, little endian, of all before the last _.

    None for an access policy token, which has no sum. Source: pkg/components/satokengen in
    grafana/grafana.
    """
    if not value.startswith(b"glsa_"):
        return None
    body, _, given = value.rpartition(b"_")
    return crc32(body).to_bytes(4, "little").hex().encode() == given.lower()


def nkey(value: bytes) -> bool:
    """A NATS nkey seed: base32 of prefix, 32 bytes and the CRC-16 (XModem, little endian) of both.

    Source: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
    """
    raw = base32(value)
    return raw is not None and len(raw) == 36 and crc16(raw[:-2]) == raw[-2] | raw[-1] << 8


def base32(value: bytes) -> bytes | None:
    """The bytes that unpadded base32 stands for; None where it is none."""
    bits = size = 0
    found = bytearray()
    for character in value:
        digit = _BASE32.find(character)
        if digit < 0:
            return None
        bits = (bits << 5 | digit) & 0xFFFF
        size += 5
        if size >= 8:
            size -= 8
            found.append(bits >> size & 0xFF)
    return bytes(found)


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, start 0."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def base64(value: bytes) -> bytes | None:
    """The bytes that base64 or base64url, padded or not, stands for; None where it is none."""
    text = value.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return a2b_base64(text + b"=" * (-len(text) % 4))
    except Error:
        return None


def pypi(value: bytes) -> bool:
    """A PyPI token is a whole version 2 macaroon of pypi.org or test.pypi.org.

    That is: location, identifier, caveats, each list ended by 0, and a signature of 32 bytes.
    Source: https://warehouse.pypa.io/development/token-scanning.html; libmacaroons' format 2.
    """
    raw = base64(value.partition(b"-")[2])
    if raw is None or raw[:2] != b"\x02\x01" or len(raw) < 4:
        return False
    if raw[3 : 3 + raw[2]] not in (b"pypi.org", b"test.pypi.org"):
        return False
    return _whole(raw, 1)


_SIGNATURE, _SIGNED = 6, 32  # the field of a macaroon's signature, and its length


def _whole(raw: bytes, at: int) -> bool:
    """Whether the fields of a macaroon from `at` on end with its signature, and nothing after."""
    while at < len(raw):
        field = raw[at]
        at += 1
        if not field:
            continue
        size = shift = 0
        while at < len(raw) and shift < 28:
            group = raw[at]
            at += 1
            size |= (group & 0x7F) << shift
            shift += 7
            if not group & 0x80:
                break
        at += size
        if field == _SIGNATURE:
            return size == _SIGNED and at == len(raw)
    return False


def jwt(value: bytes) -> bool:
    """A JSON Web Token: the header is a JSON object with an algorithm; the payload is one too.

    Source: RFC 7519 section 3 and RFC 7515 section 4.1.1.
    """
    header, _, rest = value.partition(b".")
    opened = base64(header)
    if opened is None or not opened.lstrip().startswith(b"{") or b'"alg"' not in opened:
        return False
    payload = (base64(rest.partition(b".")[0]) or b"").strip()
    return payload.startswith(b"{") and payload.endswith(b"}") and b'"' in payload


# With what https://jwt.io signs what is typed there, as its page shows: anybody can sign with it.
_SHOWN = b"a-string-secret-at-least-256-bits-long"


def jwt_example(value: bytes) -> bool:
    """Whether a JSON Web Token is one that https://jwt.io shows, or was made from it."""
    signed, _, signature = value.rpartition(b".")
    payload = base64(signed.partition(b".")[2]) or b""
    if b"1234567890" in payload and b"John Doe" in payload:
        return True
    raw = base64(signature)
    digest = {32: "sha256", 48: "sha384", 64: "sha512"}.get(len(raw or b""))
    if digest is None:
        return False
    from hmac import digest as sign

    return sign(_SHOWN, signed, digest) == raw


_OPENPGP = frozenset(b"\x94\x95\x96\x9c\x9d\x9e\xc5\xc7")  # packets of secret keys and subkeys


def der(value: bytes) -> bool | None:
    """The start of a private key's body: a DER sequence, or the mark of OpenSSH, SSH2 or OpenPGP.

    Such a sequence begins with a number (a version) or, in an encrypted PKCS #8, a sequence. None
    where too little is there. Not for a body that its headers call encrypted: that has no
    structure. Sources: RFC 5208, RFC 5915, RFC 8017; PROTOCOL.key of OpenSSH; RFC 9580 section 4.2.
    """
    raw = base64(value[: len(value) // 4 * 4])
    if raw is None or len(raw) < 16:
        return None
    if raw.startswith((b"openssh-key-v1\0", b"\x3f\x6f\xf9\xeb")) or raw[0] in _OPENPGP:
        return True
    if raw[0] != 0x30 or raw[1] > 0x83 or raw[1] == 0x80:
        return False
    return raw[2 + max(0, raw[1] - 0x80)] in (0x02, 0x30)


def aws_account(key_id: bytes) -> str | None:
    """The account number, 12 digits, that an access key id holds; None: it is too old to hold one.

    The 16 characters after the prefix are base32. Ids of the newer kind have the first bit set; the
    40 bits after it are the number. Source: what STS GetAccessKeyInfo answers for such ids.
    """
    raw = base32(key_id[4:])
    if len(key_id) != 20 or raw is None or not raw[0] & 0x80:
        return None
    return f"{int.from_bytes(raw[:6], 'big') >> 7 & (1 << 40) - 1:012d}"


CHECKS: dict[str, Callable[[bytes], bool | None]] = {
    "github": crc32_base62,
    "grafana": grafana,
    "nkey": nkey,
    "pypi": pypi,
    "jwt": jwt,
    "der": der,
}
"""Every check by the name that a rule gives as its `checksum`."""

# What a wrong sum costs: a level of confidence, all but LOW, or the finding. A GitHub token in a
# test or one that was cut short is still worth a look; what fails NATS's or a JWT's is none.
_DROPS = frozenset({"nkey", "jwt"})
_LOW = frozenset({"der"})  # made up, as nothing that makes or cuts keys would have it


def sureness(value: bytes, tests: tuple[str, ...], confidence: int) -> int:
    """The confidence of a value under the checks among `tests`; 0: it is no such secret."""
    if confidence > LOW and (
        ("random" in tests and forged_key(value)) or ("example" not in tests and says_so(value))
    ):
        return LOW
    for test in tests:
        check = CHECKS.get(test)
        if check is jwt and jwt_example(value):
            return LOW
        if check is not None and check(value) is False:
            return 0 if test in _DROPS else LOW if test in _LOW else max(LOW, confidence - 1)
    return confidence
