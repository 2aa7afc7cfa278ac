"""While a damaged database is read, too little of something else is not taken for more damage."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.errors import StoreError
from credguard.store import db, salvage
from tests.store.test_salvage import damage, fill, kept_files, rebuild
from tests.support import scarce

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", scarce.KINDS)
def test_it_stops_and_says_so_and_changes_nothing(kind: str) -> None:
    fill()
    damage("finding")
    command = [sys.executable, "-m", "tests.support.scarce", kind]
    if kind == "disk":
        own = ["unshare", "--user", "--map-root-user", "--mount"]
        if subprocess.run([*own, "true"], capture_output=True, timeout=20).returncode != 0:
            pytest.skip("*** NOT HERE, so a full disk is not tested: user namespaces")
        command = [*own, *command]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=_ROOT, env=os.environ
    )
    assert done.stderr == ""
    *failed, last = [line.partition(" ")[2].strip() for line in done.stdout.splitlines()]
    assert failed
    for said in failed:
        assert said.startswith("StoreError: cannot "), done.stdout
        assert "CHANGED" not in said
    rows, _, torn = last.removeprefix("rows ").partition(" torn ")
    assert torn == "finding"
    assert int(rows) > 600
    if kind != "disk":  # that one was only there for the process
        assert db.connect().execute("SELECT count(*) FROM event").fetchone()[0] == 400


def test_what_is_missing_for_the_damaged_one_alone_is_no_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where room comes back in the middle: then the new one could be written, and lack rows."""

    real = salvage._copy_logs

    def short(source: str, to: str) -> None:
        real(source, to)
        if to.endswith("-read"):
            # SQLite cannot make its shared memory beside the copy: SQLITE_CANTOPEN.
            os.symlink("/absent/folder/file", to + "-shm")

    fill()
    was = damage("finding")
    before = {*kept_files(), "state.db.lock"}
    with monkeypatch.context() as patch:
        patch.setattr(salvage, "_copy_logs", short)
        with pytest.raises(StoreError, match="unable to open") as caught:
            rebuild()
    assert "nothing was changed" in caught.value.hint
    assert set(kept_files()) <= before
    assert Path(paths.database_file()).read_bytes() == was
    assert rebuild().torn == {"finding"}
