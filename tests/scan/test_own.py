"""The person's own secrets are found however they are written, and nothing else is."""

import base64
import gzip
import json
import random
import string
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credguard.rotation.password import generate
from credguard.scan.engine import Engine
from credguard.scan.own import RULE, Own
from credguard.scan.own_table import LEAST_BITS, Entry, bits, entries, parts, rows_of, table
from credguard.scan.whole import scan_all
from credguard.sources import own as file
from credguard.sources.database import load_engine
from tests.scan.encodings import LIGHT, TEXTS, WIDE, tarred, zipped
from tests.support import samples

KEY = bytes(range(32))
PROSE = b"first line\n" + b"    value = other.call(index, name)  # a comment\n" * 150


def entry(number: int, text: bytes, *, made: bool = True) -> Entry:
    below = random.Random(number).randrange
    return Entry(f"key/{number}", f"the key {number}", rows_of(KEY, text, below, made=made))


def own_of(*texts: bytes) -> Own:
    return Own(table(KEY, [entry(number, text) for number, text in enumerate(texts)]))


def password(seed: int) -> bytes:
    return generate(None, random.Random(seed).randrange).reveal_bytes()


VALUES = {
    "aws": samples.aws_secret(11).encode(),
    "password": password(4),
    "url-safe": base64.urlsafe_b64encode(random.Random(3).randbytes(32)).rstrip(b"="),
    "hex": random.Random(5).randbytes(32).hex().encode(),
}
OWN = own_of(*VALUES.values())


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    loaded = load_engine(str(rules_once))
    loaded.own = OWN
    return loaded


def found(engine: Engine, data: bytes) -> list[str]:
    scanned = scan_all(engine, data, b"file.txt")
    return [each.own for each in scanned.findings if each.rule_id == RULE]


def _pieces(joint: str) -> Callable[[bytes], bytes]:
    def split(value: bytes) -> bytes:
        return joint.encode().join([value[:13], value[13:14], value[14:]])

    return split


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda value: value,
    "reversed": lambda value: value[::-1],
    "lines": _pieces("\n    "),
    "lines of a comment": _pieces("\n# "),
    "strings": _pieces('" \\\n    "'),
    "added strings": _pieces("' + '"),
    "PHP": _pieces('" . "'),
    "list": _pieces('",\r\n\t"'),
    "spaced": lambda value: b" ".join(value[at : at + 1] for at in range(len(value))),
    "array of numbers": lambda value: ", ".join(map(str, value)).encode(),
    "array of hex": lambda value: ", ".join(map(hex, value)).encode(),
    "twice base64": lambda value: base64.b64encode(base64.b64encode(value)),
    "base64 in hex": lambda value: base64.b64encode(value).hex().encode(),
    "hex in base64": lambda value: base64.b64encode(value.hex().encode()),
    "base64 three times": lambda value: base64.b64encode(base64.b64encode(base64.b64encode(value))),
    "wrapped base64 of base64": lambda value: base64.encodebytes(base64.b64encode(value)),
    "JSON": lambda value: json.dumps(value.decode()).replace("/", "\\/").encode(),
    **TEXTS,
    **LIGHT,
    **{name: lambda value, name=name: value.decode().encode(name) for name in WIDE},  # type: ignore[misc]
}
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "alone": lambda text: text,
    "assigned": lambda text: b'\nx = "' + text + b'"\n',
    "under a name": lambda text: b'\napi_secret_token = "' + text + b'"\n',
    "in a long text": lambda text: PROSE + b'\nx = "' + text + b'"\n' + PROSE,
    "on a long line": lambda text: b"a b;" * 3000 + b'"' + text + b'";' + b"c d;" * 3000,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_every_place(engine: Engine, way: str, place: str) -> None:
    for number, (kind, value) in enumerate(VALUES.items()):
        text = PLACES[place](WAYS[way](value))
        assert set(found(engine, text)) == {f"key/{number}"}, kind


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"a/b.py": data}),
                                  lambda data: tarred({"a/b.py": data})])  # fmt: skip
def test_packed(engine: Engine, pack: Callable[[bytes], bytes]) -> None:
    for number, value in enumerate(VALUES.values()):
        assert set(found(engine, pack(PROSE + b"x = " + value))) == {f"key/{number}"}


@given(
    seed=st.integers(0, 1 << 32),
    before=st.binary(max_size=200),
    after=st.binary(max_size=200),
    nested=st.lists(st.sampled_from(["base64", "hex", "reversed"]), max_size=3),
)
@settings(deadline=None, max_examples=150)
def test_random_values_at_random_offsets_nested(
    seed: int, before: bytes, after: bytes, nested: list[str]
) -> None:
    value = samples.aws_secret(seed).encode()
    own = own_of(value)
    text = value
    if "reversed" in nested[1:]:
        nested = nested[: nested.index("reversed", 1)]
    for name in nested:
        if name == "reversed":
            text = text[::-1]
        else:
            cut = seed % 50
            text = b"q" * (cut % 7) + text + before[:cut]
            text = base64.b64encode(text) if name == "base64" else text.hex().encode()
    data = before + b"\n" + text + b"\n" + after
    assert {each[2] for each in own.hits(data)} == {0}


@given(st.integers(0, 1 << 32), st.integers(20, 400))
@settings(deadline=None, max_examples=100)
def test_nothing_else_is_found(seed: int, size: int) -> None:
    rng = random.Random(seed)
    text = base64.b64encode(rng.randbytes(size * 10))
    assert OWN.hits(text) == []
    assert OWN.hits(text[:2000].hex().encode()) == []
    one_off = bytearray(VALUES["aws"])
    place = rng.randrange(len(one_off))
    one_off[place] = ord("x" if one_off[place] != ord("x") else "y")
    assert OWN.hits(PROSE + bytes(one_off)) == []


@given(st.binary(max_size=3000))
def test_any_bytes(data: bytes) -> None:
    assert OWN.hits(data) == []


def test_the_place_is_that_of_the_value() -> None:
    value = VALUES["aws"]
    split = b'"' + value[:9] + b'"\n  + "' + value[9:] + b'"'
    for before in (b"", "é = ".encode(), PROSE, b"z" * 5000 + b" "):
        for text in (value, split[1:-1]):
            [hit] = OWN.hits(before + text + b"\n" + PROSE)
            start = len(before) + next(at for at, c in enumerate(text) if chr(c).isalnum())
            end = len(before) + max(at for at, c in enumerate(text) if chr(c).isalnum()) + 1
            assert hit[:2] == (start, end)


def test_line_and_column_and_what_lay_over_it(engine: Engine) -> None:
    data = b"a = 1\n" + "é".encode() + b" aws_secret_access_key = " + VALUES["aws"] + b"\n"
    [finding] = scan_all(engine, data, b"f.ini").findings
    assert (finding.rule_id, finding.own, finding.title) == (RULE, "key/0", "the key 0")
    assert (finding.line, finding.end_line) == (2, 2)


def test_no_baseline_knows_it(engine: Engine) -> None:
    from credguard.scan.baseline import Baseline

    [finding] = scan_all(engine, VALUES["aws"], b"f").findings
    known = Baseline([KEY])
    known.add(finding, b"f")
    assert known.verdict(finding, b"f") is None
    assert known.renewed([(finding, b"f")]).entries == {}


@pytest.mark.parametrize(
    "weak",
    [
        b"hunter2", b"correct horse battery staple is what they all use now", b"a" * 80,
        b"TheQuickBrownFoxJumpsOverTheLazyDog2024!", b"0123456789abcdef" * 4,
        b"/home/user/projects/some-tool/tests/scan/test_rules.py", b"1234567890" * 3, b"",
        b"--" * 90, b"S3cret-P4ssword-2024",
    ],
)  # fmt: skip
def test_a_weak_value_is_never_taken(weak: bytes) -> None:
    assert bits(weak) < LEAST_BITS
    assert rows_of(KEY, weak, random.Random(1).randrange) == []


def test_what_is_generated_is_taken() -> None:
    few = 0
    for seed in range(300):
        assert bits(samples.aws_secret(seed).encode(), made=True) >= LEAST_BITS
        few += bits(password(seed), made=True) < LEAST_BITS
        token = base64.urlsafe_b64encode(random.Random(seed).randbytes(32))
        assert bits(token, made=True) >= LEAST_BITS
    assert few < 12


def test_the_table_holds_two_letters_of_a_value_and_no_more() -> None:
    import marshal

    for value in VALUES.values():
        stored = marshal.dumps(table(KEY, [entry(0, value)]))
        for at in range(len(value) - 4):
            assert value[at : at + 5] not in stored
        windows = {row[0] for row in entry(0, value).rows}
        # What is one window at one place of the value: all forms' derive from the same two bytes.
        plain = next(window for window, form in entry(0, value).rows if form[4] == "")
        assert plain.hex().encode() in windows
        assert plain[::-1] in windows


def test_a_table_gives_back_what_it_was_made_of() -> None:
    made = [entry(0, VALUES["aws"]), Entry("secret/weak", "the secret weak", [])]
    given_back = entries(table(KEY, made))
    assert [(each.item, each.title) for each in given_back] == [
        (each.item, each.title) for each in made
    ]
    assert table(KEY, given_back) == table(KEY, made)


def test_of_a_private_key_only_secret_lines_are_taken() -> None:
    lines = [samples.text(64, seed) for seed in range(25)]
    kind = "RSA PRIVATE"
    pem = f"-----BEGIN {kind} KEY-----\n" + "\n".join(lines) + f"\n-----END {kind} KEY-----\n"
    taken = parts(pem.encode())
    assert taken == [line.encode() for line in lines[15:19]]
    own = own_of(*taken)
    assert own.hits(textwrap.indent(pem, "    ").encode())
    assert own.hits(pem.replace("\n", "\\n").encode())
    assert own.hits(pem.replace("\n", "").encode())
    assert not own.hits("\n".join(lines[:15]).encode())


class TestFile:
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def test_none_is_no_error(self) -> None:
        assert file.read() is None

    def test_what_is_written_is_read(self) -> None:
        made = table(KEY, [entry(0, VALUES["aws"])])
        file.write(made)
        content = file.read()
        assert content is not None
        assert content[0] == made
        mode = Path(file.own_file()).stat().st_mode
        assert mode & 0o777 == 0o600

    def test_the_compiled_windows_find_the_same(self, engine: Engine) -> None:
        file.write(table(KEY, [entry(n, value) for n, value in enumerate(VALUES.values())]))
        kept = engine.own
        try:
            file.armed(engine)
            assert engine.own is not None
            assert engine.own is not kept
            text = PROSE + b"\n".join(base64.b64encode(each) for each in VALUES.values())
            assert sorted(engine.own.hits(text)) == sorted(OWN.hits(text))
            assert len(OWN.hits(text)) == len(VALUES)
        finally:
            engine.own = kept

    @pytest.mark.parametrize("damage", ["open", "short", "changed", "mark"])
    def test_a_file_that_cannot_be_trusted_is_told(self, damage: str) -> None:
        from credguard.errors import StoreError

        file.write(table(KEY, [entry(0, VALUES["aws"])]))
        path = Path(file.own_file())
        data = path.read_bytes()
        if damage == "open":
            path.chmod(0o644)
        elif damage == "short":
            path.write_bytes(data[:60])
        elif damage == "changed":
            path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        else:
            path.write_bytes(b"x" + data[1:])
        with pytest.raises(StoreError):
            file.read()


def test_letters_of_a_value_alone_do_not_tell() -> None:
    assert OWN.hits((string.ascii_letters + string.digits).encode() * 100) == []
