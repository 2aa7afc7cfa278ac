"""Archives too large to be read whole."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import random
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given

from credguard.app import scan_packed
from credguard.app.scan_batch import Batch, Setting, scan_files
from credguard.paths import cache_dir
from credguard.scan.containers import zips
from credguard.scan.containers.parts import PACKED
from credguard.scan.decode.streams import kind, zstd
from credguard.scan.engine import Engine
from credguard.scan.model import MEDIUM
from credguard.sources import files
from credguard.sources.database import load_engine
from tests.scan.test_hostile import FUZZ
from tests.scan.test_hostile import damaged as damaged_container
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")
SMALL = 64 << 10
SECRET = f"aws_secret_access_key = {samples.aws_secret(3)}\n".encode()
LATE = b"".join(b"%d nothing here\n" % number for number in range(9000)) + SECRET
NOISE = random.Random(1).randbytes(2 * SMALL)


def tar(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def zst(data: bytes) -> bytes:
    packed: bytes = zstd().compress(data)
    return packed


MEMBERS = [
    ("noise", NOISE),
    ("b/late.ini", LATE),
    ("a.ini", SECRET),
    ("in.gz", gzip.compress(SECRET)),
]
WAYS: dict[str, tuple[str, bytes]] = {
    "tar": ("x.tar", tar(*MEMBERS)),
    "zip": ("x.zip", zipped(*MEMBERS)),
    "stored": ("x.jar", zipped(*MEMBERS, method=zipfile.ZIP_STORED)),
    "zip bz2": ("x.zip", zipped(*MEMBERS, method=zipfile.ZIP_BZIP2)),
    "zip lzma": ("x.zip", zipped(*MEMBERS, method=zipfile.ZIP_LZMA)),
    "tar.gz": ("x.tar.gz", gzip.compress(tar(*MEMBERS))),
    "tar.bz2": ("x.tbz2", bz2.compress(tar(*MEMBERS))),
    "tar.xz": ("x.tar.xz", lzma.compress(tar(*MEMBERS))),
    "tar.zst": ("x.tar.zst", zst(tar(*MEMBERS))),
    "zip behind a program": ("x.pyz", b"#!/bin/sh\nexit\n" + zipped(*MEMBERS)),
    "gz": ("x.sql.gz", gzip.compress(NOISE + b"\n" + LATE)),
    "two gz": ("x.sql.gz", gzip.compress(NOISE + b"\n") + gzip.compress(LATE)),
    "tar in zip": ("x.zip", zipped(("noise", NOISE), ("in.tar", tar(("n", NOISE), ("a", SECRET))))),
    "image": (
        "x.tar",
        tar(
            ("layer.tar", tar(("n", NOISE), ("a", SECRET))),
            ("z.tgz", gzip.compress(tar(*MEMBERS))),
        ),
    ),
}  # fmt: skip


def scanned(path: Path) -> Batch:
    batch = Batch()
    for part in scan_files(Setting(cache_dir(), MEDIUM), [os.fsencode(path)]):
        batch.take(part)
    return batch


def shown(batch: Batch) -> list[tuple[bytes, int, int, str, str]]:
    return sorted(
        (os.path.basename(each.path), each.line, each.column, each.rule_id, each.via)
        for each in batch.findings
    )


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def small() -> None:
        monkeypatch.setattr(files, "WHOLE", SMALL)
        monkeypatch.setattr(scan_packed, "WHOLE", SMALL)
        shared = (SMALL, 16 << 10)
        monkeypatch.setattr(files.windows, "__defaults__", shared)

    return small


@pytest.mark.parametrize("way", WAYS)
def test_a_large_archive_is_read_as_a_small_one_is(
    tmp_path: Path, narrow: Callable[[], None], way: str
) -> None:
    name, data = WAYS[way]
    (tmp_path / name).write_bytes(data)
    whole = scanned(tmp_path / name)
    narrow()
    large = scanned(tmp_path / name)
    assert (large.problems, whole.problems) == ([], [])
    assert shown(large) == shown(whole)
    assert len(large.findings) == {"gz": 1, "two gz": 1, "tar in zip": 1, "image": 4}.get(way, 3)


def damaged(data: bytes) -> bytes:
    return data[: len(data) * 9 // 10]


@pytest.mark.parametrize("way", ["tar.gz", "tar.bz2", "tar", "tar.zst", "zip"])
def test_what_is_cut_is_told_and_the_rest_read(
    tmp_path: Path, narrow: Callable[[], None], way: str
) -> None:
    pack = {
        "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar": bytes, "tar.zst": zst,
        "zip": bytes,
    }[way]  # fmt: skip
    members = [("a.ini", SECRET), *[(f"noise{number}", NOISE) for number in range(9)]]
    data = pack(tar(*members)) if way != "zip" else zipped(*members)
    (tmp_path / "x").write_bytes(damaged(data))
    narrow()
    batch = scanned(tmp_path / "x")
    assert [name for name, *_ in shown(batch)] == [b"x!a.ini"]
    assert batch.problems


def test_bounds_in_size_time_count_and_depth_are_told(
    tmp_path: Path, narrow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow()

    def told(data: bytes) -> str:
        (tmp_path / "x").write_bytes(data)
        batch = scanned(tmp_path / "x")
        return "; ".join(
            f"{os.path.basename(path).decode()}: {why}" for path, why in batch.problems
        )

    bomb = NOISE + bytes(20 << 20)
    assert "x: holds more than is read of one file" in told(gzip.compress(bomb))
    quine = NOISE
    for _ in range(7):
        quine = gzip.compress(quine + NOISE, 1)
    assert "holds more than 5 archives in one another" in told(quine)
    inner = zipped(("n", NOISE), ("a", SECRET))
    assert "n.zip: is a zip archive of over" in told(zipped(("n.zip", inner)))
    monkeypatch.setattr(scan_packed, "_MEMBERS", 3)
    assert "x: holds more members" in told(tar(*MEMBERS))
    monkeypatch.setattr(scan_packed, "_MEMBERS", 9)
    monkeypatch.setattr(scan_packed, "_TIME_S", -60)
    assert "x: took too long" in told(tar(*MEMBERS))


def test_the_file_itself_is_read_whatever_its_members_are(
    tmp_path: Path, narrow: Callable[[], None]
) -> None:
    """Beside the archive, behind its end, in a member that cannot be opened."""
    encrypted = bytearray(zipped(("a.ini", SECRET), method=zipfile.ZIP_STORED))
    at = encrypted.rfind(b"PK\1\2")
    encrypted[at + 8] |= 1
    for name, data in {
        "x.zip": NOISE + bytes(encrypted),
        "y.gz": gzip.compress(NOISE) + SECRET,
    }.items():
        data = b"PK\3\4" + data if name == "x.zip" else data
        (tmp_path / name).write_bytes(data)
        narrow()
        batch = scanned(tmp_path / name)
        assert [(path, rule) for path, _, _, rule, _ in shown(batch)] == [
            (name.encode(), "aws-secret-access-key")
        ]
        assert [why for _, why in batch.problems] == [
            "is encrypted" if name == "x.zip" else "is followed by something that is not read"
        ]


def test_a_held_file_is_as_its_bytes_are(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(3 << 20)
    (tmp_path / "x").write_bytes(data)
    with files.Held(os.fsencode(tmp_path / "x")) as held:
        assert len(held) == len(data)
        for start in (0, 1, (1 << 20) - 2, (1 << 20) - 1, 1 << 20, len(data) - 4, len(data)):
            what = data[start : start + 4] or b"none"
            assert held[start : start + 9] == data[start : start + 9]
            assert held.find(what, 0) == data.find(what, 0)
            assert held.rfind(what, 0) == data.rfind(what, 0)
            assert held.rfind(what, 7, start + 3) == data.rfind(what, 7, start + 3)
            assert held.find(what, start + 1) == data.find(what, start + 1)
        assert held[-5:] == data[-5:]
        assert (
            next(iter(zips.located(held)))
            == "the archive's end is missing; its files are read one by one"
        )


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(files.Unreadable, match="not a regular file"):
        files.Held(os.fsencode(tmp_path / "fifo"))
    with pytest.raises(files.Unreadable, match="No such file"):
        files.Held(os.fsencode(tmp_path / "none"))


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Iterator[Engine]:
    whole, scan_packed.WHOLE = scan_packed.WHOLE, 400  # so that members are large ones too
    yield load_engine(str(rules_once))
    scan_packed.WHOLE = whole


@given(case=damaged_container())
@FUZZ
def test_a_damaged_archive_never_raises(engine: Engine, case: tuple[str, bytes]) -> None:
    _, data = case
    packed = kind(data[:512])
    if packed in PACKED:
        found = scan_packed.scan_packed(engine, data, b"x", packed)
        assert all(each.value for each in found.findings)


def header(name: str, kind_of: bytes, size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind_of, size
    return info.tobuf(tarfile.GNU_FORMAT)


def unsound(what: str) -> bytes:
    first, last = tar(("noise", NOISE)).rstrip(b"\0"), tar(("a.ini", SECRET))
    first += bytes(-len(first) % 512)
    if what == "header":
        return first + last[:148] + b"0000000\0" + last[156:]
    if what == "end":
        return first + bytes(1024) + last
    return first + header("x", what.encode(), 1 << 30) + bytes(20 << 20) + last


@pytest.mark.parametrize("what", ["header", "end", "x", "g", "L", "K"])
def test_a_tar_archive_ends_nowhere_in_silence(
    tmp_path: Path, narrow: Callable[[], None], what: str
) -> None:
    """A damaged header, another archive behind the first, a header as long as memory."""
    (tmp_path / "x").write_bytes(gzip.compress(unsound(what)))
    narrow()
    (problem,) = scanned(tmp_path / "x").problems
    assert problem[1] in {
        "header": ["the archive is damaged: what follows cannot be read"],
        "end": ["what follows the archive's end is not read"],
    }.get(what, ["the archive is damaged: its headers are too long"])


def test_a_member_of_an_unknown_type_is_a_file(tmp_path: Path, narrow: Callable[[], None]) -> None:
    body = SECRET + bytes(-len(SECRET) % 512)
    data = tar(("noise", NOISE))[: -(-len(NOISE) // 512) * 512 + 512]
    data += header("a.ini", b"Z", len(SECRET)) + body + bytes(1024)
    (tmp_path / "x").write_bytes(gzip.compress(data))
    narrow()
    assert [name for name, *_ in shown(scanned(tmp_path / "x"))] == [b"x!a.ini"]


def test_time_counts_between_members_too(
    tmp_path: Path, narrow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = header("d", b"5") * 9000
    (tmp_path / "x").write_bytes(gzip.compress(data, 0))
    narrow()
    monkeypatch.setattr(scan_packed, "_TIME_S", -60)
    assert "took too long" in str(scanned(tmp_path / "x").problems)


def test_a_busy_machine_cuts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours on the clock pass between two looks at it, none of them at work."""
    ticks = itertools.count(0, 3600)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    (tmp_path / "x.zip").write_bytes(zipped(*MEMBERS))
    batch = scanned(tmp_path / "x.zip")
    assert (len(batch.findings), batch.problems) == (3, [])
