import os
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
