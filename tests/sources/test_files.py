"""Bytes of files: read whole, or in windows that together are the file."""

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.scan.model import HIGH, Finding
from credguard.sources import files
from credguard.sources.files import Unreadable, Window, blocks, read, windows


def test_whole(tmp_path: Path) -> None:
    for data in (b"", b"1", b"\0" * 70_000, os.urandom(1 << 20)):
        (tmp_path / "a").write_bytes(data)
        assert read(os.fsencode(tmp_path / "a")) == data
        assert b"".join(blocks(os.fsencode(tmp_path / "a"))) == data  # type: ignore[arg-type]


def test_what_is_no_file_is_said_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for name in ("fifo", "s", "loop", "missing", ".", "a" * 300):
            for way in (read, lambda path: list(blocks(path))):
                with pytest.raises(Unreadable) as caught:
                    way(os.fsencode(tmp_path / name))
                assert caught.value.args[0]
    for device in (b"/dev/zero", b"/dev/random", b"/dev/stdin/x", b"/dev/full", b"a\0b"):
        with pytest.raises(Unreadable):
            read(device)


def test_a_file_that_tells_no_size_is_read_to_its_end() -> None:
    data = read(b"/proc/self/status")
    assert data is not None
    assert data.startswith(b"Name:")
    assert data.endswith(b"\n")
    assert b"".join(blocks(b"/proc/self/status")).startswith(b"Name:")  # type: ignore[arg-type]


def test_what_the_system_will_not_read_is_said() -> None:
    for path in (b"/proc/self/mem", b"/proc/self/attr/nothing"):
        with pytest.raises(Unreadable):
            read(path)


def test_longer_than_whole_is_left_to_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE", 10)
    (tmp_path / "a").write_bytes(b"x" * 11)
    assert read(os.fsencode(tmp_path / "a")) is None
    assert read(b"/proc/self/status") is None


def test_a_file_that_grows_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (1 << 20))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"y" * 4096)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert sum(len(each) for each in blocks(os.fsencode(path))) >= 1 << 20  # type: ignore[arg-type]
    finally:
        stop.set()
        writer.join()


def test_holes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"a\nb")
        file.seek(5 << 30)
        file.write(b"c\nd")
        file.truncate(6 << 30)
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("this file system makes no holes")
    pieces = list(blocks(os.fsencode(path)))
    assert sum(piece if isinstance(piece, int) else len(piece) for piece in pieces) == 6 << 30
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 1 << 20
    last = list(windows(pieces))[-1]
    at = last.data.index(b"d")
    found = Finding(b"p", 2, at - last.data.rfind(b"\n", 0, at), 2, "r", "R", HIGH, b"d")
    (placed,) = last.own([found], b"p")
    assert (placed.line, placed.column) == (3, 1)


def test_more_than_the_most_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 3 << 20)
    (tmp_path / "a").write_bytes(b"x" * (5 << 20))
    seen: list[Window] = []
    cut = windows(blocks(os.fsencode(tmp_path / "a")), 1 << 20, 1 << 10)
    with pytest.raises(Unreadable, match="larger than"):
        seen.extend(cut)
    assert seen[-1].last == len(seen[-1].data)  # what was read is scanned to its end


def _marks(data: bytes, base: Window | None = None) -> list[Finding]:
    """A finding for each `X` of `data`, placed as the engine places them."""
    found = []
    for at, byte in enumerate(data):
        if byte == ord("X"):
            line = data.count(b"\n", 0, at) + 1
            start = data.rfind(b"\n", 0, at) + 1
            column = len(data[start:at].decode("utf-8", "replace")) + 1
            found.append(Finding(b"p", line, column, line, "r", "R", HIGH, b"X"))
    return found


TEXT = st.lists(
    st.sampled_from([b"X", b"a", b"\n", b"\xff\xfe", b"\xfe\xff", b"bcd"]), max_size=200
)


@given(TEXT.map(b"".join).filter(lambda text: text[:2] not in (b"\xff\xfe", b"\xfe\xff")),
       st.integers(1, 7), st.integers(8, 30), st.integers(2, 6))  # fmt: skip
def test_windows_place_everything_once_wherever_they_are_cut(
    text: bytes, piece: int, size: int, shared: int
) -> None:
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    placed = []
    for window in windows(pieces, size, shared):
        assert window.data[:2] not in (b"\xff\xfe", b"\xfe\xff") or window.first == 0
        placed += window.own(_marks(window.data), b"p")
    assert [(each.line, each.column) for each in placed] == [
        (each.line, each.column) for each in _marks(text)
    ]


@given(st.text("X\n\u00e9a\U0001f600", max_size=100), st.sampled_from(["utf-16-le", "utf-16-be"]),
       st.integers(2, 9))  # fmt: skip
def test_windows_over_utf_16(text: str, codec: str, piece: int) -> None:
    data = ("\ufeff" + text).encode(codec)
    placed = []
    for window in windows([data[at : at + piece] for at in range(0, len(data), piece)], 20, 6):
        placed += window.own(_marks(window.data), b"p")
    assert [(each.line, each.column) for each in placed] == [
        (each.line, each.column) for each in _marks(text.encode())
    ]
