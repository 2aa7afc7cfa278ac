"""How a value becomes rows of the table that `credguard.scan.own` finds it by. Not for the hook."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from credguard.scan.own import fingerprint, squeezed

if TYPE_CHECKING:
    from credguard.scan.own import Form, Table

    Row = tuple[bytes, Form]

LEAST_BITS = 112
"""A value is taken from so many bits on in its letters and digits: 100, and the window."""
_ALNUM_BITS = math.log2(62)
_HEX_BITS = 4.0
_DIGIT_BITS = math.log2(10)
_WORD_BITS = 1.5
_WORD = re.compile(rb"[A-Z][a-z]{2,}|[a-z]{3,}|[A-Z]{3,}|[0-9]{4,}")
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_PEM_LINES = 4


class Entry(NamedTuple):
    """One value that is known again; without rows it is too weak to be. `item`: of the vault.

    `title`: what a person reads.
    """

    item: str
    title: str
    rows: list[Row]


class _Way(NamedTuple):
    name: str
    text: bytes
    first: int  # the window in `text`
    last: int


def bits(value: bytes, *, made: bool = False) -> float:
    """How many bits the letters and digits of `value` have at least; an estimate that errs low.

    `made`: by a generator, so that what looks like a word in it is none.
    """
    text = squeezed(value)
    if not text:
        return 0.0
    each, words = _ALNUM_BITS, 0
    if text.isdigit():
        each = _DIGIT_BITS
    elif not text.translate(None, b"0123456789abcdef") or not text.translate(
        None, b"0123456789ABCDEF"
    ):
        each = _HEX_BITS
    elif not made:
        words = sum(len(match[0]) for match in _WORD.finditer(text))
    counted = (len(text) - words) * each + words * _WORD_BITS
    # What repeats has less. 14 bytes of a zlib stream are head, end, checksum and one repetition.
    return min(counted, 8.0 * (len(zlib.compress(text, 9)) - 14))


def parts(text: bytes) -> list[bytes]:
    """What of a stored text is made known: itself; of a private key in PEM lines near its end.

    The first lines of such a key are public: headers, and the public half.
    """
    found = []
    for match in _PEM.finditer(text):
        lines = [line for line in match[1].split() if b":" not in line and b"," not in line]
        tail = lines[len(lines) * 3 // 5 :]
        found += [line for line in tail if len(line) >= 32][:_PEM_LINES]
    return found or [text.strip()]


def rows_of(
    key: bytes, text: bytes, below: Callable[[int], int], *, made: bool = False
) -> list[Row]:
    """Window and form of every way to write `text`; none for a weak one. `made`: as in `bits`.

    `below(n)` gives a random number under n: which two letters are the window.
    """
    if bits(text, made=made) < LEAST_BITS:
        return []
    places = [at for at in range(len(text) - 1) if text[at : at + 2].isalnum()]
    good = [at for at in places if _tells(text, at)]
    if not places:
        return []
    at = (good or places)[below(len(good or places))]
    known = fingerprint(key)
    found: dict[bytes, Row] = {}
    for way in _ways(text, at):
        window = squeezed(way.text[way.first : way.last])
        whole = squeezed(way.text)
        if len(window) < 2 or whole in found:
            continue
        before = len(squeezed(way.text[: way.first]))
        form = (before, len(whole), known(whole), 0, way.name)
        found[whole] = (window, form)
    return list(found.values())


def table(key: bytes, entries: list[Entry]) -> Table:
    """The table of `entries`."""
    windows: dict[bytes, list[Form]] = {}
    for number, entry in enumerate(entries):
        for window, (before, length, wanted, _, way) in entry.rows:
            windows.setdefault(window, []).append((before, length, wanted, number, way))
    return key, [(each.item, each.title) for each in entries], sorted(windows.items())


def entries(rows: Table) -> list[Entry]:
    """What the table was made of."""
    found = [Entry(item, title, []) for item, title in rows[1]]
    for window, forms in rows[2]:
        for form in forms:
            found[form[3]].rows.append((window, form))
    return found


def _tells(text: bytes, at: int) -> bool:
    """Whether prose and code seldom have the window at `at`, in each way to write it."""
    for way in _ways(text, at):
        window = squeezed(way.text[way.first : way.last])
        if len(window) < 2 or (window.isalpha() and (window.islower() or window.isupper())):
            return False
    return True


def _ways(text: bytes, at: int) -> Iterator[_Way]:
    yield _Way("", text, at, at + 2)
    yield _Way("reversed", text[::-1], len(text) - at - 2, len(text) - at)
    yield from _in_base64("base64", text, 8 * at, 8 * (at + 2))
    wide = text.decode("latin-1").encode("utf-16-le")[:-1]  # then the other byte order has it too
    yield from _in_base64("utf-16>base64", wide, 16 * at, 16 * at + 24)
    for name, pattern in _EACH:
        yield _each(name, pattern, text, at)
    for name, written in _WRITTEN:
        try:
            before, window = written(text[:at]), written(text[at : at + 2])
            after = written(text[at + 2 :])
        except UnicodeDecodeError:
            continue
        whole = before + window + after
        yield _Way(name, whole, len(before), len(before) + len(window))


_EACH = (
    ("hex", "%02x"),
    ("hex", "%02X"),
    ("escapes", "x%02x"),
    ("escapes", "x%02X"),
    ("escapes", "u%04x"),
    ("escapes", "u%04X"),
    ("escapes", "%03o"),
    ("escapes", "U%08x"),
    ("numbers", "%d"),
    ("numbers", "0x%02x"),
    ("numbers", "0x%02X"),
)


def _each(name: str, pattern: str, text: bytes, at: int) -> _Way:
    units = [(pattern % byte).encode() for byte in text]
    before = len(b"".join(units[:at]))
    return _Way(name, b"".join(units), before, before + len(b"".join(units[at : at + 2])))


def _json(text: bytes) -> bytes:
    return json.dumps(text.decode()).encode()[1:-1]


def _percent(pattern: str, kept: bytes = b"") -> Callable[[bytes], bytes]:
    plain = b"_.-~" + kept
    units = [
        bytes([each]) if (chr(each).isascii() and chr(each).isalnum()) or each in plain
        else (pattern % each).encode()
        for each in range(256)
    ]  # fmt: skip
    return lambda text: b"".join(units[each] for each in text)


_WRITTEN: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("percent", _percent("%%%02X")),
    ("percent", _percent("%%%02x")),
    ("percent", _percent("%%%02X", b"/")),
    ("percent", _percent("%%25%02X")),
    ("escapes", _json),
    ("escapes", lambda text: text.replace(b"\n", b"\\n")),
    ("escapes", lambda text: text.replace(b"\n", b"\\r\\n")),
    ("entities", lambda text: html.escape(text.decode()).encode()),
    ("entities", lambda text: html.escape(text.decode()).replace("/", "&#x2F;").encode()),
    ("quoted-printable", lambda text: text.replace(b"=", b"=3D")),
)


def _in_base64(name: str, text: bytes, first: int, last: int) -> Iterator[_Way]:
    """`text` at its three places in base64; `first`, `last`: bits of the window."""
    for before in range(3):
        padding = b"\0" * (-(before + len(text)) % 3)
        digits = base64.b64encode(b"\0" * before + text + padding)
        start, end = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        window = -(-(before * 8 + first) // 6), (before * 8 + last) // 6
        yield _Way(name, digits[start:end], window[0] - start, window[1] - start)
