"""The service through hours and hard times: killed at random, stopped, thousands of repositories.

A day passes in ten minutes in the last one, with a clock that runs 144 times as fast.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from credguard.app import watch
from credguard.app.context import Context
from tests.support import daemon as support
from tests.support.daemon import leak, log, open_paths, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_rules")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    watch.add(Context(), str(tree))
    return tree


@pytest.mark.timeout(600)
def test_killed_at_random_it_loses_nothing_and_stores_nothing_twice(tree: Path) -> None:
    chance, wanted = random.Random(11), set()
    for round_ in range(12):
        process = support.start()
        for number in range(20):
            folder = tree / f"{round_}" / f"{number % 4}"
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{number}.env"
            file.write_text(leak(round_ * 100 + number))
            wanted.add(str(file))
            time.sleep(chance.random() * 0.05)
        time.sleep(chance.random())
        process.kill()
        process.wait()
    last = support.start()
    until(lambda: open_paths() == wanted, 120)
    until(support.all_told, 120)
    assert support.stop(last) == b""


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is read from /proc")
def test_stopped_for_a_minute_it_catches_up(tree: Path) -> None:
    process = support.start()
    until(lambda: "every watched file was looked at" in log())
    process.send_signal(signal.SIGSTOP)
    until(lambda: ") T " in Path(f"/proc/{process.pid}/stat").read_text())
    for number in range(20_000):
        (tree / str(number)).write_text("a line\n")
    wanted = set()
    for number in range(0, 20_000, 500):
        (tree / str(number)).write_text(leak(number))
        wanted.add(str(tree / str(number)))
    time.sleep(60)
    process.send_signal(signal.SIGCONT)
    until(lambda: open_paths() == wanted, 120)
    assert support.stop(process) == b""


def memory_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_five_thousand_repositories(tree: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    subprocess.run(["git", "init", "-q", "--template=", made], check=True)
    (made / "a.py").write_text("a = 1\n")
    for command in (("add", "."), ("commit", "-qm", "x")):
        subprocess.run(["git", "-C", made, *command], check=True)
    for number in range(5000):
        # Links: what git writes anew it does beside the old, and copies take minutes.
        shutil.copytree(made, tree / f"{number // 100}" / f"{number}", copy_function=os.link)
    leaky = tree / "49" / "4999" / "b.env"
    leaky.write_text(leak(1))
    process = support.start()
    until(lambda: "every watched file was looked at" in log(), 900)
    assert open_paths() == {str(leaky)}
    (tree / "0" / "7" / "c.env").write_text(leak(2))
    until(lambda: str(tree / "0" / "7" / "c.env") in open_paths(), 120)
    assert memory_mb(process.pid) < 150
    assert support.stop(process) == b""


FAST = """
import runpy, sys, time
real_wall, real_monotonic, begun = time.time, time.monotonic, time.time()
start = real_monotonic()
time.time = lambda: begun + (real_monotonic() - start) * 144
time.monotonic = lambda: start + (real_monotonic() - start) * 144
sys.argv = ["credguard", "daemon", "run"]
runpy.run_module("credguard", run_name="__main__")
"""


def held(pid: int) -> tuple[float, int, int]:
    """Memory, descriptors, threads."""
    return (
        memory_mb(pid),
        len(os.listdir(f"/proc/{pid}/fd")),
        len(os.listdir(f"/proc/{pid}/task")),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="what it holds is read from /proc")
@pytest.mark.timeout(1200)
def test_a_day_in_ten_minutes_leaves_nothing_behind(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", FAST], stderr=subprocess.PIPE, cwd=tmp_path
    )
    try:
        until(lambda: "every watched file was looked at" in log(), 60)
        subprocess.run(["git", "init", "-q", tree / "r"], check=True)
        samples: list[tuple[float, int, int]] = []
        end, round_ = time.monotonic() + 600, 0
        while time.monotonic() < end:
            work(tree, round_)
            round_ += 1
            time.sleep(0.2)
            if round_ % 50 == 0:
                samples.append(held(process.pid))
        early = samples[len(samples) // 5 : 2 * len(samples) // 5]
        late = samples[-len(samples) // 5 :]
        print("held early:", early[0], "late:", late[-1], "rounds:", round_)
        assert max(s[0] for s in late) < max(s[0] for s in early) + 8
        assert max(s[1] for s in late) <= max(s[1] for s in early) + 2
        assert max(s[2] for s in late) <= max(s[2] for s in early)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert said == b""


def work(tree: Path, round_: int) -> None:
    """What a person and their tools do: files with and without secrets, folders, commits."""
    folder = tree / "r" / f"d{round_ % 40}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.py").write_text(f"a = {round_}\n" * 20)
    (folder / "settings.env").write_text(leak(round_ % 97))
    (folder / "0.py").rename(folder / "moved.py")
    if round_ % 10 == 0:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        for command in (["add", "-A"], ["commit", "-qnm", str(round_)]):
            subprocess.run(["git", "-C", tree / "r", *who, *command], check=True)
