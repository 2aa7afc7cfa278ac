"""What happens to watched folders and to the daemon itself: the real daemon over real files."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import watch
from credguard.app.context import Context
from credguard.app.status import daemon_state, status
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


def test_a_folder_moved_out_and_back_is_found_again(
    tree: Path, tmp_path: Path, daemon: subprocess.Popen[bytes]
) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    file = tree / "a" / "b" / "env"
    file.write_text(leak())
    until(lambda: str(file) in open_paths())
    (tree / "a").rename(tmp_path / "out")
    until(lambda: open_paths() == set())
    (tmp_path / "out").rename(tree / "a")
    until(lambda: str(file) in open_paths())


def test_a_root_moved_away_and_made_again_at_once_is_watched(
    tree: Path, tmp_path: Path, daemon: subprocess.Popen[bytes]
) -> None:
    tree.rename(tmp_path / "old")
    tree.mkdir()
    (tree / "before").write_text(leak(1))
    until(lambda: str(tree / "before") in open_paths())
    (tree / "after").write_text(leak(2))
    until(lambda: str(tree / "after") in open_paths())
    shutil.rmtree(tree)
    until(lambda: open_paths() == set())


def test_a_root_inside_another_is_taken_off_and_stays_watched_by_the_other(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    (tree / "in").mkdir()
    watch.add(Context(), str(tree / "in"))
    until(lambda: f"watching {tree / 'in'}" in log())
    watch.remove(Context(), str(tree / "in"))
    until(lambda: f"no longer watched: {tree / 'in'}" in log())
    (tree / "in" / "env").write_text(leak())
    until(lambda: str(tree / "in" / "env") in open_paths())


def test_odd_names_and_kinds_of_files(
    tree: Path, tmp_path: Path, daemon: subprocess.Popen[bytes]
) -> None:
    os.mkfifo(tree / "fifo")
    (tree / "loop").symlink_to(tree)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tree / "s"))
    (tmp_path / "elsewhere").write_text(leak(1))
    os.link(tmp_path / "elsewhere", tree / "hard link")
    (tree / "line\nend\x1b[31m").write_text(leak(2))
    raw = os.fsdecode(os.fsencode(tree) + b"/\xff")
    with open(raw, "w") as file:
        file.write(leak(3))
    part = tree / ".env.tmp"
    part.write_text(leak(4))
    part.rename(tree / ".env")
    expected = {
        str(tree / "hard link"),
        str(tree / "line\nend\x1b[31m"),
        str(tree) + "/\\xff",
        str(tree / ".env"),
    }
    until(lambda: open_paths() == expected and support.all_told())
    assert not [line for line in log().splitlines() if not line.startswith("20")]
    support.stop(daemon)
    again = support.start()  # looks at everything, stored paths included
    until(lambda: log().count("every watched file was looked at") == 2)
    assert open_paths() == expected
    assert support.stop(again) == b""
    assert log().count("secret found") == 8  # two a file, none said twice


def test_what_happened_while_it_was_killed_is_caught_up(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    (tree / "gone").write_text(leak(1))
    until(lambda: str(tree / "gone") in open_paths())
    daemon.kill()
    daemon.wait()
    assert daemon_state() == "stopped"
    (tree / "gone").unlink()
    (tree / "new").write_text(leak(2))
    again = support.start()
    until(lambda: open_paths() == {str(tree / "new")})
    support.stop(again)


def test_a_file_that_grew_too_large_is_said_and_keeps_its_finding(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    file = tree / "env"
    file.write_text(leak())
    until(lambda: str(file) in open_paths())
    with open(file, "ab") as end:
        end.truncate(21_000_000)
        end.write(b"x")
    until(lambda: f"larger than watch.max_file_mb: {file}" in log())
    assert open_paths() == {str(file)}


def test_a_locked_database_is_survived_and_what_was_missed_is_found(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    holder = sqlite3.connect(paths.database_file(), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    (tree / "env").write_text(leak())
    until(lambda: "keeps it locked" in log())
    holder.execute("ROLLBACK")
    holder.close()
    until(lambda: str(tree / "env") in open_paths())
    assert support.stop(daemon) == b""


def test_too_few_watches_are_told_in_the_status_and_lose_nothing(tree: Path) -> None:
    for number in range(30):
        (tree / f"d{number}").mkdir()
    (tree / "d7" / "env").write_text(leak())
    # In a user namespace of its own, the limit of watches can be set for this daemon alone.
    limited = ("unshare", "--user", "--map-current-user", "sh", "-c")
    script = 'echo 10 >/proc/sys/user/max_inotify_watches && exec "$@"'
    probe = subprocess.run([*limited, script, "-", "true"], capture_output=True, timeout=20)
    if probe.returncode != 0:
        pytest.skip("*** NOT HERE, so the limit of watches is not tested: user namespaces")
    process = support.start(None, *limited, script, "-")
    until(lambda: "limit of inotify watches" in log())
    until(lambda: str(tree / "d7" / "env") in open_paths())
    until(lambda: [p.subject for p in status(Context()).problems] == ["watched folders"])
    support.stop(process)
    again = support.start()
    until(lambda: status(Context()).problems == [])
    support.stop(again)


@pytest.mark.parametrize("desktop", ["answer", "hang"], indirect=True)
def test_many_secrets_at_once_are_one_or_two_notifications(
    desktop: Desktop, tree: Path, request: pytest.FixtureRequest
) -> None:
    for number in range(40):
        (tree / str(number)).write_text(leak(number))
    process = support.start()
    until(lambda: len(open_paths()) == 40)
    until(lambda: len(desktop.shown()) == 1)
    said = support.stop(process)
    assert said == b""
    assert len(desktop.shown()) == 1


def test_a_package_in_the_working_folder_is_not_run(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "credguard").mkdir()
    (tmp_path / "credguard" / "__init__.py").write_text("open('ran', 'w')")
    process = support.start(tmp_path)
    until(lambda: status(Context()).last_tick is not None)
    support.stop(process)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_while_it_has_much_to_do(tree: Path, number: int) -> None:
    for folder in range(40):
        (tree / f"d{folder}").mkdir()
        for file in range(100):
            (tree / f"d{folder}" / str(file)).write_text("x" * 1000)
    process = support.start()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")


def test_a_log_that_cannot_be_opened_is_one_line(tree: Path) -> None:
    Path(paths.log_file()).mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "credguard", "daemon", "run"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("credguard: cannot open")


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_events_lost_by_the_kernel_are_made_up_for(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    (tree / "0").touch()
    daemon.send_signal(signal.SIGSTOP)
    until(lambda: ") T " in Path(f"/proc/{daemon.pid}/stat").read_text())
    for number in range(queue // 2 + 10):  # two events each
        (tree / str(number)).rename(tree / str(number + 1))
    (tree / "new").mkdir()
    (tree / "new" / "env").write_text(leak())
    daemon.send_signal(signal.SIGCONT)
    until(lambda: "looking at every watched file: events were lost" in log())
    until(lambda: str(tree / "new" / "env") in open_paths())
    assert support.stop(daemon) == b""


def in_own_namespace(*script: str) -> tuple[str, ...]:
    """A command that runs the daemon as root of its own users and mounts, after `script`."""
    own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    line = " && ".join([*script, 'exec "$@"'])
    probe = subprocess.run([*own, line, "-", "true"], capture_output=True, timeout=20)
    if probe.returncode != 0:
        pytest.skip("*** NOT HERE, so mounts are not tested: user namespaces")
    return (*own, line, "-")


def inside(process: subprocess.Popen[bytes], *command: str) -> None:
    """Run a command where that daemon is."""
    enter = ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(process.pid))
    subprocess.run([*enter, *command], check=True, timeout=20, capture_output=True)


def test_what_goes_away_with_its_file_system_is_not_taken_for_resolved(tree: Path) -> None:
    wrapper = in_own_namespace(f"mount -t tmpfs none {tree}", f"mkdir {tree}/deep")
    process = support.start(None, *wrapper)
    seen = Path(f"/proc/{process.pid}/root{tree}/deep/env")
    seen.write_text(leak())
    until(lambda: open_paths() == {f"{tree}/deep/env"})
    inside(process, "umount", "-l", str(tree))
    until(lambda: f"gone: {tree}" in log())
    (tree / "after").write_text(leak(2))  # in the folder that was beneath
    until(lambda: f"{tree}/after" in open_paths())
    assert open_paths() == {f"{tree}/deep/env", f"{tree}/after"}
    support.stop(process)


def test_a_disk_that_is_full_is_told_once_and_nothing_is_lost(tree: Path, desktop: Desktop) -> None:
    Context().db.close()
    state = paths.state_dir()
    wrapper = in_own_namespace(
        f"cp -a {state} {state}.before",
        f"mount -t tmpfs -o size=2m,mode=700 none {state}",
        f"cp -a {state}.before/. {state}/",
    )
    process = support.start(None, *wrapper)
    there = Path(f"/proc/{process.pid}/root{state}")
    with suppress(OSError), open(there / "fill", "wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    (tree / "env").write_text(leak())
    until(lambda: [title for title, _ in desktop.shown()] == ["credguard: the service cannot work"])
    (there / "fill").unlink()
    until(lambda: f"secret found: {tree}/env" in (there / "credguard.log").read_text())
    assert len(desktop.shown()) == 1
    support.stop(process)


def test_a_home_that_cannot_be_written_is_one_line(tree: Path, poisoned: Path) -> None:
    Context().db.close()
    wrapper = in_own_namespace(
        f"mount --bind {poisoned} {poisoned}", f"mount -o remount,bind,ro {poisoned}"
    )
    done = subprocess.run(
        [*wrapper, sys.executable, "-m", "credguard", "daemon", "run"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("credguard: cannot open")
    assert "Read-only file system" in done.stderr
    assert done.stderr.count("\n") == 2


def test_a_file_system_that_answers_nobody_is_left_out_and_said_so(
    tree: Path, tmp_path: Path
) -> None:
    (tree / "dead").mkdir()
    (tree / "a").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    watch.add(Context(), str(other))
    hang = f"{sys.executable} {Path(support.__file__).with_name('hang.py')}"
    inner = f'exec {hang} {tree}/dead {hang} {other} "$@"'
    own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inner, "-")
    probe = subprocess.run([*own, "true"], capture_output=True, timeout=20)
    if probe.returncode != 0:
        pytest.skip("*** NOT HERE, so a dead mount is not tested: FUSE in user namespaces")
    process = support.start(None, *own)
    until(lambda: "every watched file was looked at" in log())
    assert f"left out while on a network file system (fuse): {other}" in log()
    (tree / "a" / "env").write_text(leak())
    until(lambda: str(tree / "a" / "env") in open_paths())
    enter = ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(process.pid))
    done = subprocess.run(
        [*enter, sys.executable, "-m", "credguard", "status"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert f"without network folders: {tree}/dead" in " ".join(done.stdout.split())
    assert "left out: a network file system (fuse)" in " ".join(done.stdout.split())
    done = subprocess.run(
        [*enter, sys.executable, "-m", "credguard", "watch", "add", str(other)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "lies on a network file system (fuse)" in done.stderr
    assert support.stop(process) == b""
