"""What the service does while its state database is damaged, deleted, or damaged once more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import rebuilding, watch
from credguard.app.context import Context
from credguard.app.status import status
from tests.support import daemon as support
from tests.support.daemon import leak, log, open_paths, until
from tests.support.desktop import Desktop

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    watch.add(Context(), str(tree))
    return tree


@pytest.fixture
def daemon(tree: Path) -> subprocess.Popen[bytes]:
    process = support.start()
    until(lambda: "every watched file was looked at" in log())
    return process


def overwrite(name: str, at: int = 0, size: int = 1 << 30) -> None:
    """Over what is there only: SQLite has mapped -shm, and a mapped file that gets shorter is
    SIGBUS.
    """
    file = Path(paths.database_file() + name)
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"x" * min(size, file.stat().st_size - at))


def damaged_files() -> list[str]:
    return [name for name in os.listdir(paths.state_dir()) if "damaged" in name]


def test_a_database_of_which_nothing_is_left_is_made_anew_and_told(
    desktop: Desktop, tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    for name in ("", "-wal", "-shm"):
        overwrite(name)
    (tree / "env").write_text(leak())
    until(lambda: len(desktop.shown()) > 0)
    title, body = desktop.shown()[0]
    assert title == rebuilding.TITLE
    assert "credguard vault recover" in body
    assert len(damaged_files()) == 2  # with its log
    assert status(Context()).problems[0].subject == rebuilding.SUBJECT
    watch.add(Context(), str(tree))
    until(lambda: str(tree / "env") in open_paths())
    assert support.stop(daemon) == b""


def test_a_database_that_was_deleted_is_made_anew_from_its_log_and_told(
    desktop: Desktop, tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    Context().db.execute("VACUUM")  # every page is in the log
    Path(paths.database_file()).unlink()
    until(lambda: rebuilding.TITLE in [title for title, _ in desktop.shown()])
    (tree / "env").write_text(leak())
    until(lambda: str(tree / "env") in open_paths())  # it still knows what to watch
    assert len(damaged_files()) == 2
    assert support.stop(daemon) == b""


def test_one_that_is_damaged_again_and_again_is_told_once_and_the_service_ends(
    desktop: Desktop, tree: Path
) -> None:
    Context().db.close()
    for _ in range(rebuilding.MOST):
        overwrite("")
        rebuilding.rebuild(Context())
    before = damaged_files()
    overwrite("")
    for _ in range(2):  # as a service manager starts it again
        done = subprocess.run(
            [sys.executable, "-m", "credguard", "daemon", "run"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert "3 times within a day" in done.stderr
        assert "credguard vault recover" in done.stderr
    assert [title for title, _ in desktop.shown()] == [rebuilding.TITLE]
    assert "smartctl" in desktop.shown()[0][1]
    assert damaged_files() == before


def test_one_found_damaged_in_one_place_at_the_start_keeps_the_rest(
    desktop: Desktop, tree: Path
) -> None:
    connection = Context().db
    (page,) = connection.execute("SELECT pageno FROM dbstat WHERE name = 'finding'").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    overwrite("", (page - 1) * 4096, 4096)
    (tree / "env").write_text(leak())
    process = support.start()
    until(lambda: any(title.startswith(rebuilding.TITLE) for title, _ in desktop.shown()))
    until(lambda: str(tree / "env") in open_paths())
    assert damaged_files()
    assert support.stop(process) == b""
