import os
from pathlib import Path

import pytest

from credguard.errors import ConfigError
from credguard.scan.model import MEDIUM, Finding
from credguard.sources.settings import Settings, root_of

HIDE = '[allow]\nrules = ["r"]\n'


def hidden(path: Path) -> str:
    found = Finding(os.fsencode(path), 1, 1, 1, "r", "t", MEDIUM, b"value")
    Settings().judge([found], b"value", os.fsencode(path))
    return found.allowed


def test_in_a_repository_its_top_is_the_end(tmp_path: Path) -> None:
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    (tmp_path / "repo" / ".git").touch()  # a file, as in a linked worktree
    (tmp_path / ".credguard.toml").write_text(HIDE)
    assert hidden(tmp_path / "repo" / "a" / "b" / "f") == ""
    (tmp_path / "repo" / "a" / ".credguard.toml").write_text(HIDE)
    assert hidden(tmp_path / "repo" / "a" / "b" / "f") == "a/.credguard.toml: rule r"
    assert hidden(tmp_path / "repo" / "f") == ""


def test_outside_of_one_only_folders_of_ours_alone_count(tmp_path: Path) -> None:
    below = tmp_path / "open" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "open" / ".credguard.toml").write_text(HIDE)
    assert hidden(below / "f").endswith("open/.credguard.toml: rule r")
    (tmp_path / "open").chmod(0o777)
    assert hidden(below / "f") == ""
    assert root_of(os.fsencode(below)) == os.fsencode(tmp_path / "open" / "a")


def test_a_member_of_an_archive_has_the_archives_settings_and_no_marks(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".credguard.toml").write_text('[allow]\npaths = ["x.zip!lib/"]\n')
    place = os.fsencode(tmp_path / "x.zip")
    found = [
        Finding(path, 1, 1, 1, "q", "t", MEDIUM, b"value")
        for path in (b"x.zip", b"x.zip!lib/a", b"x.zip!src/a")
    ]
    Settings().judge(found, b"# credguard:allow", place)
    assert [bool(each.allowed) for each in found] == [True, True, False]


@pytest.mark.parametrize("make", ["folder", "fifo", "binary", "huge"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: str) -> None:
    file = tmp_path / ".credguard.toml"
    if make == "folder":
        file.mkdir()
    elif make == "fifo":
        os.mkfifo(file)
    else:
        file.write_bytes(b"\xff" if make == "binary" else b"#" * (1 << 21))
    if make == "fifo":  # empty, and no wait for a writer
        assert hidden(tmp_path / "f") == ""
        return
    with pytest.raises(ConfigError) as caught:
        hidden(tmp_path / "f")
    assert str(file) in str(caught.value)
