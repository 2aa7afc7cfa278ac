"""What handing out credentials costs: whole processes, medians, beside bare Python.

Run, after ./install.sh --test: .venv-dev/bin/python bench/credential_process.py [ROUNDS [IDLE]].
IDLE: seconds over which the idle agent's CPU is measured, 300 by default; 0 leaves it out.
Everything happens in a throw-away home with a real keyring, where gnome-keyring is installed.
"""

import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from credguard import paths  # noqa: E402
from credguard.app import keys  # noqa: E402
from credguard.demo import simulator as local_aws  # noqa: E402
from credguard.ipc import calls, client  # noqa: E402
from credguard.secret import Secret  # noqa: E402
from tests.support.faults import FaultProxy  # noqa: E402
from tests.support.keyring_session import MISSING, KeyringSession  # noqa: E402
from tests.support.simulator import Simulator  # noqa: E402

PARALLEL = 200
WARM, COLD, BARE, MOST_MB, MOST_CPU = "warm agent", "no agent", "python -I -S -c pass", 45, 0.1


def credguard(*arguments: str, stdin: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *arguments],
        input=stdin, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"credguard {arguments[0]} gave {done.returncode}: {done.stderr}")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "credguard", *arguments],
        stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    while not client.alive(paths.agent_socket()):
        if process.poll() is not None:
            sys.exit(f"credguard {' '.join(arguments)} ended")
        time.sleep(0.02)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def medians_ms(commands: list[list[str]], rounds: int) -> list[float]:
    """Of each command; they take turns, so that a busy moment hits them alike."""
    times: list[list[float]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for command, taken in zip(commands, times, strict=True):
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode:
                sys.exit(f"{command} gave {done.returncode}: {done.stderr.decode()[-300:]}")
            if number:
                taken.append((time.perf_counter() - began) * 1000)
    return [statistics.median(taken) for taken in times]


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def verdict(good: bool) -> str:
    return "reached" if good else "MISSED"


def parallel(command: list[str], proxy: FaultProxy) -> None:
    """200 processes at once ask an agent that holds nothing."""
    calls.lock()
    before, fetched = proxy.count(), int(str(calls.status()["fetches"]))
    began = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        done = list(
            pool.map(
                lambda _: subprocess.run(command, capture_output=True, check=False), range(PARALLEL)
            )
        )
    took = time.perf_counter() - began
    answered = sum(each.returncode == 0 for each in done)
    same = len({each.stdout for each in done})
    fetches = int(str(calls.status()["fetches"])) - fetched
    requests = proxy.count() - before
    good = answered == PARALLEL and same == fetches == requests == 1
    print(
        f"  {PARALLEL} in parallel, cold: {answered} answered, {same} answer(s),"
        f" {fetches} fetch(es), {requests} STS request(s), {took:.1f} s: {verdict(good)}"
    )


def idle(name: str, process: subprocess.Popen[bytes], seconds: int) -> None:
    before = cpu_s(process.pid)
    time.sleep(seconds)
    used = (cpu_s(process.pid) - before) / seconds * 100
    size = resident_mb(process.pid)
    print(
        f"  {name}: {size:.1f} MB resident: {verdict(size < MOST_MB)};"
        f" {used:.3f} % CPU over {seconds} s: {verdict(used < MOST_CPU)}"
    )


def measure(rounds: int, idle_s: int) -> None:
    server = local_aws.start()
    key_id, secret = local_aws.seed_user(server.url, "dev")
    proxy = FaultProxy(Simulator(server.url, "dev", key_id, Secret(secret)))
    os.environ["AWS_ENDPOINT_URL"] = proxy.url
    credguard("add", "work", stdin=f"{key_id}\n{secret}\n")
    command = shlex.split(keys.command("work"))
    (cold,) = medians_ms([command], min(rounds, 10))
    agent = start("agent", "run")
    bare, warm = medians_ms([[sys.executable, "-I", "-S", "-c", "pass"], command], rounds)
    print(f"  {BARE:24}{bare:8.1f} ms")
    print(f"  {WARM:24}{warm:8.1f} ms  {warm / bare:.2f} x: {verdict(warm <= 2.5 * bare)}")
    print(f"  {COLD:24}{cold:8.1f} ms: {verdict(cold < 400)}")
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "credguard_session = true\n")
    parallel(command, proxy)
    print(f"  after that: {resident_mb(agent.pid):.1f} MB resident")
    if idle_s:
        idle("agent alone, idle", agent, idle_s)
    end(agent)
    service = start("daemon", "run")
    subprocess.run(command, capture_output=True, check=True)
    if idle_s:
        time.sleep(5)  # its start, and the look for due keys
        idle("service with the agent, idle", service, idle_s)
    end(service)
    proxy.close()
    server.stop()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    idle_s = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    for name in list(os.environ):
        if name.startswith(("AWS_", "CREDGUARD_", "XDG_")):
            del os.environ[name]
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        (home / "run").mkdir(mode=0o700)
        os.environ |= {
            "HOME": made,
            "XDG_RUNTIME_DIR": str(home / "run"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        session = None
        backend = "keyring:secretservice"
        if MISSING:
            print(f"without the real keyring, since there is no {MISSING[0]}")
            backend = "file"
            (home / "passphrase").write_text("correct horse battery")
            (home / "passphrase").chmod(0o600)
            os.environ["CREDGUARD_PASSPHRASE_FILE"] = str(home / "passphrase")
        else:
            session = KeyringSession(home)
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = session.address
        try:
            credguard("config", "set", "vault.backend", backend)
            print(f"credential_process, vault {backend}:")
            measure(rounds, idle_s)
        finally:
            if session is not None:
                session.close()


if __name__ == "__main__":
    main()
