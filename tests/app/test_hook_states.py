"""The states of installed hooks where a file system does not answer, or a file is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import hook, hookstates
from credguard.app.context import Context
from credguard.report.overview import UNREAD
from credguard.sources import mounts
from credguard.store.hooks import installed
from tests.support import deaf_mount


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two repositories with hooks."""
    found = (tmp_path / "near", tmp_path / "far" / "deep")
    for each in found:
        subprocess.run(["git", "init", "-q", each], check=True)
        hook.install(Context(), str(each), global_=False)
    return found


def credguard(*words: str) -> list[str]:
    return [sys.executable, "-m", "credguard", *words]


def test_a_repository_on_a_dead_mount_keeps_no_other_from_being_told(
    two: tuple[Path, Path],
) -> None:
    near, far = two
    mounted = deaf_mount.command("hang", far.parent)
    done = subprocess.run(
        [*mounted, *credguard("status", "--json")], capture_output=True, text=True, timeout=60
    )
    assert {row["repository"]: row["state"] for row in json.loads(done.stdout)["hooks"]} == {
        str(near): "installed", str(far): UNREAD,
    }  # fmt: skip
    assert done.returncode == 2
    assert f"the hooks in {far} could not be read" in done.stderr
    assert "findmnt" in done.stderr


def test_one_that_cannot_even_be_left_by_force_is_asked_once(two: tuple[Path, Path]) -> None:
    """As in `status --watch`, which would leave one more process behind with every picture."""
    near, far = two
    code = (
        "import json, os, sys\n"
        "from credguard.app import hookstates\n"
        "from credguard.app.context import Context\n"
        "for _ in range(3): print(json.dumps(hookstates.states(Context())))\n"
        "parents = [open(f'/proc/{each}/stat').read().split()[3]"
        " for each in os.listdir('/proc') if each.isdecimal()]\n"
        "print(parents.count(str(os.getpid())))\n"
    )
    mounted = deaf_mount.command("deaf", far.parent)
    done = subprocess.run(
        [*mounted, sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    *pictures, children = done.stdout.splitlines()
    wanted = [[str(near), "installed"], [str(far), UNREAD]]
    assert [json.loads(each) for each in pictures] == [wanted] * 3
    assert (children, done.stderr, done.returncode) == ("1", "", 0)


def test_a_mount_that_answers_is_read_by_another_process(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most network file systems do answer."""
    near, far = two
    table = tmp_path / "mountinfo"
    table.write_text(f"22 1 8:1 / / rw - ext4 a rw\n24 22 0:6 / {far.parent} rw - nfs4 b rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", mounts.Mounts(str(table)))
    (far / ".git" / "hooks" / "pre-commit").unlink()
    found = hookstates.states(Context())
    assert found == [(str(near), "installed"), (str(far), "partly")]
    assert list(hookstates._children) == [str(far.parent)]


@pytest.mark.parametrize("name", ["config", "commondir", "config.worktree", "hooks/pre-commit"])
def test_a_pipe_in_a_files_place_is_not_waited_for(two: tuple[Path, Path], name: str) -> None:
    near, far = two
    place = near / ".git" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    wanted = {"hooks/pre-commit": "partly", "commondir": "installed"}
    assert dict(hookstates.states(Context())) == {
        str(near): wanted.get(name, UNREAD), str(far): "installed",
    }  # fmt: skip


def test_a_folder_that_cannot_be_read_is_said_to_be_so(two: tuple[Path, Path]) -> None:
    near, far = two
    config = near / ".git" / "config"
    config.unlink()
    config.mkdir()  # as one without the right to read it, for root too
    assert dict(hookstates.states(Context())) == {
        str(near): UNREAD, str(far): "installed",
    }  # fmt: skip


def test_a_file_of_zeros_as_a_crash_leaves_it_is_told_and_no_bug(two: tuple[Path, Path]) -> None:
    near, far = two
    (near / ".git" / "commondir").write_bytes(bytes(20))
    done = subprocess.run(credguard("status", "--json"), capture_output=True, text=True, timeout=60)
    assert {row["repository"]: row["state"] for row in json.loads(done.stdout)["hooks"]} == {
        str(near): UNREAD, str(far): "installed",
    }  # fmt: skip
    assert "Traceback" not in done.stderr
    (row,) = [each for each in installed(Context().db) if each.repository.startswith(str(near))]
    assert hookstates.state_of(row) == UNREAD
