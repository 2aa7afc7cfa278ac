"""AWS key ids and secrets that stand apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.scan.engine import Engine
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding
from credguard.scan.pairing import Folders, alone, is_secret, named
from credguard.sources.database import load_engine
from tests.support import samples

KEY_ID, SECRET = samples.aws_key_id(5), samples.aws_secret(9)


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


def lines(engine: Engine, text: str) -> list[tuple[int, str]]:
    found = engine.scan(text.encode(), b"notes.txt")
    return [(each.line, each.rule_id) for each in found if each.confidence >= MEDIUM]


@pytest.mark.parametrize(
    "between", ["\n", "\nregion: x\n\n# of the printer\n", "\n" + "a b\n" * 400]
)
@pytest.mark.parametrize("first", ["id", "secret"])
def test_a_secret_some_lines_from_its_id_is_found(engine: Engine, between: str, first: str) -> None:
    parts = [KEY_ID, SECRET] if first == "id" else [SECRET, KEY_ID]
    found = lines(engine, f"{parts[0]} of dev{between}the other\n{parts[1]}\n")
    assert [rule for _, rule in found].count("aws-key-pair") == 1
    assert len(found) == 2


@pytest.mark.parametrize(
    "rest",
    [
        samples.text(40, alphabet="0123456789abcdef"),
        f"{SECRET}\n{samples.aws_secret(10)}",
        SECRET + "A",
        "a b\n" * 600 + SECRET,
        "CamelCaseWordsThatSomebodyHasWrittenDown",
    ],
    ids=["a digest", "two values", "longer", "far away", "words"],
)
def test_what_is_no_secret_of_that_id_is_left(engine: Engine, rest: str) -> None:
    assert [rule for _, rule in lines(engine, f"{KEY_ID} of dev\n\nlast {rest}\n")] == [
        "aws-access-key-id"
    ]


def test_random_secrets_have_the_form() -> None:
    assert sum(is_secret(samples.aws_secret(seed).encode()) for seed in range(500)) >= 495


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (b"a/secret.txt", True), (b"AWS_SECRET_ACCESS_KEY", True), (b"s3", True), (b".env", True),
        (b"secret/readme.md", False), (b"main.py", False),
    ],
)  # fmt: skip
def test_the_name_of_the_file_tells(path: bytes, told: bool) -> None:
    assert named(path) is told


def test_alone_is_one_value_in_a_small_file() -> None:
    found = alone(f"# of dev\n  {SECRET}\n".encode(), b"a/key", [])
    assert found is not None
    assert (found.line, found.column, found.value) == (2, 3, SECRET.encode())
    assert alone(f"{SECRET} {samples.aws_secret(10)}".encode(), b"a/key", []) is None
    assert alone(SECRET.encode() + b" " * 4096, b"a/key", []) is None
    assert alone(SECRET.encode(), b"a/key", [key_id(b"a/key")]) is None


def key_id(path: bytes) -> Finding:
    return Finding(path, 1, 1, 1, "aws-access-key-id", "", MEDIUM, KEY_ID.encode())


def secret(path: bytes, rule: str = "generic-secret") -> Finding:
    signals = () if "aws" in rule else ("name:secret",)
    return Finding(path, 1, 1, 1, rule, "", LOW, SECRET.encode(), signals)


def paired(*found: Finding, apart: tuple[Finding, ...] = ()) -> list[tuple[bytes, bytes]]:
    folders = Folders()
    folders.add(found, 0, [(0, each) for each in apart])
    return [(each.path, each.pair) for _, each, _ in folders.pairs()]


def test_only_the_same_folder_and_a_lone_id_make_a_pair() -> None:
    assert paired(key_id(b"a/x"), secret(b"a/y")) == [(b"a/y", b"a/x")]
    assert paired(key_id(b"a/x"), apart=(secret(b"a/y", "aws-key-pair"),)) == [(b"a/y", b"a/x")]
    assert paired(key_id(b"b/x"), secret(b"a/y"), secret(b"b/c/y"), secret(b"y")) == []
    assert paired(key_id(b"a/x"), secret(b"a/x", "aws-secret-access-key"), secret(b"a/y")) == []
    allowed = key_id(b"a/x")
    allowed.allowed = "a mark"
    assert paired(allowed, secret(b"a/y")) == []


def test_a_file_may_come_in_parts() -> None:
    secret_key = secret(b"a/x", "aws-secret-access-key")
    for parts in (
        ([key_id(b"a/w"), key_id(b"a/x")], [], [secret_key], [secret(b"a/y")]),
        ([secret(b"a/y"), key_id(b"a/w"), secret_key], [key_id(b"a/x"), key_id(b"a/z")]),
    ):
        folders = Folders()
        for number, part in enumerate(parts):
            folders.add(part, 10 * number)
        assert [each.pair for _, each, _ in folders.pairs()] == [b"a/w"]
    folders = Folders()
    folders.add([key_id(b"b/x"), key_id(b"a/x")], 0)
    folders.add([secret_key, secret(b"a/y")], 2)
    assert list(folders.pairs()) == []


def test_a_pair_is_sure_names_the_other_file_and_keeps_its_rule() -> None:
    folders = Folders()
    folders.add([secret(b"a/y")], 7)
    folders.add([key_id(b"a/x\x1b")], 8)
    ((number, found, is_found),) = folders.pairs()
    assert (number, is_found) == (7, True)
    assert (found.rule_id, found.confidence, found.severity) == (
        "generic-secret", HIGH, "critical",
    )  # fmt: skip
    assert "its key id is in x" in found.title


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_bytes_are_read(data: bytes, path: bytes) -> None:
    alone(data + SECRET.encode() + data, path, [])
    named(path)
