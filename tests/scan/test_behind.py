"""What stands behind a container's end, or before an archive, is read as any other text is."""

import base64
import bz2
import gzip
import lzma
import zlib
from pathlib import Path

import pytest

from credguard.scan.engine import Engine
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine
from tests.scan.encodings import tarred, zipped
from tests.support import samples

SECRET = f"aws_secret_access_key = {samples.aws_secret(3)}".encode()


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


def _behind(name: str) -> bytes:
    text = base64.b64encode(b"one\n" + SECRET + b"\n")
    return {
        "gzip and a text": gzip.compress(b"one") + text,
        "gzip, zeros, gzip": gzip.compress(b"one") + bytes(600) + gzip.compress(SECRET),
        "bz2 and gzip": bz2.compress(b"one") + gzip.compress(SECRET),
        "xz and a text": lzma.compress(b"one") + text,
        "a text that begins as zlib does": zlib.compress(b"one")[:6] + b"\n" + text,
        "zip and its comment": zipped({"a": b"one"}) + text,
        "tar and tar": tarred({"a": b"one"}) + tarred({"b": gzip.compress(SECRET)}),
        "a program and zip": b"#!/bin/sh\nexit\n" + zipped({"a": SECRET}),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "gzip and a text",
        "gzip, zeros, gzip",
        "bz2 and gzip",
        "xz and a text",
        "a text that begins as zlib does",
        "zip and its comment",
        "tar and tar",
        "a program and zip",
    ],
)
def test_what_stands_behind_a_container_or_before_it_is_read(engine: Engine, name: str) -> None:
    scanned = scan_all(engine, _behind(name), b"d/x")
    assert [each.rule_id for each in scanned.findings] == ["aws-secret-access-key"]
    assert scanned.problems == []


def test_what_follows_a_tar_archive_and_is_none_is_told(engine: Engine) -> None:
    scanned = scan_all(engine, tarred({"a": b"one"}) + gzip.compress(SECRET), b"d/x")
    assert scanned.problems == [(b"d/x", "what follows the archive's end is not read")]
