"""A run of digits that holds text is decoded, whatever stands before it; a name is no run."""

import base64
import random
import string

import pytest

from credguard.scan.decode.layer import Layer
from credguard.scan.decode.runs import base64_layers, hex_layers


def _texts() -> list[bytes]:
    generator = random.Random(1)
    letters = string.ascii_letters + string.digits + " \t.,:=_"
    return ["".join(generator.choices(letters, k=18 + k % 30)).encode() for k in range(120)]


@pytest.mark.parametrize("before", [b"", b"x", b"Zq", b"bCd"])
def test_base64_of_text_is_read_at_every_alignment(before: bytes) -> None:
    for text in _texts():
        data = b"a " + before + base64.b64encode(text) + b" b"
        assert any(text in layer.data for layer in base64_layers(Layer(data, b"a.txt"))), data


@pytest.mark.parametrize("before", [b"", b"f"])
@pytest.mark.parametrize("upper", [False, True])
def test_hexadecimal_digits_of_text_are_read_at_every_alignment(before: bytes, upper: bool) -> None:
    for text in _texts():
        digits = text.hex().upper() if upper else text.hex()
        data = b"a " + before + digits.encode() + b" b"
        assert any(text in layer.data for layer in hex_layers(Layer(data, b"a.txt"))), data


def test_text_that_is_not_ascii_is_read() -> None:
    text = "пароль для входа на сервер".encode()
    for data, layers in (
        (base64.b64encode(text), base64_layers),
        (text.hex().encode(), hex_layers),
    ):
        assert any(text in layer.data for layer in layers(Layer(data, b"a.txt")))


def test_names_and_digests_hold_nothing() -> None:
    names = (
        b"ResourceNotFoundExceptionHandler test_default_missing_with_wrong_type_value "
        b"com/example/service/latest/reference/Payload NetworkServicesProjectsLocationsListRequest "
    )
    generator = random.Random(2)
    digests = b" ".join(generator.randbytes(20).hex().encode() for _ in range(50))
    assert base64_layers(Layer(names * 3 + digests, b"a.json")) == []
