"""Findings beyond what memory should hold."""

import gc
import io
import json
import os
import sys
from pathlib import Path

import pytest

from credguard.app import findings as reporting
from credguard.app import scan as scanning
from credguard.app import spool
from credguard.app.findings import FORMATS, Maker, pieces
from credguard.app.scan import Options, scan_paths
from credguard.errors import CredguardError
from credguard.report.model import Row, row
from credguard.scan.model import MEDIUM, Finding
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")


def finding(number: int) -> Finding:
    value = samples.aws_secret(number).encode()
    path = b"a\xff/%d" % number
    return Finding(path, number, 1, number, "aws-access-key-id", "A key\ud800", MEDIUM, value)


def made(number: int) -> Row:
    return row(finding(number), {}, "00ff")


def test_rows_come_back_as_they_went_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_CHUNK", 4)
    rows = spool.Rows()
    for number in range(0, 18, 2):
        rows.append(number, made(number))
    rows.amend(4, made(400))
    rows.amend(5, made(500))
    for number in (16, 7, 0, 0):
        rows.insert(number, made(1000 + number))
    order = [1000, 1000, 0, 2, 400, 6, 1007, 8, 10, 12, 14, 1016, 16]
    for _ in range(2):
        assert [each.line for each in rows] == order
    assert len(rows) == len(order)
    assert next(iter(rows)) == made(1000)


def tree(top: Path) -> str:
    for number in range(9):
        folder = top / f"{number}"
        folder.mkdir()
        (folder / "a-key").write_text(samples.aws_secret(number))
        (folder / "id").write_text(samples.aws_key_id(number))
        (folder / "k.env").write_text(f"API_SECRET={samples.aws_secret(40 + number)}\n")
        (folder / "z.env").write_text(
            f"PASSWORD={samples.text(16, number)}\n"
            f"PASSWORD={samples.text(16, 99 + number)} # credguard:allow\n"
        )
    return str(top)


def shown(top: str, style: str, maker: Maker, spilled: Maker | None) -> str:
    result = scan_paths([top], Options(MEDIUM, jobs=1), spill=spilled)
    report = maker.report(result.findings, result.problems, result.scanned)
    return "".join(pieces(report, style, started=1.0, ended=2.0))


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_is_the_same_whatever_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str, poisoned: Path
) -> None:
    top = tree(tmp_path)
    whole = shown(top, style, Maker(style), None)
    monkeypatch.setattr(scanning, "_HELD", 7)
    monkeypatch.setattr(spool, "_CHUNK", 5)
    maker = Maker(style)
    assert shown(top, style, maker, maker) == whole
    assert whole.count("its key id is in") in (18, 36)


def test_what_lies_on_the_disk_has_no_value_and_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []

    class File(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            written.append(spool.zlib.decompress(data))
            return super().write(data)

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", File)
    monkeypatch.setattr(scanning, "_HELD", 1)
    monkeypatch.setattr(spool, "_CHUNK", 1)
    maker = Maker("text")
    scan_paths([tree(tmp_path)], Options(MEDIUM, jobs=1), spill=maker)
    assert len(written) > 9
    text = b"".join(written)
    for number in range(9):
        for value in (samples.aws_secret(number), samples.text(16, number)):
            assert value[5:13].encode() not in text


def test_no_space_for_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", Full)
    monkeypatch.setattr(spool, "_CHUNK", 1)
    with pytest.raises(CredguardError, match="No space left"):
        Maker("text").take([finding(1)])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has such a device")
def test_a_full_disk_gives_one_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file still holds is written at its end, too, where nobody can take the error."""
    from credguard.app.spool import Rows

    unraised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    rows = Rows()
    rows._file = open("/dev/full", "wb")  # noqa: SIM115 - closed with the rows
    rows._file.write(b"not on the disk yet")
    del rows
    gc.collect()
    assert unraised == []


def test_a_baseline_leaves_out_what_was_spilled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from credguard.app import baseline

    top = tree(tmp_path)
    known = baseline.new(str(tmp_path / "b"))
    result = scan_paths([top], Options(MEDIUM, jobs=1))
    baseline.update(known, result.findings, [top], [])
    monkeypatch.setattr(scanning, "_HELD", 7)
    maker = Maker("jsonl", known)
    result = scan_paths([top], Options(MEDIUM, jobs=1), spill=maker)
    report = maker.report(result.findings, result.problems, result.scanned)
    assert (len(report.rows), report.known, len(report.hidden)) == (0, 36, 9)
    assert [json.loads(each) for each in reporting.rendered(report, "jsonl").splitlines()] == []
