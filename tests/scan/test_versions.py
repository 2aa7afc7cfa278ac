"""What is carried over from one version of a text to the next is what a look at all of it gives."""

import random
import re
from functools import lru_cache
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.app.rules import fill
from credguard.scan.engine import Engine
from credguard.scan.marks import beginning, marks
from credguard.scan.model import Finding
from credguard.scan.probes import all_probes
from credguard.scan.rules import decodable, parse, rows
from credguard.scan.versions import EDGES, WIDTH, Versions, common
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine, load_marks, read_rules
from tests.scan.general.test_contexts import PLACES
from tests.support import samples

TABLES = parse(*read_rules())
ROWS = rows(TABLES)
LONG = [row for row in ROWS if row[7] + EDGES > WIDTH]


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


@pytest.fixture
def versions(engine: Engine) -> Versions:
    return Versions(engine, load_marks(engine), 1 << 20)


def seen(found: list[Finding]) -> list[tuple[object, ...]]:
    return [
        (each.line, each.column, each.end_line, each.offset, each.rule_id, each.confidence,
         each.value, each.signals, each.via)
        for each in found
    ]  # fmt: skip


def lines_of_all_kinds() -> list[bytes]:
    """Lines that rules, probes of every kind and decoders have an opinion on, and plain ones."""
    kinds = [
        place.replace("@", samples.text(20, n)) for n, (place, _) in enumerate(PLACES.values())
    ]
    kinds += [place.replace("@", "value") for place, _ in PLACES.values()]
    kinds += [fill(rule["sample"], 1) for rule in TABLES[::6]]
    kinds += [
        "insert into users (name, password) values ('a', '" + samples.text(12) + "')",
        "insert" + " " * 90 + "into users (name, password) values ('a', 'b')",
        "kind: Secret", "data: " + samples.text(60), "\\u0041\\u0042", "&quot;token&quot;: x",
        "password = (", "password", "=", '"' + samples.text(24) + '"', "token: |",
        samples.text(700), "machine a login b password " + samples.text(12),
    ]  # fmt: skip
    plain = [f"    value_{n} = other({n}, {n * 7})" for n in range(len(kinds) * 6)]
    return [each.encode() for each in kinds + plain]


def edited(lines: list[bytes], pool: list[bytes], generator: random.Random) -> list[bytes]:
    lines = list(lines)
    for _ in range(generator.choice((1, 1, 1, 2, 5))):
        at = generator.randrange(len(lines) + 1)
        gone = generator.choice((0, 0, 1, 1, 3, 40))
        lines[at : at + gone] = [
            generator.choice(pool) for _ in range(generator.choice((0, 1, 1, 2, 6)))
        ]
    if lines and generator.random() < 0.3:  # within a line
        at = generator.randrange(len(lines))
        cut = generator.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + generator.choice((b"", b"x", b" ", b"'")) + lines[at][cut:]
    return lines


@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(n, marks=pytest.mark.slow) for n in range(6, 200))]
)
def test_a_history_of_edits_gives_what_each_text_gives(
    engine: Engine, versions: Versions, seed: int
) -> None:
    generator = random.Random(seed)
    pool = lines_of_all_kinds()
    quiet = pool[-len(pool) // 2 :]
    path = generator.choice((b"a.py", b"b.yml", b"c.js", b"d.sql", b"e.conf"))
    lines = [generator.choice(quiet) for _ in range(generator.choice((40, 150, 400)))]
    rules = len(ROWS)
    for _ in range(60):
        lines = edited(lines, pool if generator.random() < 0.4 else quiet, generator)
        data = b"\n".join(lines)
        hits, whole = versions.hits(data, path), engine.hits(data)
        assert {n: ends for n, ends in hits.items() if n >= rules} == {
            n: ends for n, ends in whole.items() if n >= rules
        }
        told, wanted = scan_all(engine, data, path, hits=hits), scan_all(engine, data, path)
        assert seen(told.findings) == seen(wanted.findings)
        assert told.problems == wanted.problems


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if n % 8 == 0 else pytest.mark.slow) for n in range(len(PLACES))],
)
def test_a_byte_put_in_or_taken_out_anywhere_near_a_hit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("credguard.scan.versions._FINE", 1)  # the change is known to the byte
    place, path = list(PLACES.values())[number]
    text = place.replace("@", samples.text(20)).encode() + b"\n"
    around = b"\n".join(b"    value = other(%d)" % each for each in range(120))
    first, again = around + b"\n" + text + around, engine.hits(around + b"\n" + text + around)
    at = len(around) + 1
    rules = len(ROWS)
    for offset in range(len(text)):
        for piece in (text[:offset] + text[offset + 1 :], text[:offset] + b"~" + text[offset:]):
            versions = Versions(engine, load_marks(engine), 1 << 20)
            other = first[:at] + piece + around
            versions.hits(first, path.encode())
            for data, wanted in ((other, engine.hits(other)), (first, again)):
                hits = versions.hits(data, path.encode())
                assert {n: ends for n, ends in hits.items() if n >= rules} == {
                    n: ends for n, ends in wanted.items() if n >= rules
                }


def test_what_tells_only_its_first_place_is_looked_for_anew(
    engine: Engine, versions: Versions
) -> None:
    around = b"\n".join(b"    value = other(%d)" % each for each in range(120))
    escaped = b"\n\\u0070\\u0061\\u0073\\u0073\n"
    for text in (escaped + around + escaped, around + escaped, escaped + around, around, escaped):
        data = around + text + around
        assert versions.hits(data, b"a.py") == engine.hits(data)


def test_most_of_a_history_is_carried_over(engine: Engine, versions: Versions) -> None:
    read = []

    class Counted(Engine):
        def hits(self, data: bytes) -> dict[int, list[int]]:
            read.append(len(data))
            return engine.hits(data)

    counted = Counted(engine._database, engine._rows, engine._probes, engine.marks)
    tracked = Versions(counted, load_marks(engine), 1 << 20)
    lines = [b"    password = other(%d)" % n for n in range(400)]
    for number in range(20):
        lines[number * 20] = b"    changed(%d)" % number
        tracked.hits(b"\n".join(lines), b"a.py")
    assert read[0] > 9_000
    assert max(read[1:]) < 1_200


def test_what_is_kept_is_bounded_and_names_do_not_mix(engine: Engine) -> None:
    versions = Versions(engine, load_marks(engine), 50_000)
    for number in range(12):
        for name in (b"a", b"b", b"c"):
            data = (name + b" password = call(%d)\n" % number) * 800
            assert versions.hits(data, name) == engine.hits(data)
            assert versions._size <= 50_000
            assert versions._size == sum(len(text) for text, _ in versions._kept.values())
    many = b"password = call(1)\n" * 2_200
    assert versions.hits(many, b"d") == engine.hits(many)
    assert b"d" not in versions._kept  # of so many hits nothing is kept


def longest(nodes: Any, generator: random.Random) -> bytes:
    """A match of the parsed pattern, as long as there is one."""
    made = b""
    for operation, value in nodes:
        if operation is _constants.LITERAL:
            made += bytes([value])
        elif operation is _constants.NOT_LITERAL:
            made += b"x" if value != ord("x") else b"y"
        elif operation is _constants.ANY:
            made += b"x"
        elif operation is _constants.IN:
            made += generator.choice(_members(_class(value)))
        elif operation is _constants.BRANCH:
            made += max((longest(each, generator) for each in value[1]), key=len)
        elif operation is _constants.SUBPATTERN:
            made += longest(value[3], generator)
        elif operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            made += b"".join([longest(value[2], generator) for _ in range(value[1])])
    return made


@lru_cache
def _members(inside: bytes) -> list[bytes]:
    """What a class stands for; of printable characters only, where it has such."""
    pattern = re.compile(b"[" + inside + b"]")
    every = [each for each in map(bytes, zip(range(256))) if pattern.match(each)]
    return [each for each in every if 33 <= each[0] < 127] or every


def _class(value: Any) -> bytes:
    parts = []
    for operation, each in value:
        if operation is _constants.NEGATE:
            parts.append(b"^")
        elif operation is _constants.LITERAL:
            parts.append(b"\\x%02x" % each)
        elif operation is _constants.RANGE:
            parts.append(b"\\x%02x-\\x%02x" % each)
        else:
            name = str(each).rsplit("_", 1)[-1][:1]
            parts.append(b"\\" + (name if "_NOT_" in str(each) else name.lower()).encode())
    return b"".join(parts)


@pytest.mark.parametrize("row", LONG, ids=lambda row: row[0])
def test_every_long_match_begins_with_its_mark(row: Any) -> None:
    pattern, mark = re.compile(row[6]), re.compile(beginning(row[6]))
    for seed in range(3):
        data = b" " + longest(_parser.parse(row[6]), random.Random(seed)) + b" "
        match = pattern.search(data)
        if match is not None:
            assert mark.match(data, match.start()), (row[0], data)
    assert _parser.parse(mark.pattern).getwidth()[1] <= WIDTH


def test_every_long_rule_and_probe_has_a_mark_and_no_short_one() -> None:
    probes = all_probes(decodable(TABLES))
    long = [
        name
        for name, pattern, _ in probes
        if _parser.parse(pattern.replace(rb"\z", rb"\Z")).getwidth()[1] > WIDTH
    ]
    assert long == ["general.rows"]
    assert len(marks(ROWS, probes)) == len(LONG) + len(long)
    assert len(LONG) > 30


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row[0], marks=() if row in LONG[::4] + ROWS[::24] else pytest.mark.slow)
     for row in ROWS],
)  # fmt: skip
def test_a_rule_s_longest_match_is_seen_wherever_a_change_completes_it(
    engine: Engine, row: Any
) -> None:
    """Broken in one version, whole in the next: the break is near its start, amid, near its end."""
    around = b"\n".join(b"    value = other(%d)" % number for number in range(300))
    generator = random.Random(1)
    match = None
    for _ in range(30):
        text = longest(_parser.parse(row[6]), generator)
        match = re.search(row[6], b"\n" + text + b"\n")
        if match is not None:
            break
    if match is None:
        pytest.skip("its assertions rule out what is made here")
    size = len(text)
    for at in (1, size // 3, size // 2, size - size // 4, size - 2):
        versions = Versions(engine, load_marks(engine), 1 << 20)
        for piece in (text[:at] + b"\x07" + text[at + 1 :], text, text[:at] + b"\x07" + text[at:]):
            data = around + b"\n" + piece + b"\n" + around
            told = scan_all(engine, data, b"f", hits=versions.hits(data, b"f"))
            assert seen(told.findings) == seen(scan_all(engine, data, b"f").findings)


@given(st.binary(max_size=300), st.binary(max_size=200), st.binary(max_size=200), st.binary())
def test_common_ends_are_common_and_do_not_overlap(
    head: bytes, one: bytes, other: bytes, tail: bytes
) -> None:
    first, second = head + one + tail, head + other + tail
    before, after = common(first, second)
    assert first[:before] == second[:before]
    assert first[len(first) - after :] == second[len(second) - after :]
    assert before + after <= min(len(first), len(second))
    assert before >= len(head) - 64
