"""No bytes break the decoders and readers, hide what stands in the text, or cost too much."""

import base64
import bz2
import gzip
import hashlib
import lzma
import os
import re
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from credguard.scan.containers.members import members
from credguard.scan.decode import text
from credguard.scan.decode.layer import Layer
from credguard.scan.decode.runs import base64_layers, hex_layers
from credguard.scan.decode.streams import kind, unpack, zstd
from credguard.scan.decode.text import form_layers, wide_layers
from credguard.scan.engine import Engine
from credguard.scan.model import Limits
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine
from tests.scan.encodings import TEXTS, tarred, zipped
from tests.support import samples

LIMIT = 50_000
FORMS = ("percent", "escapes", "entities", "quoted-printable", "tags")
KINDS = ("gzip", "zlib", "bz2", "xz", "zstd", "zip", "tar", "pdf", "sqlite")
# Executions of each fuzzed test; the long run has a hundred times as many.
MANY = 20_000 if os.environ.get("CREDGUARD_FUZZ") else 200
FUZZ = settings(
    max_examples=MANY,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUE = samples.aws_secret(3).encode()
SECRET = b"aws_secret_access_key = " + VALUE + b"\n"


def _pdf(text: bytes) -> bytes:
    stream = zlib.compress(text)
    return b"%%PDF-1.4\n1 0 obj\n<</Length %d /Filter /FlateDecode>>\nstream\n%s\nendstream\n" % (
        len(stream),
        stream,
    )


def _sqlite(text: bytes) -> bytes:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a TEXT)")
    for value in ("short", text.decode(), "x" * 3000):
        connection.execute("INSERT INTO t VALUES (?)", (value,))
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


ZSTD = zstd()

MAKE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda text: ZSTD.compress(text),
    "zip": lambda text: zipped({"a": text, "b": b"x" * 40}),
    "tar": lambda text: tarred({"a": text, "b" * 120: b"x" * 40}),
    "pdf": _pdf,
    "sqlite": _sqlite,
}
LONG = b"".join(b"%d %s" % (n, SECRET) for n in range(60))
GOOD = {name: make(LONG) for name, make in MAKE.items()}


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good container with some bytes changed, cut out or doubled."""
    name = draw(st.sampled_from(sorted(GOOD)))
    data = bytearray(GOOD[name])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1)) if data else 0
        way = draw(st.sampled_from(("byte", "cut", "drop", "double", "number")))
        if way == "byte" and data:
            data[at] = draw(st.integers(0, 255))
        elif way == "cut":
            del data[at:]
        elif way == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif way == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 400))]
        else:
            data[at : at + 4] = struct.pack("<I", draw(st.integers(0, 0xFFFFFFFF)))
    return name, bytes(data)


@given(damaged())
@FUZZ
def test_a_damaged_container_is_read_as_far_as_it_goes(case: tuple[str, bytes]) -> None:
    name, data = case
    for count, each in enumerate(members(name, data, b"x", lambda: LIMIT)):
        assert len(each.data) <= LIMIT
        if count > 500:
            break


@given(st.sampled_from(KINDS), st.binary(max_size=2000))
@FUZZ
def test_any_bytes_as_any_container(name: str, data: bytes) -> None:
    for each in members(name, data, b"x", lambda: LIMIT):
        assert len(each.data) <= LIMIT


ALPHABETS = st.sampled_from(
    [b"AQgw/+-_=\n\r \\n\"'x", b"0123456789abcdefABCDEF\nx", b"%&#x;uU{}\\0123456789abcdef\"/ \nn",
     b"=3D\r\n \tab", b"<>/ab\n\"", b"a\0b\0\xff\xfe\n"]
)  # fmt: skip


WRITTEN = (
    b"\\u0041", b"\\u", b"\\U00000041", b"\\u{41}", b"\\x41", b"\\x4", b"\\101", b"\\/", b'\\\\\\"',
    b"%41",
    b"&#65;", b"&#99999999;", b"&amp;", b"&nosuch;", b"=41", b"=\r\n", b"<b>", b"</p>",
    b"QUFBQUFBQUFBQUFBQUFBQUFBQUFB",
    b"414141414141414141414141", b"s\0e\0c\0r\0e\0t\0a\0b\0",
)  # fmt: skip


@st.composite
def encoded(draw: st.DrawFn) -> bytes:
    letters = [bytes([each]) for each in draw(ALPHABETS)]
    parts = draw(st.lists(st.sampled_from([*letters, *WRITTEN]), max_size=400))
    return b"".join(parts)


@given(st.one_of(encoded(), st.binary(max_size=800)))
@example(b"a=3Db=")
@example(b"xQUFB" + b"QUFB" * 6)
@example(b"\\u0041 \\u \\U12 \\x \\0 \\")
@example(b"\\" * 300 + b"u0041" + b"\\u0041")
@FUZZ
def test_every_decoder_is_bounded_and_leads_back(data: bytes) -> None:
    layer = Layer(data, b"x.html")
    found = [*base64_layers(layer), *hex_layers(layer), *wide_layers(layer)]
    for name in FORMS:
        found += form_layers(layer, name)
    for each in found:
        assert len(each.data) <= 8 * len(data) + 200
        before = 0
        for at in range(0, len(each.data), max(1, len(each.data) // 40)):
            start, end = each.pieces.span(at, at + 1)
            assert 0 <= start <= end <= len(data)
            if not each.pieces.beside(at):
                # A run may be read at several alignments, one after the other.
                assert start >= before or re.fullmatch(rb"[\w+/\-]+", data[start:before])
                before = start


WIDE_PARTS = st.sampled_from(
    [b"A\0", b"\n\0", b"\xff\0", b"B\0\0\0", b"\0", b"\1", b"A\0" * 7, b"B\0\0\0" * 8]
)


@given(st.lists(WIDE_PARTS, max_size=60).map(b"".join))
@FUZZ
def test_stretches_of_wide_text_are_those_that_their_pattern_matches(data: bytes) -> None:
    kinds = data.translate(text._KINDS)
    for _, pattern, width in text._WIDE:
        expected = [match.span() for match in pattern.finditer(data)]
        assert list(text._stretches(data, kinds, pattern, width)) == expected


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(sorted(TEXTS)))
@FUZZ
def test_any_bytes_around_hide_nothing(
    engine: Engine, before: bytes, after: bytes, encoding: str
) -> None:
    if before[:2] in (b"\xff\xfe", b"\xfe\xff") or before[:4] == b"\0\0\xfe\xff":
        before = b"." + before
    text = TEXTS[encoding](SECRET)
    data = before + b"\n" + SECRET + b"\n\n" + b'x = "' + text + b'"\n' + after
    scanned = scan_all(engine, data, b"x.txt")
    assert samples.aws_secret(3).encode() in {each.value for each in scanned.findings}
    for each in scanned.findings:
        assert 1 <= each.line <= each.end_line <= data.count(b"\n") + 1
        assert each.column >= 1


@given(st.lists(st.sampled_from([b"\n", SECRET, b"x = 1\n", b'"', b"\\u0041"]), max_size=12),
       st.integers(0, 12))  # fmt: skip
@FUZZ
def test_splitting_at_a_line_end_changes_no_raw_finding(
    engine: Engine, parts: list[bytes], at: int
) -> None:
    first, second = b"".join(parts[:at]), b"".join(parts[at:])
    if first and not first.endswith(b"\n"):
        first += b"\n"
    whole = engine.scan(first + second, b"x.ini")
    lines = first.count(b"\n")
    split = [(each.line, each.value) for each in engine.scan(first, b"x.ini")]
    split += [(each.line + lines, each.value) for each in engine.scan(second, b"x.ini")]
    assert [(each.line, each.value) for each in whole] == split


@pytest.mark.parametrize("name", ["gzip", "zlib", "bz2", "xz", "zstd"])
def test_a_bomb_is_cut_and_told(name: str) -> None:
    data = MAKE[name](b"\0" * 60_000_000)
    tracemalloc.start()
    text, problem = unpack(name, data, 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(text) == 1_000_000
    assert "more than 1,000,000" in problem
    assert peak < 16_000_000


def _nested_bomb(levels: int) -> bytes:
    data = zipped({"x": b"\0" * 4_000_000})
    for _ in range(levels):
        data = zipped({f"{n}": data for n in range(16)})
    return data


def _quine() -> bytes:
    """A zip whose one stored member is said to be the archive itself."""
    name = b"r.zip"
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 200, 200, len(name), 0) + name
    entry = b"PK\1\2" + struct.pack(
        "<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 0, 0, 200, 200, len(name), 0, 0, 0, 0, 0, 0
    ) + name  # fmt: skip
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + end


HOSTILE: dict[str, Callable[[], bytes]] = {
    "zips in zips": lambda: _nested_bomb(3),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(gzip.compress(b"\0" * 200_000_000, 1))),
    "a zip of itself": _quine,
    "many members": lambda: zipped({f"{n}": b"x" for n in range(25_000)}),
    "many streams": lambda: gzip.compress(b"x") * 30_000,
    "a size that is not there": lambda: GOOD["zip"].replace(
        struct.pack("<I", len(LONG)), struct.pack("<I", 0xFFFFFFF0)
    )[:-40],
    "long names": lambda: zipped({"n" * 60_000: b"x"})[:-10],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_told_and_bounded(engine: Engine, name: str) -> None:
    data = HOSTILE[name]()
    tracemalloc.start()
    scanned = scan_all(engine, data, b"x", lambda: Limits(size=30_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert scanned.problems
    assert peak < 120_000_000


def test_an_encrypted_member_is_told(engine: Engine) -> None:
    data = bytearray(zipped({"a": b"x" * 100}))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + flags] |= 1
    assert ("x!a", "is encrypted") in {
        (path.decode(), why) for path, why in scan_all(engine, bytes(data), b"x").problems
    }


def test_hashes_that_begin_as_a_stream_does_are_no_problem(engine: Engine) -> None:
    lines = b""
    for seed in range(300):
        body = b"\x78\x9c" + hashlib.sha512(b"%d" % seed).digest()[2:]
        lines += b'"integrity": "sha512-' + TEXTS["base64"](body) + b'"\n'
    scanned = scan_all(engine, b"base64\n" + lines, b"package-lock.json")
    assert scanned.problems == []


@pytest.mark.parametrize("name", ["pdf", "sqlite"])
def test_documents(engine: Engine, name: str) -> None:
    text = b"BT (%s) Tj ET" % SECRET.strip() if name == "pdf" else b"x" * 5000 + SECRET
    data = MAKE[name](text)
    assert kind(data) == name
    scanned = scan_all(engine, data, b"x." + name.encode())
    assert samples.aws_secret(3).encode() in {each.value for each in scanned.findings}
    assert scanned.problems == []


def test_a_pdf_shows_words_that_are_drawn_in_parts(engine: Engine) -> None:
    secret = samples.aws_secret(3)
    drawn = f"BT [(aws_secret_access_) -20 (key = {secret[:9]})3({secret[9:]})] TJ ET".encode()
    scanned = scan_all(engine, _pdf(drawn), b"x.pdf")
    assert [each.value for each in scanned.findings] == [secret.encode()]


def test_a_long_value_of_a_database_goes_over_pages(engine: Engine) -> None:
    """The value stands across the end of a page, so the raw bytes do not show it whole."""
    secret = samples.aws_secret(3).encode()
    for shift in range(3980, 4100, 20):
        data = _sqlite(b"y" * shift + b" " + SECRET + b"z" * 9000)
        assert secret in {each.value for each in scan_all(engine, data, b"x.db").findings}, shift


MARKS = {"little": (b"\xff\xfe", "utf-16-le"), "big": (b"\xfe\xff", "utf-16-be")}
WIDE = {"latin": "line of a log\n", "cyrillic": "строка журнала\n", "chinese": "日志中的一行\n"}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_of_utf_16_hides_nothing(engine: Engine, mark: str) -> None:
    """ASCII behind the mark, and ASCII that was added to UTF-16."""
    sign, encoding = MARKS[mark]
    for data in (sign + SECRET, sign + b" " + SECRET, sign + base64.b64encode(SECRET)):
        (found,) = scan_all(engine, data, b"a.txt").findings
        assert found.value == VALUE
    for script in WIDE.values():
        text = script.encode(encoding)
        for more in (b"", b"\0"):
            (found,) = scan_all(engine, sign + text * 9 + more + SECRET + text, b"a").findings
            assert (found.value, found.line) == (VALUE, 10)
        wide = SECRET.decode().encode(encoding)
        (found,) = scan_all(engine, sign + text * 9 + wide + text, b"a").findings
        assert (found.value, found.line) == (VALUE, 10)


@pytest.mark.parametrize("mark", [b"\xff\xfe\0\0", b"\0\0\xfe\xff"])
def test_a_mark_of_utf_32_hides_nothing(engine: Engine, mark: bytes) -> None:
    (found,) = scan_all(engine, mark + SECRET, b"a.txt").findings
    assert found.value == VALUE


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\0\0\xfe\xff"])
def test_a_mark_hides_nothing_in_a_member(engine: Engine, mark: bytes) -> None:
    data = mark + b"\1" * 4000 + b"\n" + SECRET
    (found,) = scan_all(engine, zipped({"a.txt": data}), b"a.zip").findings
    assert (found.value, found.path) == (VALUE, b"a.zip!a.txt")
