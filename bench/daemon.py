"""The background service: how soon a secret is told, bursts, what it costs at rest, how it starts.

Run, after ./install.sh --test: .venv-dev/bin/python bench/daemon.py [latency] [flood] [burst]
[idle] [start] [--folder DIR]. The real service, a real session bus with a notification service
on it, and a home of its own below DIR. CPU and memory are those of the service's process, from
/proc.
"""

import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import samples  # noqa: E402

GAP_S = 10.5  # the service leaves ten seconds between two notifications
TICK = os.sysconf("SC_CLK_TCK")
FLOOD = """
import os, sys, time
top, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
os.makedirs(top)
start, made = time.monotonic(), 0
body = b"a line of text without anything in it\\n" * 8
while (past := time.monotonic() - start) < seconds:
    due = int(past * rate)
    while made < due:
        file = os.open(f"{top}/{made}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, body)
        os.close(file)
        made += 1
    time.sleep(0.001)
times = os.times()
print(made, round(times.user + times.system, 2))
"""
BUS = """
import asyncio, json, sys, time
from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
async def serve():
    bus = await MessageBus(bus_address=sys.argv[1]).connect()
    def handle(message):
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.member == "GetCapabilities":
            return Message.new_method_return(message, "as", [["body", "actions"]])
        if message.member == "Notify":
            print(json.dumps([time.time(), message.body[4]]), flush=True)
            return Message.new_method_return(message, "u", [1])
        return False
    bus.add_message_handler(handle)
    await bus.request_name("org.freedesktop.Notifications")
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(serve())
"""


class Bench:
    """A home, a bus, and the service between `start` and `stop`."""

    def __init__(self, folder: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="credguard-bench-", dir=folder))
        self.tree = self.home / "src"
        self.tree.mkdir()
        address = f"unix:path={self.home}/bus"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GIT_", "XDG_"))},
            "HOME": str(self.home),
            "DBUS_SESSION_BUS_ADDRESS": address,
        }
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address", "--address", address],
            stdout=subprocess.PIPE,
        )
        assert self.bus.stdout is not None
        self.bus.stdout.readline()
        self.shown = self.home / "shown"
        self.desktop = subprocess.Popen(
            [sys.executable, "-I", "-c", BUS, address], stdout=self.shown.open("wb")
        )
        until(lambda: "ready" in self.shown.read_text())
        self.credguard("config", "set", "watch.hooks", "off")
        self.credguard("watch", "add", str(self.tree))
        self.process: subprocess.Popen[bytes] | None = None

    def credguard(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "credguard", *args],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def start(self) -> tuple[float, float]:
        """Start the service; seconds until it is ready, and until everything was looked at."""
        log = self.home / ".local/state/credguard/credguard.log"
        before = log.read_text().count("every watched file was looked at") if log.exists() else 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(f"{self.home}/notify")
            begun = time.monotonic()
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "credguard", "daemon", "run"],
                env={**self.environment, "NOTIFY_SOCKET": f"{self.home}/notify"},
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
            )
            ready.recv(100)
            took = time.monotonic() - begun
        os.unlink(f"{self.home}/notify")
        until(lambda: log.read_text().count("every watched file was looked at") > before, 600)
        return took, time.monotonic() - begun

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def close(self) -> None:
        self.stop()
        for process in (self.desktop, self.bus):
            process.kill()
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def told(self, name: str) -> float | None:
        """When a notification that names the file came, Unix seconds."""
        for line in self.shown.read_text().splitlines():
            if line.startswith("[") and name in line:
                return float(json.loads(line)[0])
        return None

    def found(self) -> set[str]:
        import sqlite3

        file = self.home / ".local/state/credguard/state.db"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as connection:
            rows = connection.execute("SELECT DISTINCT path FROM finding WHERE state = 'open'")
            return {row[0] for row in rows}

    def memory_mb(self, what: str = "VmRSS") -> float:
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split(what + ":")[1].split()[0]) / 1024

    def cpu_s(self) -> float:
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def until(condition: Callable[[], bool], deadline_s: float = 120) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            sys.exit("it did not come true in time")
        time.sleep(0.005)


def leak(file: Path, seed: int) -> float:
    """Write a file with a secret; when it was closed."""
    file.write_text(f"aws_secret_access_key = {samples.aws_secret(seed)}\n")
    return time.time()


def latency(bench: Bench, rounds: int = 9) -> None:
    bench.start()
    waits = []
    for number in range(rounds):
        name = f"quiet-{number}.env"
        closed = leak(bench.tree / name, 1000 + number)
        until(lambda name=name: bench.told(name) is not None)  # type: ignore[misc]
        waits.append((bench.told(name) or 0) - closed)
        time.sleep(GAP_S)
    print(f"quiet: close to notification, {rounds} times: {shown(waits)}")


def flood(bench: Bench, rounds: int = 3) -> None:
    bench.start()
    waits, stored = [], []
    for number in range(rounds):
        generator = subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(bench.tree / f"flood{number}"), "10000", "10"],
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(4)
        (bench.tree / "beside").mkdir(exist_ok=True)
        file = bench.tree / "beside" / f"flood-{number}.env"
        closed = leak(file, 2000 + number)
        until(lambda file=file: str(file) in bench.found())  # type: ignore[misc]
        stored.append(time.time() - closed)
        until(lambda file=file: bench.told(file.name) is not None)  # type: ignore[misc]
        waits.append((bench.told(file.name) or 0) - closed)
        said = generator.communicate()[0].split()
        print(f"flood {number}: {said[0]} files in 10 s, the generator's CPU {said[1]} s")
        time.sleep(GAP_S)
    print(f"under 10,000 files a second: close to notification: {shown(waits)}")
    print(f"  and to its place in the store: {shown(stored)}")


def shown(waits: list[float]) -> str:
    ms = sorted(round(wait * 1000) for wait in waits)
    return f"median {statistics.median(ms):.0f} ms, all {ms}"


def burst(bench: Bench, files: int = 100_000, secrets: int = 200) -> None:
    bench.start()
    top = bench.tree / "burst"
    top.mkdir()
    chosen = set(random.Random(7).sample(range(files), secrets))
    body = b"a line of text without anything in it\n" * 8
    wanted = set()
    begun, cpu = time.monotonic(), bench.cpu_s()
    for number in range(files):
        folder = top / str(number // 1000)
        if number % 1000 == 0:
            folder.mkdir()
        file = folder / str(number)
        if number in chosen:
            leak(file, 10_000 + number)
            wanted.add(str(file))
        else:
            file.write_bytes(body)
    made = time.monotonic() - begun
    until(lambda: wanted <= bench.found(), 300)
    took = time.monotonic() - begun
    print(
        f"burst: {files} files made in {made:.1f} s; all {secrets} secrets found"
        f" {took - made:.1f} s after the last ({took:.1f} s after the first); peak memory"
        f" {bench.memory_mb('VmHWM'):.0f} MB, CPU {bench.cpu_s() - cpu:.1f} s"
    )


def idle(bench: Bench, folders: int = 10_000, seconds: float = 60) -> None:
    for number in range(folders):
        folder = bench.tree / f"part{number // 100}" / str(number)
        folder.mkdir(parents=True)
        for name in range(20):
            (folder / f"{name}.txt").write_text(f"line {number} {name}\n" * 5)
    _, looked = bench.start()
    print(f"idle: the first look over {folders * 20} files took {looked:.1f} s")
    time.sleep(5)
    cpu = bench.cpu_s()
    time.sleep(seconds)
    share = (bench.cpu_s() - cpu) / seconds * 100
    print(
        f"idle over {folders * 20} files in {folders} folders: {bench.memory_mb():.0f} MB"
        f" (peak {bench.memory_mb('VmHWM'):.0f} MB), {share:.2f} % CPU over {seconds:.0f} s"
    )


def start(bench: Bench, repositories: int = 50) -> None:
    bench.start()  # the rules are compiled once, after an install
    bench.stop()
    for number in range(repositories):
        top = bench.tree / f"repository{number}"
        top.mkdir()
        for name in range(100):
            (top / f"{name}.py").write_text(f"print({name})\n")
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
            who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
            subprocess.run(["git", "-C", top, *who, *command], check=True)
    took = []
    for _ in range(3):
        took.append(bench.start())
        bench.stop()
    ready = ", ".join(f"{each[0]:.2f}" for each in took)
    all_ = ", ".join(f"{each[1]:.2f}" for each in took)
    print(f"start with {repositories} repositories: ready after {ready} s; all seen after {all_} s")


def main() -> None:
    args = sys.argv[1:]
    folder = tempfile.gettempdir()
    if "--folder" in args:
        at = args.index("--folder")
        folder = args[at + 1]
        del args[at : at + 2]
    print(f"load average at the start: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    for name in args or ["latency", "flood", "burst", "idle", "start"]:
        bench = Bench(folder)
        try:
            {"latency": latency, "flood": flood, "burst": burst, "idle": idle, "start": start}[
                name
            ](bench)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
