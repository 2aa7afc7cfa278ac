"""What is written is read again, and nothing that comes breaks the reader."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.ipc import wire
from credguard.ipc.message import OPS, Request, decode
from credguard.secret import Secret

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=128
)


@given(
    names,
    st.integers(0, 43_200),
    st.none() | st.from_regex(r"[0-9]{6,8}", fullmatch=True),
    st.from_regex(r"[a-z][a-z_]{0,31}", fullmatch=True),
    names,
    names,
)
def test_what_is_encoded_is_decoded(
    profile: str, ttl: int, code: str | None, how: str, state: str, config: str
) -> None:
    body = wire.request(
        "creds", profile=profile, min_ttl=ttl, code=code, how=how, state=state, config=config
    )
    secret = None if code is None else Secret(code)
    assert decode(body) == Request("creds", profile, ttl, secret, how, state, config)


@given(st.binary(min_size=1, max_size=4096))
def test_a_passphrase_comes_through_and_is_not_in_the_repr(passphrase: bytes) -> None:
    encoded = base64.b64encode(passphrase).decode()
    found = decode(wire.request("unlock", passphrase_b64=encoded))
    assert found.passphrase == passphrase
    assert "passphrase" not in repr(found)


@pytest.mark.parametrize("op", sorted(OPS - {"creds", "unlock"}))
def test_every_operation_without_fields(op: str) -> None:
    assert decode(wire.request(op)) == Request(op)


@given(st.binary(min_size=1, max_size=wire.LARGEST))
def test_a_frame_tells_its_length(body: bytes) -> None:
    frame = wire.framed(body)
    assert frame[wire.HEAD :] == body
    assert wire.length(frame) == len(body)


@pytest.mark.parametrize("body", [b"", bytes(wire.LARGEST + 1)])
def test_no_frame_is_empty_or_over_the_cap(body: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.framed(body)
    with pytest.raises(wire.Malformed):
        wire.length(len(body).to_bytes(4, "big"))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_malformed(body: bytes) -> None:
    with contextlib.suppress(wire.Malformed):
        decode(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = ["profile", "min_ttl", "code", "how", "state", "config", "identity", "passphrase_b64"]


@given(st.sampled_from(sorted(OPS)), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_fields_are_a_request_or_malformed(op: str, fields: dict[str, object]) -> None:
    with contextlib.suppress(wire.Malformed):
        decode(json.dumps({"v": 1, "op": op, **fields}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b"9" * 6_000,
        b"{}",
        b"[]",
        b'{"v":2,"op":"ping"}',
        b'{"v":true,"op":"ping"}',
        b'{"v":1,"op":"PING"}',
        b'{"v":1,"op":"creds"}',
        b'{"v":1,"op":"creds","profile":"a\\u0000"}',
        b'{"v":1,"op":"creds","profile":"\\ud800"}',
        b'{"v":1,"op":"creds","profile":"a","min_ttl":true}',
        b'{"v":1,"op":"creds","profile":"a","min_ttl":-1}',
        b'{"v":1,"op":"creds","profile":"a","code":"12345"}',
        b'{"v":1,"op":"creds","profile":"a","how":"rm -rf"}',
        b'{"v":1,"op":"unlock"}',
        b'{"v":1,"op":"unlock","passphrase_b64":"*"}',
    ],
)
def test_what_is_not_a_request_is_said_to_be_malformed(body: bytes) -> None:
    with pytest.raises(wire.Malformed):
        decode(body)
