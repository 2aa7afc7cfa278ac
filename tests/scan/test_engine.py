import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from credguard.scan.engine import ALLOW, ALLOW_NEXT, Engine
from credguard.scan.model import HIGH
from credguard.sources.database import load_engine
from tests.support import samples


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return load_engine(str(tmp_path_factory.mktemp("cache")))


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


@pytest.mark.parametrize("mark", ALLOW)
def test_a_mark_on_its_line_lets_it_pass_and_no_other(engine: Engine, mark: bytes) -> None:
    text = _line(1).encode() + b"  # " + mark + b"\n" + _line(2).encode() + b"\n"
    (found,) = engine.scan(text, b"x")
    assert found.line == 2


def test_a_mark_for_the_next_line(engine: Engine) -> None:
    text = b"# " + ALLOW_NEXT + b"\n" + _line(1).encode() + b"\n" + _line(2).encode()
    (found,) = engine.scan(text, b"x")
    assert found.line == 3


def test_only_added_lines_count(engine: Engine) -> None:
    text = "\n".join(_line(seed) for seed in range(1, 6)).encode()
    found = engine.scan_added(text, b"x", [(2, 2), (4, 5)])
    assert [each.line for each in found] == [2, 4, 5]
    assert engine.scan_added(text, b"x", []) == []
    assert len(engine.scan_added(text, b"x", None)) == 5


def test_a_key_over_several_lines_is_one_finding_that_any_of_its_lines_touches(
    engine: Engine,
) -> None:
    head = "-----BEGIN " + "PRIVATE KEY-----"
    body = "\n".join(samples.text(64, seed) for seed in range(3))
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
        assert engine.scan(text.encode(), b".env") == []


def test_the_documented_example_key_is_no_secret(engine: Engine) -> None:
    assert engine.scan(b"AK" + b"IAIOSFODNN7" + b"EXAMPLE", b"x") == []


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


class TestCache:
    def test_it_is_private_and_used_again(self, tmp_path: Path) -> None:
        load_engine(str(tmp_path / "c"))
        (file,) = (tmp_path / "c").iterdir()
        assert file.stat().st_mode & 0o077 == 0
        before = file.stat().st_mtime_ns, file.stat().st_ino
        load_engine(str(tmp_path / "c"))
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == before

    @pytest.mark.parametrize("damage", [b"", b"garbage", b"cut"])
    def test_damage_is_repaired(self, tmp_path: Path, damage: bytes) -> None:
        load_engine(str(tmp_path))
        file = tmp_path / "rules.hsdb"
        good = file.read_bytes()
        file.write_bytes(good[: len(good) // 2] if damage == b"cut" else damage)
        assert load_engine(str(tmp_path)).scan(_line().encode(), b"x")
        assert file.read_bytes() == good

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
