import os
import socket
from pathlib import Path

from credguard.sources.files import files


def _found(path: Path, **options: int) -> dict[bytes, tuple[bytes | None, str]]:
    top = os.fsencode(path)
    return {
        os.path.relpath(each.path, top): (each.data, each.problem) for each in files(top, **options)
    }


def test_every_regular_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b\nc").write_bytes(b"2")
    with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:
        file.write(b"3")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"4")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    found = _found(tmp_path)
    assert found == {b"a": (b"1", ""), b"sub/b\nc": (b"2", ""), b"\xff": (b"3", "")}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"12345")
    assert _found(tmp_path, max_bytes=4)[b"big"] == (None, "larger than 0 MiB")
    (missing,) = files(os.fsencode(tmp_path / "missing"))
    assert missing.data is None
    assert missing.problem == "No such file or directory"


def test_a_fifo_named_directly_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (found,) = files(os.fsencode(tmp_path / "fifo"))
    assert found.problem == "not a regular file"


def test_a_file_that_tells_no_size_is_bounded(tmp_path: Path) -> None:
    (found,) = files(b"/proc/self/status")
    assert found.data
    (found,) = files(b"/proc/self/status", max_bytes=10)
    assert found.data is None
    assert found.problem.startswith("larger than")


def test_sockets_devices_loops_and_slashes(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "a").write_bytes(b"1")
    assert _found(tmp_path) == {b"a": (b"1", "")}
    assert [each.path for each in files(os.fsencode(tmp_path) + b"//")]
    for name in ("s", "loop"):
        (found,) = files(os.fsencode(tmp_path / name))
        assert found.data is None, name
    (found,) = files(b"/dev/zero")
    assert found.problem == "not a regular file"
    listener.close()


def test_what_vanishes_meanwhile_is_said(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"1")
    walk = files(os.fsencode(tmp_path))
    next(walk)
    (tmp_path / "b").unlink()
    (found,) = walk
    assert (found.data, found.problem) == (None, "No such file or directory")
