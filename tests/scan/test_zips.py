"""Zip archives whose directory does not lead to every file."""

import io
import zipfile
from pathlib import Path

import pytest

from credguard.scan.containers import zips
from credguard.scan.engine import Engine
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine
from tests.support import samples

VALUE = samples.aws_secret(3).encode()
SECRET = b"aws_secret_access_key = " + VALUE + b"\n"


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


def _zip(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = comment
    return out.getvalue()


def _unnamed_entry() -> bytes:
    """The directory breaks off before the last of its entries."""
    data = bytearray(_zip(("a", b"nothing"), ("b.txt", SECRET)))
    at = data.rfind(b"PK\1\2")
    data[at : at + 2] = b"XX"
    return bytes(data)


DIRECTORIES = {
    "breaks off": _unnamed_entry(),
    "another end in the comment": _zip(("b.txt", SECRET), comment=b"PK\5\6" + bytes(18)),
    "an end without size": (
        (whole := _zip(("a", b""), ("b.txt", SECRET)))[: -22 + 12] + bytes(4) + whole[-6:]
    ),
}


@pytest.mark.parametrize("way", DIRECTORIES)
def test_files_that_the_directory_does_not_lead_to_are_read(engine: Engine, way: str) -> None:
    scanned = scan_all(engine, DIRECTORIES[way], b"a.zip")
    (found,) = scanned.findings
    assert (found.value, found.path) == (VALUE, b"a.zip!b.txt")
    assert "directory is damaged" in scanned.problems[0][1]


def test_a_folder_and_many_files_are_no_damage(engine: Engine) -> None:
    many = [(f"d/{number}", b"") for number in range(1 << 16)]  # the count is one of 16 bits
    located = list(zips.located(_zip(("d/", b""), *many)))
    assert len(located) == len(many)
    assert not any(isinstance(each, str) for each in located)
    assert scan_all(engine, _zip(("d/", b""), ("b.txt", SECRET)), b"a.zip").problems == []
    assert scan_all(engine, _zip(), b"a.zip").problems == []
