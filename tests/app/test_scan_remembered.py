"""Files that were clean are not read again, and whatever changes in them or around is seen."""

import gzip
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import scan as scanning
from credguard.app.scan import Options, Result, scan_paths
from credguard.scan.model import LOW, MEDIUM
from credguard.scan.own_table import Entry, rows_of, table
from credguard.sources import own, remembered
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")
SECRET = f"aws_secret_access_key = {samples.aws_secret(3)}\n".encode()
CLEAN = b"nothing to see here".ljust(len(SECRET) - 1) + b"\n"


@pytest.fixture(autouse=True)
def at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written just now count as rested, and this folder's disk as a local one."""
    monkeypatch.setattr(remembered, "RESTED_S", -10)
    monkeypatch.setitem(remembered._LOCAL_DEVICES, os.stat(tmp_path).st_dev, True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    for name in ("a.txt", "sub/b.txt", "sub/c.txt"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(CLEAN)
    return top


def again(top: Path, least: int = MEDIUM, jobs: int = 1) -> Result:
    return scan_paths([str(top)], Options(least, jobs=jobs, remember=True))


def test_what_is_clean_is_not_read_again_and_still_counts(tree: Path) -> None:
    first = again(tree)
    assert (first.scanned, first.unchanged, first.size) == (3, 0, 3 * len(CLEAN))
    second = again(tree)
    assert (second.scanned, second.unchanged, second.size) == (3, 3, 0)
    assert scan_paths([str(tree)], Options(MEDIUM)).unchanged == 0


def _in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(SECRET)


def _renamed_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(SECRET)
    shutil.copystat(path, other)
    other.replace(path)


def _truncated_first(path: Path) -> None:
    path.write_bytes(b"")
    path.write_bytes(SECRET)


def _appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(SECRET)


def _folder_replaced(path: Path) -> None:
    folder = path.parent.with_name("moved")
    shutil.copytree(path.parent, folder)
    (folder / path.name).write_bytes(SECRET)
    shutil.copystat(path, folder / path.name)
    shutil.rmtree(path.parent)
    folder.rename(path.parent)


def _linked(path: Path) -> None:
    other = path.parent.parent / "outside"
    other.write_bytes(SECRET)
    path.unlink()
    os.link(other, path)


WAYS: list[Callable[[Path], None]] = [
    _in_place, _renamed_over, _truncated_first, _appended, _folder_replaced, _linked,
]  # fmt: skip


@pytest.mark.parametrize("change", WAYS)
@pytest.mark.parametrize("put_back", [True, False])
def test_every_way_to_change_a_file_is_seen(
    tree: Path, change: Callable[[Path], None], put_back: bool
) -> None:
    path = tree / "sub" / "b.txt"
    again(tree)
    before = path.stat()
    change(path)
    if put_back:  # as a program that hides its trace would
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = again(tree)
    assert str(path) in {os.fsdecode(each.path) for each in result.findings}


def test_a_file_that_changed_lately_is_read_again(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "RESTED_S", 60)
    again(tree)
    assert again(tree).unchanged == 0


def test_what_has_a_finding_or_a_problem_is_told_every_time(tree: Path) -> None:
    (tree / "a.txt").write_bytes(SECRET)
    (tree / "cut.gz").write_bytes(gzip.compress(os.urandom(9000))[:-2000])
    for _ in range(3):
        result = again(tree)
        assert len(result.findings) == len(result.problems) == 1
    assert result.unchanged == 2


def test_a_confidence_has_verdicts_of_its_own(tree: Path) -> None:
    key = samples.aws_key_id(2)
    (tree / "a.txt").write_text(f"{key[:-7]}EXAMPLE\ntoken = your-{samples.text(20, 4)}\n")
    assert not again(tree, MEDIUM).findings
    assert again(tree, MEDIUM).unchanged == 3
    assert again(tree, LOW).findings


def test_a_rule_of_the_persons_own_is_asked(tree: Path) -> None:
    again(tree)
    (tree / "sub/.credguard.toml").write_text(
        '[[rules]]\nid = "ours"\npattern = "nothing[ a-z]{8}"\n'
    )
    result = again(tree)
    assert [os.path.basename(each.path) for each in result.findings] == [b"b.txt", b"c.txt"]
    assert result.unchanged == 1
    (tree / "sub/.credguard.toml").unlink()
    again(tree)
    assert not again(tree).findings


def test_a_secret_of_ones_own_is_found_in_files_that_were_clean(tree: Path) -> None:
    value = f"correct {samples.text(9, 1)} battery {samples.text(9, 2)}"
    (tree / "a.txt").write_text(f"we said {value} before\n")
    assert not again(tree).findings
    assert again(tree).unchanged == 3
    key = b"k" * 32
    own.write(
        table(
            key,
            [
                Entry(
                    "mine",
                    "note",
                    rows_of(key, value.encode(), random.Random(1).randrange, made=True),
                )
            ],
        )
    )
    assert [each.own for each in again(tree).findings] == ["mine"]


def test_a_lone_value_is_paired_with_an_id_that_comes_later(tree: Path) -> None:
    (tree / "s3").write_text(samples.aws_secret(9))
    assert not again(tree).findings
    assert not again(tree).findings
    (tree / "id").write_text(samples.aws_key_id(5))
    assert samples.aws_secret(9).encode() in {each.value for each in again(tree).findings}


def test_workers_tell_what_is_clean_too(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_ALONE_FILES", 0)
    monkeypatch.setattr(scanning, "_BATCH_FILES", 2)
    for number in range(9):
        (tree / f"{number}").write_bytes(CLEAN)
    again(tree, jobs=2)
    assert again(tree, jobs=2).unchanged == 12


def test_a_large_file_is_remembered_too(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credguard.sources.files.WHOLE", 40)
    again(tree)
    assert again(tree).unchanged == 3
    _in_place(tree / "sub/c.txt")
    assert len(again(tree).findings) == 1


def _damaged(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def _open_to_others(file: Path) -> None:
    file.chmod(0o644)


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [_damaged, _cut, _open_to_others, _a_pipe, _a_folder])
def test_keys_that_cannot_be_trusted_are_none(tree: Path, harm: Callable[[Path], None]) -> None:
    again(tree)
    harm(Path(paths.cache_dir(), remembered.FILE))
    assert again(tree).unchanged == 0


def test_no_path_and_no_content_is_kept(tree: Path) -> None:
    again(tree)
    kept = Path(paths.cache_dir(), remembered.FILE)
    assert kept.stat().st_mode & 0o777 == 0o600
    data = kept.read_bytes()
    assert b"b.txt" not in data
    assert CLEAN[:10] not in data
    assert len(data) == len(remembered._MARK) + 4 * remembered.SIZE


def test_so_many_are_remembered_the_last_ones_first(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    again(tree / "sub")
    assert again(tree / "sub").unchanged == 2
    again(tree / "a.txt")
    assert again(tree / "a.txt").unchanged == 1
    assert again(tree / "sub").unchanged == 1


def test_remembering_changes_nothing_of_what_is_found(tmp_path: Path) -> None:
    """Random edits of a tree: after each a scan that remembers finds what a plain one finds."""
    generator = random.Random(4)
    contents = (CLEAN, SECRET, samples.aws_key_id(7).encode(), b"", b"\x1f\x8b", SECRET[:-3])
    names = [f"{folder}/{name}" for folder in "ab" for name in ("x", "key", "y.txt")]
    top = tmp_path / "tree"
    for _ in range(60):
        path = top / generator.choice(names)
        path.parent.mkdir(parents=True, exist_ok=True)
        if generator.random() < 0.2 and path.exists():
            path.unlink()
        else:
            path.write_bytes(generator.choice(contents))
        plain = scan_paths([str(top)], Options(MEDIUM, jobs=1))
        result = again(top)
        assert [(e.path, e.line, e.title) for e in result.findings] == [
            (e.path, e.line, e.title) for e in plain.findings
        ]
        assert (result.problems, result.scanned) == (plain.problems, plain.scanned)


@pytest.mark.parametrize("kind", ["", "nfs4", "9p", "vfat"])
def test_where_a_change_may_leave_no_trace_nothing_is_remembered(
    tree: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(remembered, "_LOCAL_DEVICES", {})
    monkeypatch.setattr(remembered.sys, "platform", "linux")
    monkeypatch.setattr(remembered.mounts._MOUNTS, "_all", {"/": kind})
    monkeypatch.setattr(remembered.mounts._MOUNTS, "_read", True)
    monkeypatch.setattr(remembered.mounts._MOUNTS, "_changes", None)
    again(tree)
    assert again(tree).unchanged == 0
