"""Texts in which very much matches: the findings are those that fewer of them would be."""

import base64
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from credguard.scan import dense, engine, found, sieve
from credguard.scan.checksums import CHECKS
from credguard.scan.engine import Engine
from credguard.scan.found import Found
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding
from credguard.scan.rules import RULE_TESTS
from credguard.scan.spans import best
from credguard.scan.whole import in_parts, scan_all
from credguard.sources.database import load_engine
from tests.scan.test_own import own_of
from tests.support import samples

PIECES = [
    "AK" + "IA", "gh" + "p_", "sk_" + "live_", "AI" + "za", "glpat-", "npm_", "xo" + "xb-",
    "password=", "token: ", '"secret": "', "\n", "\n\n", " ", '"', "é", "\x00", "EXAMPLE",
    "invalid", "ABCDEFGHIJKLMNOP", "01234567", "AAAAAAAA", "eyJhbGciOiJIUzI1NiJ9.",
]  # fmt: skip
MAKERS: list[Callable[[int], str]] = [
    samples.aws_key_id,
    lambda seed: samples.aws_key_id(seed) + "\n",
    lambda seed: f"aws_secret_access_key={samples.aws_secret(seed)}\n",
    lambda seed: "gh" + "p_" + samples.text(36, seed) + "\n",
    lambda seed: f"PASSWORD={samples.text(14, seed)}\n",
    lambda seed: "AI" + "za" + samples.text(35, seed) + " ",
    lambda seed: base64.b64encode(f"k {samples.aws_key_id(seed)} k\n".encode()).decode() + "\n",
    lambda seed: samples.text(40, seed),
]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Secrets of many kinds, some cut short, side by side or over one another."""
    parts = []
    for _ in range(draw(st.integers(1, 14))):
        if draw(st.booleans()):
            made = draw(st.sampled_from(MAKERS))(draw(st.integers(0, 5)))
            parts.append(made[: draw(st.integers(8, 200))])
        else:
            parts.append(draw(st.sampled_from(PIECES)))
    return "".join(parts).encode() * draw(st.integers(1, 3))


PADDING = b"\n" + b"-" * 65_536  # a short text is never taken for a dense one


@pytest.fixture(scope="module")
def scanner(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


@contextmanager
def held_as_numbers(batch: int) -> Iterator[None]:
    """A text in which rules match three times is a dense one, and goes through in batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "DENSE", 2)
        patch.setattr(dense, "BATCH", batch)
        patch.setattr(found, "PART", batch)
        yield


def told(each: Finding) -> tuple[object, ...]:
    return tuple(getattr(each, name) for name in Finding.__slots__)


def of(scanner: Engine, data: bytes, path: bytes) -> list[tuple[object, ...]]:
    return [told(each) for each in scan_all(scanner, data, path).findings]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts(), st.sampled_from([b"a.env", b"a.py", b"a"]), st.integers(1, 5))
def test_the_findings_are_the_same(scanner: Engine, text: bytes, path: bytes, batch: int) -> None:
    data = text + PADDING
    wanted = of(scanner, data, path)
    with held_as_numbers(batch):
        assert of(scanner, data, path) == wanted


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_no_border_between_parts_loses_one(scanner: Engine, size: int) -> None:
    text = "".join(f"{samples.aws_key_id(seed)} é\n" for seed in range(8)).encode() + PADDING
    with held_as_numbers(size):
        parts, problems = in_parts(scanner, text, b"a")
        sizes = [len(part) for part in parts]
        assert sum(sizes) == 8
        assert max(sizes) == min(size, 8)
        assert problems == []
        assert isinstance(scanner.look(text, b"a")[0], Found)
    assert [each.line for each in scanner.scan(text, b"a")] == [*range(1, 9)]


def packed(text: str) -> dict[str, bytes]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("b", text)
        file.writestr("a", text + "x\n")
    return {
        "zip": archive.getvalue(),
        "gzip": gzip.compress(text.encode()),
        "base64": base64.encodebytes(text.encode()),
        "utf-16": b"\xff\xfe" + text.encode("utf-16-le"),
        "utf-16, then not": b"\xff\xfe" + text.encode("utf-16-le") + text.encode(),
    }


TEXT = "".join(maker(seed) for seed in range(6) for maker in MAKERS) + PADDING.decode()


@pytest.mark.parametrize("form", packed(TEXT))
def test_in_layers_they_are_the_same(scanner: Engine, form: str) -> None:
    data = packed(TEXT)[form]
    wanted = of(scanner, data, b"a")
    assert len(wanted) > 20
    with held_as_numbers(3):
        assert of(scanner, data, b"a") == wanted


def test_own_secrets_take_the_place_of_what_lies_over_them(
    scanner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [samples.aws_secret(3).encode(), samples.text(36, 2).encode()]
    monkeypatch.setattr(scanner, "own", own_of(*own))
    data = TEXT.encode() + b"\n" + own[0][:20] + b"\n" + own[0][20:]
    wanted = of(scanner, data, b"a")
    assert sum(each[Finding.__slots__.index("own")] != "" for each in wanted) > 2
    with held_as_numbers(3):
        assert of(scanner, data, b"a") == wanted


TESTS = st.lists(
    st.sampled_from([*sorted(RULE_TESTS), *sorted(CHECKS)]), max_size=3, unique=True
).map(tuple)
VALUES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text("abcABC019-_.xE", min_size=1, max_size=300).map(str.encode),
    st.sampled_from(
        [
            b"ABCDEFGHIJKLMNOP",
            b"AB1CD2EF3GH4IJ",
            b"some-name.invalid",
            b"AK" + b"IAEXAMPLEXY123456Z",
        ]
    ),
    st.builds(lambda seed: samples.text(36, seed).encode(), st.integers(0, 9)),
)


@given(
    st.lists(VALUES, max_size=12),
    st.sampled_from([0.0, 1.5, 3.0, 3.5, 4.0]),
    TESTS,
    st.sampled_from([LOW, MEDIUM, HIGH]),
)
def test_many_values_are_judged_as_each_alone(
    values: list[bytes], least: float, tests: tuple[str, ...], confidence: int
) -> None:
    alone = [sieve.sure_of(value, least, tests, confidence) for value in values]
    assert sieve.sure_of_all(values, least, tests, confidence) == alone


SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(0, 2)), max_size=12
).map(lambda each: [(start, start + size, rank) for start, size, rank in each])


@example([[(4, 9, 0)], [(4, 5, 1), (5, 6, 1)]], [], 1)
@given(st.lists(SPANS, min_size=1, max_size=4), SPANS, st.integers(1, 4))
def test_of_spans_that_overlap_the_same_are_kept(
    by_rule: list[list[tuple[int, int, int]]], weighed: list[tuple[int, int, int]], batch: int
) -> None:
    rows = [(f"r{rule}", "", MEDIUM, 0.0, (), (), b"", 9, 1) for rule in range(len(by_rule))]
    by_span = sorted({each[:2]: each for each in weighed}.values())
    judged: list[tuple[int, int, int, int, tuple[str, ...]]] = [
        (start, end, rank + 1, 0, (str(number),))
        for number, (start, end, rank) in enumerate(by_span)
    ]
    ranks = {HIGH: 3, MEDIUM: 4, LOW: 5}
    wanted, seen, runs = [], set(), []
    for rule, spans in reversed(list(enumerate(by_rule))):  # the last rule is the surest
        run = dense.Run(rule)
        by_place = {each[:2]: each for each in spans}  # a value is judged alike wherever it stands
        run.add(each for each in by_place.values())
        run.settle()
        runs.append(run)
        wanted += [(*each, rule) for each in by_place.values() if each[:2] not in seen]
        seen |= set(by_place)
    wanted += [
        (each[0], each[1], ranks[each[2]], len(rows) + number) for number, each in enumerate(judged)
    ]
    with held_as_numbers(batch):
        many = dense.found_in(b"-" * 60, b"a", runs, judged, ranks, rows, (("general", "", ""),))
    kept = []
    for start, end, rank, rule in best(sorted(wanted)):
        if rule < len(rows):
            kept.append((start, end - start, HIGH - rank, f"r{rule}", ()))
        else:
            _, _, confidence, _, signals = judged[rule - len(rows)]
            kept.append((start, end - start, confidence, "general", signals))
    assert [
        (each.offset, len(each.value), each.confidence, each.rule_id, each.signals) for each in many
    ] == kept
