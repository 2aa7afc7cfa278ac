import itertools
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from credguard.scan.engine import Engine, on_lines
from credguard.scan.model import HIGH, MEDIUM, Finding
from credguard.scan.spans import windows
from credguard.sources.database import load_engine
from tests.support import samples


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


def _line(seed: int = 1) -> str:
    return f"aws_secret_access_key = {samples.aws_secret(seed)}"


def test_place_and_value(engine: Engine) -> None:
    (found,) = engine.scan(f"one\n\ttwo\n{_line()}\n".encode(), b"a/b.ini")
    assert (found.line, found.end_line, found.column) == (3, 3, 25)
    assert found.value == samples.aws_secret().encode()
    assert found.path == b"a/b.ini"
    assert found.confidence == HIGH
    assert samples.aws_secret() not in repr(found)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(engine: Engine, codec: str) -> None:
    text = f"première ligne\n{_line()}\n"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(codec, b"")
    (found,) = engine.scan(mark + text.encode(codec), b"x")
    assert found.line == 2


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends(engine: Engine, end: str) -> None:
    (found,) = engine.scan(end.join(["a", _line(), "b"]).encode(), b"x")
    assert found.line == 2
    assert found.value == samples.aws_secret().encode()


def test_only_added_lines_count(engine: Engine) -> None:
    text = "\n".join(_line(seed) for seed in range(1, 6)).encode()
    found = engine.scan(text, b"x")
    assert [each.line for each in on_lines(found, [(2, 2), (4, 5)])] == [2, 4, 5]
    assert on_lines(found, []) == []
    assert on_lines(found, None) == found


def test_a_key_over_several_lines_is_one_finding_that_any_of_its_lines_touches(
    engine: Engine,
) -> None:
    head = "-----BEGIN " + "PRIVATE KEY-----"
    body = "MIIEpAIBAAKCAQEA" + "\n".join(samples.text(64, seed) for seed in range(3))
    text = f"a\n{head}\n{body}\n".encode()
    (found,) = engine.scan(text, b"x")
    assert found.line == 3


def test_many_on_one_long_line_are_all_found(engine: Engine) -> None:
    parts = [f'"{_line(seed)}"' for seed in range(1, 201)]
    found = engine.scan(",".join(parts).encode(), b"x.json")
    assert len(found) == 200


@pytest.mark.parametrize(
    "value",
    ["changeme", "${PASSWORD}", "{{ password }}", "<your password>", "xxxxxxxxxxxx", "os.environ",
     "password123", "getpass.getpass()", "abcdefghij", "aaaaaaaaaaab", "my-secret-token"],
)  # fmt: skip
def test_placeholders_and_references_are_no_secrets(engine: Engine, value: str) -> None:
    for text in (f'password = "{value}"', f"PASSWORD={value}"):
        assert all(each.confidence < MEDIUM for each in engine.scan(text.encode(), b".env"))


def test_the_documented_example_key_is_no_secret(engine: Engine) -> None:
    assert engine.scan(b"AK" + b"IAIOSFODNN7" + b"EXAMPLE", b"x") == []


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=6),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=6),
)
def test_only_what_touches_the_lines_stays(
    found: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    lines, at = [], 0
    for gap, length in gaps:  # sorted and disjoint
        lines.append((at + gap, at + gap + length))
        at += gap + length
    findings = [Finding(b"x", line, 1, line + more, "r", "R", HIGH, b"") for line, more in found]
    assert on_lines(findings, lines) == [
        each
        for each in findings
        if any(first <= each.end_line and each.line <= last for first, last in lines)
    ]


@given(st.lists(st.integers(1, 500)), st.integers(1, 60))
def test_windows_cover_every_match_and_read_nothing_twice(ends: list[int], width: int) -> None:
    found = list(windows(ends, width, 500))
    for end in ends:
        wanted = max(0, end - width - 1), min(500, end + 1)
        assert any(first <= wanted[0] and wanted[1] <= last for first, last in found)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(found))
    assert sum(last - first for first, last in found) <= 500


class Counting(bytes):
    """Counts the bytes that are looked at through its methods."""

    looked = 0

    def count(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        self.looked += (len(self) if end is None else end) - start
        return super().count(sub, start, end)

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        at = super().find(sub, start, end)
        last = len(self) if end is None else min(end, len(self))
        self.looked += (at if at >= 0 else last) - start
        return at

    def rfind(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        at = super().rfind(sub, start, end)
        self.looked += (len(self) if end is None else end) - max(at, start)
        return at

    def __getitem__(self, key: slice | int) -> bytes:  # type: ignore[override]
        part = super().__getitem__(key)
        self.looked += len(part) if isinstance(part, bytes) else 1
        return part  # type: ignore[return-value]


@pytest.mark.parametrize("between", ["\n", " ", ' credguard:allow "', "\n# credguard:allow\n"])
def test_the_work_grows_with_the_size_and_not_faster(engine: Engine, between: str) -> None:
    looked = []
    for count in (200, 400, 800):
        data = Counting(between.join(_line(seed) for seed in range(count)).encode())
        engine.scan(data, b"x")
        looked.append(data.looked / len(data))
    assert max(looked) < 1.2 * min(looked), looked
    assert max(looked) < 60, looked


def test_a_long_token_is_found_whole(engine: Engine) -> None:
    head, body = (f'{{"alg":"{samples.text(n, n)}"}}'.encode() for n in (1100, 2900))
    parts = [urlsafe_b64encode(each).rstrip(b"=") for each in (head, body)]
    token = b".".join([*parts, samples.text(900, 900).encode()])
    (found,) = engine.scan(b"t = '" + token + b"'", b"x")
    assert found.value == token


def test_what_overlaps_is_one_finding_of_the_most_confident_rule(engine: Engine) -> None:
    (found,) = engine.scan(f"password: {_line()}".encode(), b"x.yml")
    assert found.rule_id == "aws-secret-access-key"


@given(st.binary(max_size=3000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_are_read(engine: Engine, data: bytes) -> None:
    for each in engine.scan(data, b"x.env"):
        assert 1 <= each.line <= each.end_line <= data.count(b"\n") + 1


@given(before=st.binary(max_size=200), after=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_surroundings_do_not_hide_a_secret(engine: Engine, before: bytes, after: bytes) -> None:
    assume(before[:2] not in (b"\xff\xfe", b"\xfe\xff"))
    assume(b"allow" not in before)
    data = before + b"\n" + _line().encode() + b"\n" + after
    values = {each.value for each in engine.scan(data, b"x")}
    assert samples.aws_secret().encode() in values


_OTHERS = ("folder", "symlink to nowhere")


class TestCache:
    def test_it_is_private_and_used_again(self, tmp_path: Path) -> None:
        load_engine(str(tmp_path / "c"))
        (file,) = (tmp_path / "c").iterdir()
        assert file.stat().st_mode & 0o077 == 0
        before = file.stat().st_mtime_ns, file.stat().st_ino
        load_engine(str(tmp_path / "c"))
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == before

    @pytest.mark.parametrize(
        "damage",
        [*(pytest.param(each, marks=pytest.mark.slow) for each in (b"", b"garbage")), b"cut"],
    )
    def test_damage_is_repaired(self, tmp_path: Path, damage: bytes) -> None:
        load_engine(str(tmp_path))
        file = tmp_path / "rules.hsdb"
        good = file.read_bytes()
        file.write_bytes(good[: len(good) // 2] if damage == b"cut" else damage)
        assert load_engine(str(tmp_path)).scan(_line().encode(), b"x")
        assert file.read_bytes() == good

    @pytest.mark.slow
    def test_no_damage_stops_the_scanner(self, tmp_path: Path) -> None:
        """Cut, flipped and stretched at many places, in a process that must not die of it."""
        load_engine(str(tmp_path))
        code = (
            "import os, sys\n"
            f"sys.path[:0] = {sys.path!r}\n"
            "from credguard.sources import database\n"
            "folder = sys.argv[1]; path = folder + '/rules.hsdb'\n"
            "good = open(path, 'rb').read()\n"
            "built = []\n"
            "database._build = lambda *arguments: built.append(1) or 'built'\n"
            "whole = database.load_engine(folder)\n"
            "assert whole != 'built'\n"
            "places = [*range(0, 300), *range(300, len(good), len(good) // 300)]\n"
            "for at in places:\n"
            "    for bad in (good[:at], good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:]):\n"
            "        os.write(os.open(path, os.O_WRONLY | os.O_TRUNC), bad)\n"
            "        engine = database.load_engine(folder)\n"
            "        assert engine == 'built' or len(engine._rows) == len(whole._rows), at\n"
            "print(len(places), len(built))"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(tmp_path)],
            capture_output=True, check=False, timeout=110,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        places, built = map(int, done.stdout.split())
        assert built > 1.9 * places

    def test_a_bomb_with_the_right_checksum_is_not_unpacked_from_another(
        self, tmp_path: Path
    ) -> None:
        """A count of two thousand million in the old unchecked format: not even looked at."""
        (tmp_path / "rules.hsdb").write_bytes(b"(\xff\xff\xff\x7f" + b"N" * 10)
        (tmp_path / "rules.hsdb").chmod(0o600)
        assert load_engine(str(tmp_path)).scan(_line().encode(), b"x")

    @pytest.mark.parametrize(
        "kind", ["fifo", *(pytest.param(each, marks=pytest.mark.slow) for each in _OTHERS)]
    )
    def test_something_else_in_its_place(self, tmp_path: Path, kind: str) -> None:
        place = tmp_path / "rules.hsdb"
        if kind == "fifo":
            os.mkfifo(place, 0o600)
        elif kind == "folder":
            place.mkdir()
        else:
            place.symlink_to("nowhere")
        assert load_engine(str(tmp_path)).scan(_line().encode(), b"x")

    @pytest.mark.slow
    def test_many_build_at_once(self, tmp_path: Path) -> None:
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "from credguard.sources.database import load_engine\n"
            f"load_engine({str(tmp_path)!r})"
        )
        running = [subprocess.Popen([sys.executable, "-I", "-c", code]) for _ in range(4)]
        assert [each.wait(timeout=110) for each in running] == [0] * 4
        assert os.listdir(tmp_path) == ["rules.hsdb"]

    def test_a_file_that_others_could_write_is_not_read(self, tmp_path: Path) -> None:
        load_engine(str(tmp_path))
        file = tmp_path / "rules.hsdb"
        file.chmod(0o666)
        load_engine(str(tmp_path))
        assert file.stat().st_mode & 0o077 == 0

    def test_a_folder_that_cannot_be_made_costs_only_time(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        engine = load_engine(str(tmp_path / "file" / "below"))
        assert engine.scan(_line().encode(), b"x")

    def test_it_loads_without_site(self, tmp_path: Path) -> None:
        root = Path(__file__).resolve().parents[2]
        folders = [str(root), *(each for each in sys.path if each.endswith("-packages"))]
        code = (
            f"import sys; sys.path += {folders!r}\n"
            "from credguard.sources.database import load_engine\n"
            f"print(len(load_engine({str(tmp_path)!r}).scan(sys.stdin.buffer.read(), b'x')))"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code],
            input=_line().encode(), capture_output=True, check=True, timeout=60,
            env=dict(os.environ),
        )  # fmt: skip
        assert done.stdout.strip() == b"1"


def test_a_cache_file_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.hsdb"
    file.touch(0o600)
    os.truncate(file, 1 << 40)
    assert load_engine(str(tmp_path)).scan(b"nothing", b"a") == []
    assert file.stat().st_size < 1 << 30
