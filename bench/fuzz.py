"""Fuzzes every decoder and container reader with damaged inputs, and counts the executions.

Run: .venv-dev/bin/python bench/fuzz.py [SECONDS [SEED]]; 60 seconds and seed 1 by default.
Good inputs of each kind are mutated: bits flipped, bytes and lengths overwritten, parts removed,
doubled, and exchanged with other inputs. What must hold: nothing is raised, no member is larger
than asked for, each layer's bytes lead back into the text they came from, and no input takes over
two seconds of processor time. What breaks one is written to a file, and the exit is 1.
"""

import bz2
import gzip
import io
import itertools
import lzma
import random
import sqlite3
import sys
import tarfile
import time
import traceback
import zipfile
import zlib
from base64 import b32encode, b64encode
from collections.abc import Callable
from html import escape
from quopri import encodestring
from urllib.parse import quote_from_bytes

from credguard.scan.containers import parts
from credguard.scan.containers.members import STREAMS, members
from credguard.scan.decode.layer import Layer
from credguard.scan.decode.runs import base64_layers, hex_layers
from credguard.scan.decode.streams import Cut, unpack, unpacked, zstd
from credguard.scan.decode.text import form_layers, wide_layers

_CAP = 60_000
_SLOW_S = 2.0
_EXTREMES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
)
_TEXT = b"".join(b"line %d: password = 'word%dword'\n" % (n, n * 7919) for n in range(24))
_FORMS = ("percent", "escapes", "entities", "quoted-printable", "tags")


def _zip(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.txt", _TEXT)
        archive.writestr("d/b.txt", _TEXT[:90])
    return out.getvalue()


def _tar(form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name in ("a.txt", "long" * 30, "b.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(_TEXT)
            archive.addfile(entry, io.BytesIO(_TEXT))
    return out.getvalue()


def _pdf() -> bytes:
    packed = zlib.compress(b"BT (" + _TEXT[:200] + b") Tj [(a) 3 (b)] TJ ET")
    head = b"%%PDF-1.4\n1 0 obj\n<</Length %d /Filter /FlateDecode>>\nstream\n" % len(packed)
    return head + packed + b"\nendstream\n2 0 obj\n<</Length 9>>\nstream\nBT (x) Tj\nendstream\n"


def _sqlite() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a TEXT, b BLOB, c INTEGER)")
        for size in (3, 900, 6000):
            connection.execute("INSERT INTO t VALUES (?, ?, 7)", ("x" * size, _TEXT))
        connection.commit()
        return connection.serialize()


def seeds() -> dict[str, list[bytes]]:
    """Good inputs, by target."""
    found = {
        "gzip": [gzip.compress(_TEXT), gzip.compress(_TEXT[:9]) * 2],
        "zlib": [zlib.compress(_TEXT)],
        "bz2": [bz2.compress(_TEXT)],
        "xz": [lzma.compress(_TEXT)],
        "zip": [
            _zip(each) for each in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
        ],
        "tar": [_tar(each) for each in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)],
        "pdf": [_pdf()],
        "sqlite": [_sqlite()],
        "base64": [b"k: " + b64encode(_TEXT[:90]) + b" " + b32encode(_TEXT[:30]), b64encode(_TEXT)],
        "hex": [_TEXT[:90].hex().encode(), b"0x" + _TEXT[:40].hex(" ").encode()],
        "percent": [quote_from_bytes(_TEXT[:200], safe="").encode()],
        "escapes": [b"".join(b"\\x%02x\\u%04x" % (each, each) for each in _TEXT[:60])],
        "entities": [escape(_TEXT[:90].decode()).encode() + b"&#112;&#x61;&amp;&quot;"],
        "quoted-printable": [encodestring(_TEXT[:300] + b"\xc3\xa9=\t\n")],
        "tags": [b"<p>pass<b>word</b> = <i>a</i><br/>b</p>" * 4],
        "wide": [_TEXT[:90].decode().encode("utf-16-le"), _TEXT[:90].decode().encode("utf-32-be")],
    }
    library = zstd()
    if library is not None:
        found["zstd"] = [library.compress(_TEXT)]
    return found


def mutated(data: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """`data` with one to six changes."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        size = len(out)
        at = draw.randrange(size) if size else 0
        span = min(size - at, draw.choice((1, 2, 4, 8, 64, 500)))
        what = draw.randrange(7)
        if what == 0 and size:
            out[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            extreme = draw.choice(_EXTREMES)
            out[at : at + len(extreme)] = extreme
        elif what == 2:
            del out[at : at + span]
        elif what == 3:
            out[at:at] = out[at : at + span] * draw.choice((1, 2, 20))
        elif what == 4:
            del out[at:]
        elif what == 5:
            other = draw.choice(others)
            first = draw.randrange(len(other))
            out[at : at + span] = other[first : first + span + 8]
        else:
            out[at : at + span] = draw.randbytes(span)
    return bytes(out[: 4 * _CAP])


def _read(name: str, data: bytes) -> None:
    for member in members(name, data, b"a", lambda: _CAP):
        if len(member.data) > _CAP:
            raise AssertionError(f"a member of {len(member.data)} bytes")


def _in_pieces(name: str, data: bytes) -> None:
    """A stream gives in pieces what it gives at once; of archives every member is read."""
    if name not in STREAMS:
        opened = (
            parts.of_zip(data) if name == "zip" else parts.of_tar(parts.blocks(data, 0, len(data)))
        )
        for part in opened:
            try:
                if sum(map(len, itertools.islice(part.pieces, 99))) > 99 << 20:
                    raise AssertionError("a piece of over 1 MiB")
            except Cut:
                continue
        return
    out, why = bytearray(), ""
    try:
        for piece in unpacked(name, parts.blocks(data, 0, len(data))):
            out += piece
            if len(out) > _CAP:
                return
    except Cut as exc:
        why = str(exc)
    if (bytes(out), why) != unpack(name, data, _CAP):
        raise AssertionError(f"{len(out)} bytes in pieces, {why}")


def _decode(decoder: Callable[[Layer], list[Layer]], data: bytes) -> None:
    for layer in decoder(Layer(data, b"a")):
        size = len(layer.data)
        for at in {0, size // 2, max(0, size - 1)} if size else ():
            start, end = layer.pieces.span(at, at + 1)
            if not 0 <= start <= end <= len(data):
                raise AssertionError(f"byte {at} leads to {start}:{end} of {len(data)}")


def targets() -> dict[str, Callable[[bytes], None]]:
    """What is called with an input, by name."""
    found: dict[str, Callable[[bytes], None]] = {}
    for name in ("gzip", "zlib", "bz2", "xz", "zstd", "zip", "tar", "pdf", "sqlite"):
        found[name] = lambda data, name=name: _read(name, data)
        if name in parts.PACKED:
            found[name + " in pieces"] = lambda data, name=name: _in_pieces(name, data)
    for name in _FORMS:
        found[name] = lambda data, name=name: _decode(lambda layer: form_layers(layer, name), data)
    found["base64"] = lambda data: _decode(base64_layers, data)
    found["hex"] = lambda data: _decode(hex_layers, data)
    found["wide"] = lambda data: _decode(wide_layers, data)
    return found


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    good = seeds()
    every = [each for some in good.values() for each in some]
    called = {name: call for name, call in targets().items() if name.split(" in ")[0] in good}
    count = dict.fromkeys(called, 0)
    slowest = dict.fromkeys(called, 0.0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, call in called.items():
            for _ in range(20):
                data = mutated(draw.choice(good[name.split(" in ")[0]]), every, draw)
                begun = time.process_time()
                try:
                    call(data)
                except Exception:  # noqa: BLE001  (whatever is raised is what is looked for)
                    return _broken(name, data, traceback.format_exc())
                took = time.process_time() - begun
                slowest[name] = max(slowest[name], took)
                if took > _SLOW_S:
                    return _broken(name, data, f"took {took:.1f} s")
                count[name] += 1
    for name in sorted(count):
        print(f"{name:18}{count[name]:10,}   slowest {slowest[name] * 1000:8.2f} ms")
    print(f"{'executions':18}{sum(count.values()):10,}   nothing broke")
    return 0


def _broken(name: str, data: bytes, why: str) -> int:
    path = f"fuzz-{name}.bin"
    with open(path, "wb") as file:
        file.write(data)
    print(f"{name}: {why}\nthe input is in {path}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
