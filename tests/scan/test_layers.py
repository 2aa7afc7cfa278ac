"""What is encoded or packed in a text is found by the same rules, at its place, within bounds."""

import base64
import bz2
import gzip
import json
import lzma
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credguard.app.rules import fill
from credguard.scan import layers
from credguard.scan.decode.layer import Layer
from credguard.scan.decode.probes import literals
from credguard.scan.decode.runs import base64_layers
from credguard.scan.decode.streams import zstd
from credguard.scan.engine import Engine
from credguard.scan.model import JUDGED, Finding, Limits, Scanned
from credguard.scan.rules import confirm_pattern, parse
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine, read_rules
from tests.scan.encodings import LIGHT, TEXTS, WIDE, tarred, zipped
from tests.support import samples

# A text too long to be looked at without a probe's asking.
BEFORE = b"first line\n" + b"    value = other.call(index, name)\n" * 200
RULES = {
    "aws-secret-access-key": "aws_secret_access_key = {secret}",
    "aws-access-key-id": "key: {id}",
    "github-token": "token='{gh}'",
    "gitlab-token": "url = https://x.invalid/?private_token={gl}&y",
    "private-key": "{pem}",
}


def _fill(template: str) -> bytes:
    body = "MIIEpAIBAAKCAQEA" + "\n".join(samples.text(64, seed) for seed in range(4))
    return template.format(
        secret=samples.aws_secret(3),
        id=samples.aws_key_id(4),
        gh="gh" + "p_" + samples.text(36, 5),
        gl="gl" + "pat-" + samples.text(20, 6),
        pem=f"-----BEGIN {'RSA PRIVATE'} KEY-----\n{body}\n-----END {'RSA PRIVATE'} KEY-----",
    ).encode()


SECRET = _fill(RULES["aws-secret-access-key"])


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


TABLES = {rule["id"]: rule for rule in parse(*read_rules())}
# Rules with a mark of their own, one of each area. Named, so that a new rule does not pick others.
PICKED = (
    "aws-appsync-api-key", "bitbucket-app-password", "dockerhub-token", "infisical-token",
    "azure-batch-marked-key", "fauna-secret", "cerebras-api-key", "flutterwave-public-key",
    "discord-bot-token", "zapier-webhook", "newrelic-wide-key", "linear-key", "browserbase-key",
)  # fmt: skip


@pytest.fixture(scope="module")
def rules(engine: Engine) -> dict[str, bytes]:
    """A dozen rules' samples that the raw pass finds, by rule."""
    found = {name: _fill(template) for name, template in RULES.items()}
    for name in PICKED:
        sample = ("x = 1\n" + fill(TABLES[name]["sample"], 7) + "\n").encode()
        if name in {each.rule_id for each in engine.scan(sample, b"file.txt")}:
            found[name] = sample
    return found


def _one(scanned: Scanned, rule: str) -> Finding:
    found = [each for each in scanned.findings if each.rule_id == rule]
    assert len(found) == 1, (rule, scanned.findings, scanned.problems)
    return found[0]


@pytest.mark.parametrize("encoding", [*TEXTS, *LIGHT])
def test_every_encoding_of_a_dozen_rules(
    engine: Engine, rules: dict[str, bytes], encoding: str
) -> None:
    encode = (TEXTS | LIGHT)[encoding]
    assert len(rules) >= 12
    for rule, text in rules.items():
        # A long text is searched where one of the rules' literals stands in it, encoded.
        literal = literals(confirm_pattern(TABLES[rule]))
        for before in (b"", b"a\n", *([BEFORE] if literal else [])):
            data = before + b'x = "' + encode(text) + b'"\n'
            found = scan_all(engine, data, b"f.txt").findings
            for wanted in engine.scan(text, b"f.txt"):
                if wanted.rule_id == rule:
                    # A general rule may take a sign of the encoding with the value.
                    assert any(
                        each.rule_id == rule and each.value.endswith(wanted.value) for each in found
                    ), (rule, data[-200:])


@pytest.mark.parametrize("inner", ["base64", "hex", "percent", "unicode escapes", "hex entities",
                                   "gzip in base64", "xz in base64"])  # fmt: skip
@pytest.mark.parametrize("outer", ["base64", "base64, wrapped", "hex", "percent", "hex escapes",
                                   "zlib in hex", "base64 of UTF-16"])  # fmt: skip
def test_one_in_another(engine: Engine, outer: str, inner: str) -> None:
    data = b'x = "' + TEXTS[outer](b'{"y": "' + TEXTS[inner](SECRET) + b'"}') + b'"\n'
    for before in (b"", BEFORE):
        found = _one(scan_all(engine, before + data, b"f.txt"), "aws-secret-access-key")
        assert found.value == samples.aws_secret(3).encode()
        assert found.via.count(">") >= 1
        assert found.line > before.count(b"\n")


@pytest.mark.parametrize("codec", WIDE)
def test_wide_text_without_a_mark(engine: Engine, codec: str) -> None:
    text = f"first = 1\n{SECRET.decode()}\nlast\n".encode(codec)
    found = _one(scan_all(engine, text, b"x"), "aws-secret-access-key")
    assert found.via == codec[:6]
    assert found.line == 2


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_wide_text_with_its_mark_is_plain_text(engine: Engine, codec: str) -> None:
    text = f"première\n{SECRET.decode()}\n".encode(codec)
    found = _one(scan_all(engine, text, b"x"), "aws-secret-access-key")
    assert (found.line, found.column, found.via) == (2, 25, "")


def test_the_place_is_that_of_the_part_of_the_run(engine: Engine) -> None:
    text = b"one\n" * 30 + SECRET + b"\n" + b"two\n" * 30
    run = TEXTS["base64, wrapped"](text)
    found = _one(scan_all(engine, BEFORE + run, b"x"), "aws-secret-access-key")
    offset = text.index(samples.aws_secret(3).encode()) * 4 // 3
    line = BEFORE.count(b"\n") + 1 + offset // 76
    assert (found.line, found.column) == (line, offset % 76 + 1)
    assert found.end_line in (line, line + 1)


def test_columns_through_escapes(engine: Engine) -> None:
    secret = samples.aws_secret(3)
    written = secret[:10] + "".join(f"%{ord(each):02x}" for each in secret[10:30]) + secret[30:]
    found = _one(
        scan_all(engine, f"a\nb%20c aws_secret_access_key%3D{written}\n".encode(), b"x"),
        "aws-secret-access-key",
    )
    assert (found.line, found.column, found.end_line) == (2, 31, 2)
    assert found.value == secret.encode()


def test_columns_are_characters(engine: Engine) -> None:
    secret = samples.aws_secret(3)
    line = "é" * 30 + '\u00fc"' + TEXTS["base64"]("ä".encode() * 9 + SECRET).decode() + '"'
    found = _one(scan_all(engine, f"base64\n{line}\n".encode(), b"x"), "aws-secret-access-key")
    assert found.value == secret.encode()
    assert found.line == 2
    assert found.column == 33 + (18 + SECRET.index(secret.encode())) * 4 // 3


def test_a_value_in_base64_keeps_the_name_it_stands_under(engine: Engine) -> None:
    value = TEXTS["base64"](samples.aws_secret(3).encode()).decode()
    text = f"kind: Secret\ndata:\n  AWS_SECRET_ACCESS_KEY: {value}\n".encode()
    found = _one(scan_all(engine, text, b"x.yml"), "aws-secret-access-key")
    assert (found.line, found.column, found.via) == (3, 26, "base64")


def test_what_the_text_itself_shows_is_told_once(engine: Engine) -> None:
    line = SECRET + b" # a%20b &amp; \\u0041 =3D\n"
    found = _one(scan_all(engine, BEFORE + line, b"x.html"), "aws-secret-access-key")
    assert found.via == ""


def test_text_within_binary_data_in_base64(engine: Engine) -> None:
    data = bytes(range(128, 256)) + SECRET + bytes(range(200, 256))
    found = _one(
        scan_all(engine, b"base64: '" + TEXTS["base64"](data) + b"'", b"x"), "aws-secret-access-key"
    )
    assert found.via == "base64"


def test_markup_between_is_left_out(engine: Engine) -> None:
    secret = samples.aws_secret(3)
    text = f"<b>aws_secret_access_key</b> = <i>{secret[:9]}</i><i>{secret[9:]}</i>\n"
    found = _one(scan_all(engine, text.encode(), b"x.html"), "aws-secret-access-key")
    assert found.via == "tags"
    assert found.value == secret.encode()


STREAMS: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "gzip": (gzip.compress, b".gz"),
    "bz2": (bz2.compress, b".bz2"),
    "xz": (lzma.compress, b".xz"),
    "zlib": (zlib.compress, b".zz"),
    "zstd": (lambda text: zstd().compress(text), b".zst"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_compressed_file(engine: Engine, name: str) -> None:
    compress, suffix = STREAMS[name]
    data = compress(b"one\n" * 50 + SECRET + b"\n")
    scanned = scan_all(engine, data, b"d/a.txt" + suffix)
    found = _one(scanned, "aws-secret-access-key")
    assert (found.path, found.line, found.via) == (b"d/a.txt" + suffix + b"!a.txt", 51, name)
    assert scanned.problems == []


@pytest.mark.parametrize("outer", ["zip", "stored zip", "tar", "tar.gz", "zip in tar", "gz in zip"])
def test_an_archive(engine: Engine, outer: str) -> None:
    text = b"one\n" * 50 + SECRET + b"\n"
    data, inside = {
        "zip": (zipped({"d/a.txt": text, "empty": b""}), b"d/a.txt"),
        "stored zip": (zipped({"../a.txt": text}, 0), b"../a.txt"),
        "tar": (tarred({"/a.txt": text}), b"/a.txt"),
        "tar.gz": (gzip.compress(tarred({"a.txt": text})), b"a.txt"),
        "zip in tar": (tarred({"b.zip": zipped({"a.txt": text})}), b"b.zip!a.txt"),
        "gz in zip": (zipped({"b/a.gz": gzip.compress(text)}), b"b/a.gz!a"),
    }[outer]
    scanned = scan_all(engine, data, b"d/x")
    found = _one(scanned, "aws-secret-access-key")
    assert (found.path, found.line) == (b"d/x!" + inside, 51)
    assert scanned.problems == []


def test_ordinary_text_has_no_layers(engine: Engine) -> None:
    scanned = scan_all(engine, BEFORE, b"x.py")
    assert (scanned.findings, scanned.problems) == ([], [])


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["gzip", "bz2", "zip", "tar"])
def test_a_cut_archive_gives_what_can_be_read_and_says_so(
    engine: Engine, kind: str, cut: float
) -> None:
    text = SECRET + b"\n" + samples.text(200_000).encode()
    make = {"zip": zipped, "tar": tarred}
    data = make[kind]({"a": text}) if kind in make else STREAMS[kind][0](text)
    scanned = scan_all(engine, data[: int(len(data) * cut)], b"x")
    if kind != "bz2":  # its blocks are whole or nothing
        assert _one(scanned, "aws-secret-access-key").value == samples.aws_secret(3).encode()
    assert scanned.problems


def test_too_deep_is_told(engine: Engine) -> None:
    data = SECRET
    for _ in range(7):
        data = zipped({"a": data})
    scanned = scan_all(engine, data, b"x")
    assert scanned.findings == []
    assert any("in one another" in why for _, why in scanned.problems)


def test_the_time_is_over(engine: Engine) -> None:
    scanned = scan_all(
        engine, SECRET + b"\n" + zipped({"a": SECRET}), b"x", lambda: Limits(expired=lambda: True)
    )
    _one(scanned, "aws-secret-access-key")
    scanned = scan_all(engine, zipped({"a": SECRET}), b"x", lambda: Limits(expired=lambda: True))
    assert scanned.findings == []
    assert scanned.problems


def test_junk_before_a_secret_does_not_keep_it_from_being_read(engine: Engine) -> None:
    junk = {f"{n}": b"\0" * 10_000_000 for n in range(20)}
    scanned = scan_all(engine, zipped(junk | {"z": SECRET}), b"x", lambda: Limits(size=20_000_000))
    _one(scanned, "aws-secret-access-key")
    assert scanned.problems


def test_many_ways_to_write_a_text_cost_little_more_than_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way is read in any order, so all of them on each line would be hundreds of texts."""
    text = b"".join(
        b'password="%s%%41\\x41\\x42&amp;&#65;=3D=41" ' % samples.text(16, seed).encode()
        for seed in range(1500)
    )
    seen: list[bytes] = []
    judged = 0
    look = engine.look

    def counted(data: bytes, path: bytes, hits: Any = None, share: int | None = None) -> Any:
        nonlocal judged
        seen.append(data)
        found, probed = look(data, path, hits, share)
        judged += sum(probed.get(JUDGED, ()))
        return found, probed

    monkeypatch.setattr(engine, "look", counted)
    secret = b"".join(b"%%%02X" % each for each in SECRET)
    scanned = scan_all(engine, text + b"\n" * 300 + secret + b"\n", b"a.txt")
    assert "aws-secret-access-key" in {each.rule_id for each in scanned.findings}
    assert len(seen) == len(set(seen)) < 40
    assert judged <= 1500 + 8000
    assert len(scanned.problems) == 1
    assert "were not judged" in scanned.problems[0][1]


@pytest.mark.parametrize("before", ["", "/", "/a", "/ab", "/abc", "/abcd"])
@pytest.mark.parametrize("name", ["base64", "hex"])
def test_a_long_run_is_read_whatever_digits_stand_before_it(
    engine: Engine, name: str, before: str
) -> None:
    """A path before it, or the beginning of a window in the middle of it."""
    text = b"one two three\n" * 200 + SECRET
    run = text.hex() if name == "hex" else base64.b64encode(text).decode()
    scanned = scan_all(engine, f"blob in base64: {before}{run}\n".encode(), b"a")
    assert _one(scanned, "aws-secret-access-key").via == name


def test_base64_of_what_compresses_very_well_is_no_line_drawn(engine: Engine) -> None:
    """Most of its digits are slashes; some of its bytes look like text at another alignment."""
    text = SECRET + b"\n" + b"x" * 2_000_000
    for packed in (gzip.compress(text), b"\xff" * 3000 + text[:100], zlib.compress(text, 1)):
        run = base64.b64encode(packed)
        scanned = scan_all(engine, b"a in base64: " + run + b"\n", b"a")
        _one(scanned, "aws-secret-access-key")


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("form", ["\\x%02x", "\\%03o", "\\u%04x"])
def test_escapes_in_a_string_in_a_string(engine: Engine, form: str, times: int) -> None:
    """A cell of a notebook has the source's escapes escaped."""
    written = "".join(form % each for each in SECRET)
    for _ in range(times):
        written = json.dumps(written)[1:-1]
    scanned = scan_all(engine, BEFORE + f'k: "{written}"'.encode(), b"a.ipynb")
    _one(scanned, "aws-secret-access-key")


def test_runs_that_are_joined_are_each_read(engine: Engine) -> None:
    one = base64.b64encode(b"a text of some length and").rstrip(b"=")
    two = base64.b64encode(b"\n" + SECRET + b"\n")
    assert len(one) % 4
    scanned = scan_all(engine, b"k: " + one + b"-" * (4 - len(one) % 4 + 1) + two, b"a")
    _one(scanned, "aws-secret-access-key")


def test_many_runs_on_a_line_are_each_read_once(engine: Engine) -> None:
    run = base64.b64encode
    line = b" ".join(run(samples.text(18, seed).encode()) for seed in range(20_000))
    (sheet,) = base64_layers(Layer(line + b" " + run(SECRET), b"a"))
    assert len(sheet.data) < len(line) + (1 << 18)
    assert SECRET in sheet.data


def test_more_that_is_encoded_than_is_read_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_DECODED_LEAST", 1000)
    text = b"%41%42%43\n" * 300 + b"\n" * 300 + base64.b64encode(SECRET)
    monkeypatch.setattr(layers, "_DECODED", 0)
    scanned = scan_all(engine, text, b"a.txt")
    _one(scanned, "aws-secret-access-key")
    problem = "has more that is encoded than is read of one file"
    assert scanned.problems == [(b"a.txt", problem)]


def test_an_intact_stream_is_never_called_damaged(engine: Engine) -> None:
    """Its bytes may look like escapes: what those stand for is not read as a stream once more."""
    text = b"\\u0041 %41 &#65; =3D " * 20 + random.Random(1).randbytes(9_000)
    for data in (gzip.compress(text, compresslevel=0), zipped({"a": text}, zipfile.ZIP_STORED)):
        assert scan_all(engine, data, b"a.gz").problems == []
