"""Long texts of UTF-16 and UTF-32: the text, and what was put among its bytes."""

from collections.abc import Iterator

import pytest

from credguard.sources.files import OVERLAP, WHOLE, Unreadable
from credguard.sources.wide import readings

CODECS = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


def in_pieces(data: bytes, size: int = 1 << 20) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("codec", CODECS)
def test_text_and_bytes_are_both_there_whole(codec: str) -> None:
    lines = 2 * WHOLE // 20
    data = ("\ufeff" + "0123456789abcdefgh\n" * lines).encode(codec) + b"plain ascii\n" * 3
    seen = {True: bytearray(), False: bytearray()}
    for window, is_text in readings(in_pieces(data)):
        seen[is_text] += window.data[0 if window.first == 0 else OVERLAP :]
        assert len(window.data) <= 3 * WHOLE
    assert seen[True].count(b"0123456789abcdefgh\n") >= lines - 8
    assert bytes(seen[False]).endswith(b"plain ascii\n" * 3)
    assert b"plain ascii" not in seen[True]


@pytest.mark.parametrize("start", [b"plain", b"\xff\xfe" + b"plain ascii behind a mark " * 4, b""])
def test_other_texts_are_read_once(start: bytes) -> None:
    read = [(window.data, is_text) for window, is_text in readings([start] if start else [])]
    assert read == ([(start, True)] if start else [])


def test_a_failure_midway_comes_after_what_was_read() -> None:
    def pieces() -> Iterator[bytes]:
        yield ("\ufeff" + "word\n" * 9).encode("utf-16-le")
        raise Unreadable("gone")

    found = readings(pieces())
    assert {next(found)[1], next(found)[1]} == {True, False}
    with pytest.raises(Unreadable, match="gone"):
        next(found)
