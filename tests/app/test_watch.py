from pathlib import Path

import pytest

from credguard.app import watch
from credguard.app.context import Context
from credguard.errors import CredguardError


def test_a_symlink_is_watched_by_its_target_and_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "file").touch()
    assert watch.add(Context(), str(tmp_path / "link")) == str((tmp_path / "d").resolve())
    for path in (str(tmp_path / "file"), "/"):
        with pytest.raises(CredguardError):
            watch.add(Context(), path)
