"""Checks on formats: right ones pass, any change of one character is seen, nothing raises."""

import base64
import hmac
import string
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.app.rules import fill
from credguard.scan.checksums import (
    CHECKS,
    aws_account,
    base62,
    crc16,
    crc32_base62,
    der,
    grafana,
    jwt,
    jwt_example,
    nkey,
    pypi,
    sureness,
)
from credguard.scan.model import HIGH, LOW, MEDIUM

ALNUM = string.ascii_letters + string.digits


def github(random: str) -> bytes:
    return b"ghp_" + random.encode() + base62(crc32(random.encode()))


@given(st.text(ALNUM, min_size=30, max_size=30))
def test_a_github_token_carries_its_sum(random: str) -> None:
    assert crc32_base62(github(random))
    assert sureness(github(random), ("github",), HIGH) == HIGH


@given(st.text(ALNUM, min_size=30, max_size=30), st.integers(4, 39), st.sampled_from(ALNUM))
def test_a_changed_github_token_is_less_sure(random: str, at: int, other: str) -> None:
    token = bytearray(github(random))
    if token[at] == ord(other):
        return
    token[at] = ord(other)
    assert not crc32_base62(bytes(token))
    assert sureness(bytes(token), ("github",), HIGH) == MEDIUM
    assert sureness(bytes(token), ("github",), LOW) == LOW


def test_base62_counts_digits_capitals_small_letters() -> None:
    assert [base62(each, 1) for each in (0, 9, 10, 35, 36, 61)] == [
        b"0",
        b"9",
        b"A",
        b"Z",
        b"a",
        b"z",
    ]
    assert base62(62) == b"000010"


def test_crc16_is_xmodem() -> None:
    assert crc16(b"123456789") == 0x31C3  # the check value of the CRC catalogue


@given(st.integers(0, 999), st.integers(2, 57), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_an_nkey_with_a_wrong_sum_is_none(seed: int, at: int, other: str) -> None:
    text = fill("{nkey:58}", seed).encode()
    assert nkey(text)
    if text[at : at + 1] != other.encode():
        changed = text[:at] + other.encode() + text[at + 1 :]
        # The last character holds bits that stand for nothing.
        if at < len(text) - 1:
            assert not nkey(changed)
            assert sureness(changed, ("nkey",), HIGH) == 0


@given(st.binary(max_size=200))
def test_no_check_raises_on_any_bytes(data: bytes) -> None:
    for name in CHECKS:
        assert CHECKS[name](data) in (True, False, None)
        assert sureness(data, (name,), HIGH) in (0, LOW, MEDIUM, HIGH)
    assert aws_account(data) is None or len(aws_account(data) or "") == 12


def _jwt(header: bytes, payload: bytes) -> bytes:
    parts = [base64.urlsafe_b64encode(each).rstrip(b"=") for each in (header, payload)]
    return b".".join([*parts, b"c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    ("header", "payload", "right"),
    [
        (b'{"alg":"HS256"}', b'{"sub":"1"}', True),
        (b'{"typ":"JWT"}', b'{"sub":"1"}', False),
        (b'{"alg":"HS256"}', b"[1]", False),
        (b'{"alg":"HS256"}', b'{"sub":"1\xff\x07\x1c', False),
        (b'"alg"', b'{"sub":"1"}', False),
    ],
)
def test_a_jwt_is_two_json_objects(header: bytes, payload: bytes, right: bool) -> None:
    assert jwt(_jwt(header, payload)) is right


def test_the_jwt_that_the_format_is_shown_with_is_low() -> None:
    shown = _jwt(b'{"alg":"HS256"}', b'{"sub":"1234567890","name":"John Doe"}')
    assert jwt_example(shown)
    assert sureness(shown, ("jwt",), MEDIUM) == LOW
    assert sureness(_jwt(b'{"alg":"HS256"}', b'{"sub":"8"}'), ("jwt",), MEDIUM) == MEDIUM


@pytest.mark.parametrize(("name", "bits"), [("HS256", 256), ("HS384", 384), ("HS512", 512)])
def test_a_jwt_signed_with_what_everybody_is_shown_is_low(name: str, bits: int) -> None:
    signed = _jwt(f'{{"alg":"{name}"}}'.encode(), b'{"sub":"8"}').rpartition(b".")[0]

    def token(key: bytes) -> bytes:
        digest = hmac.digest(key, signed, f"sha{bits}")
        return signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")

    shown = token(b"a-string-secret-at-least-256-bits-long")
    assert sureness(shown, ("jwt",), MEDIUM) == LOW
    assert sureness(token(b"k" * 38), ("jwt",), MEDIUM) == MEDIUM


def macaroon(location: bytes, signature: int = 32) -> bytes:
    def field(kind: int, data: bytes) -> bytes:
        size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) % 128 + 128, 1])
        return bytes([kind]) + size + data

    raw = b"\x02" + field(1, location) + field(2, b"i" * 36) + b"\0"
    raw += field(2, b"c" * 150) + b"\0" + b"\0" + field(6, b"\x9f" * signature)
    return b"pypi-" + base64.urlsafe_b64encode(raw).rstrip(b"=")


def test_a_pypi_token_is_a_whole_macaroon_of_pypi() -> None:
    token = macaroon(b"pypi.org")
    assert pypi(token)
    assert pypi(macaroon(b"test.pypi.org"))
    assert sureness(token, ("pypi",), HIGH) == HIGH
    assert not pypi(macaroon(b"evil.org"))
    assert not pypi(macaroon(b"pypi.org", signature=31))
    assert all(not pypi(token[:end]) for end in range(5, len(token) - 1))
    assert sureness(token[:-8], ("pypi",), HIGH) == MEDIUM


def test_grafanas_sum_is_over_all_before_it() -> None:
    body = b"glsa_" + fill("{alnum:32}", 1).encode()
    right = body + b"_" + crc32(body).to_bytes(4, "little").hex().encode()
    wrong = body + b"_" + (crc32(body) ^ 1).to_bytes(4, "little").hex().encode()
    assert grafana(right)
    assert sureness(right, ("grafana",), HIGH) == HIGH
    assert sureness(wrong, ("grafana",), HIGH) == MEDIUM
    assert grafana(b"glc_" + body) is None


@pytest.mark.parametrize(
    ("raw", "right"),
    [
        (b"0\x82\x04\xa4\x02\x01\x00", True), (b"0\x81\xa4\x02\x01\x00", True),
        (b"0\x2e\x02\x01\x00", True), (b"0\x82\x04\xa4\x30\x40", True),
        (b"openssh-key-v1\0", True), (b"\x95\x03\x98", True), (b"\xc5\x58", True),
        (b"0\x82\x04\xa4\x04\x01", False), (b"0\x80\x02\x01", False), (b"0\x8a\x02", False),
        (b"\x82\xba", False), (b"hello", False),
    ],
)  # fmt: skip
def test_a_private_key_starts_as_one(raw: bytes, right: bool) -> None:
    value = base64.b64encode(raw + bytes(20))
    assert der(value) is right
    assert sureness(value, ("der",), HIGH) == (HIGH if right else LOW)


@pytest.mark.parametrize("word", ["invalid", "Example", "EXAMPLE"])
def test_a_token_that_says_that_it_is_none_is_low(word: str) -> None:
    token = f"tok_{word}".encode() + fill("{alnum:24}", 3).encode()
    assert sureness(token, (), HIGH) == LOW
    assert sureness(token, ("example",), HIGH) == HIGH
    assert sureness(b"https://x." + word.encode() + b".org/" + token[-24:], (), HIGH) == HIGH


def test_a_key_that_is_cut_off_cannot_be_told() -> None:
    assert der(base64.b64encode(b"hello")) is None


@given(st.integers(0, 999_999_999_999))
def test_a_key_id_tells_its_account(number: int) -> None:
    raw = (1 << 47 | number << 7 | 5).to_bytes(6, "big") + bytes(4)
    key_id = b"AK" + b"IA" + base64.b32encode(raw)
    assert aws_account(key_id) == f"{number:012d}"


def test_an_old_key_id_tells_none() -> None:
    assert aws_account(b"AK" + b"IA" + b"I" * 16) is None
    assert aws_account(b"AK" + b"IA") is None
