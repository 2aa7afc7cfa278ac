"""What an audit costs: requests, time, CPU and memory of the whole process, beside Prowler's.

Run, after ./install.sh --test: .venv-dev/bin/python bench/audit.py [ACCOUNTS [PROWLER]].
ACCOUNTS: how many are audited by one process, 100 by default. PROWLER: the program, in an
environment of its own (pip install prowler==5.46.0); without it that part is left out.
The simulator runs in this process, on the same cores; its share of the time is in the wall clock.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from credguard import config as settings  # noqa: E402
from credguard.app import keys  # noqa: E402
from credguard.app.context import Context  # noqa: E402
from credguard.audit.table import CHECKS  # noqa: E402
from credguard.demo import simulator as local_aws  # noqa: E402
from credguard.report.audit import from_json  # noqa: E402
from credguard.secret import Secret  # noqa: E402
from tests.support import audit_seeds  # noqa: E402
from tests.support.audited import REGION, Account  # noqa: E402
from tests.support.simulator import Simulator  # noqa: E402

# S3 Control puts the account's number before the host, and no resolver here knows such a name.
NEAR = """
import socket, sys
resolve = socket.getaddrinfo
def near(host, *rest, **more):
    known = isinstance(host, str) and host.endswith((".127.0.0.1", ".localhost"))
    return resolve("127.0.0.1" if known else host, *rest, **more)
socket.getaddrinfo = near
"""
AUDIT = NEAR + "from credguard.cli.main import main\nsys.argv[0] = 'credguard'\nmain()"
MANY = (
    NEAR
    + """
import resource
from credguard.app.audit import run
from credguard.app.context import Context
from credguard.aws import sts
from credguard.aws.model import Credentials
from credguard.secret import Secret
from concurrent.futures import ThreadPoolExecutor
ctx = Context()
own = Credentials("seed", Secret("seed"), None, "aws")
failed = 0
for number in range(1, int(sys.argv[1]) + 1):
    role = f"arn:aws:iam::{100000000000 + number}:role/audit"
    there = sts.assume_role(own, role, "audit").credentials
    made = run.audit_with(ctx, there, run.Wanted(regions=(sys.argv[2],)))
    assert made.account == str(100000000000 + number), made.account
    failed += sum(each.status == "FAIL" for each in made.results)
    if number in (1, 10, 50, int(sys.argv[1])):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  after {number:>3} accounts: {peak:.0f} MB at most, {failed} FAIL", flush=True)
"""
)


# A small process between: the system counts the starting process's memory as the started one's.
BETWEEN = """
import os, sys, time
begun = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - begun
cpu = usage.ru_utime + usage.ru_stime
print("\\n", wall, cpu, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))
"""


def measured(command: list[str], out: Path) -> tuple[float, float, float, int]:
    """Seconds by the clock, seconds of CPU, MB at most, exit code; its output goes to `out`."""
    with out.open("wb") as file:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", BETWEEN, *command],
            stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, check=True,
        )  # fmt: skip
    said, _, last = out.read_text().rstrip().rpartition("\n")
    out.write_text(said)
    wall, cpu, peak, code = last.split()
    return float(wall), float(cpu), float(peak), int(code)


def shown(name: str, wall: float, cpu: float, peak: float, rest: str) -> None:
    print(f"{name:<34} {wall:6.1f} s wall {cpu:6.1f} s CPU {peak:5.0f} MB  {rest}", flush=True)


def prowler(program: str, account: Account, home: Path) -> None:
    checks = sorted({name for each in CHECKS for name in each.peer})
    os.environ.update(AWS_ACCESS_KEY_ID="seed", AWS_SECRET_ACCESS_KEY="seed", AWS_REGION=REGION)
    listed = subprocess.run(
        [program, "aws", "--list-checks"], capture_output=True, text=True, check=False
    )
    there = [name for name in checks if f"[{name}]" in listed.stdout]
    os.environ["AWS_ENDPOINT_URL"] = account.url.replace("127.0.0.1", "localhost")
    command = [
        program, "aws", "--region", REGION, "-b", "-z", "-M", "csv", "-o", str(home / "prowler"),
        "-c", *there,
    ]  # fmt: skip
    account.calls.clear()
    wall, cpu, peak, code = measured(command, home / "prowler.txt")
    rest = f"{len(there)} checks, {len(account.calls)} requests, exit code {code}"
    shown("prowler, its checks of the same", wall, cpu, peak, rest)


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="credguard-bench-") as folder:
        inside(Path(folder), many)


def inside(home: Path, many: int) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "CREDGUARD_", "XDG_")):
            del os.environ[name]
    os.environ.update(HOME=str(home), AWS_DEFAULT_REGION=REGION)
    (home / "word").write_text("a passphrase\n")
    (home / "word").chmod(0o600)
    os.environ["CREDGUARD_PASSPHRASE_FILE"] = str(home / "word")
    server = local_aws.start()
    local_aws.reset(server.url)
    os.environ["AWS_ENDPOINT_URL"] = server.url
    key_id, secret = local_aws.seed_user(server.url, "dev")
    local_aws.enforce(server.url, False)
    account = Account(Simulator(server.url, "dev", key_id, Secret(secret)))
    exec(NEAR, {})  # for the seeding
    try:
        audit_seeds.bad(account)
        os.environ["AWS_ENDPOINT_URL"] = account.url
        settings.set_value("vault.backend", "file")
        ctx = Context()
        keys.store(ctx, "work", keys.prove(key_id, Secret(secret), None, "add"), Secret(secret))
        ctx.close()
        run(account, home, many)
    finally:
        account.close()
        server.stop()


def run(account: Account, home: Path, many: int) -> None:
    audit = [sys.executable, "-c", AUDIT, "audit", "--format", "json"]
    measured([*audit, "--only", "secret-parameter"], home / "first")  # compiles the rules
    for name, more in ((f"{len(CHECKS)} checks, 1 region", ["--regions", REGION]),
                       (f"{len(CHECKS)} checks, every region", [])):  # fmt: skip
        wall, cpu, peak, code = measured([*audit, *more], home / "audit.json")
        made = from_json((home / "audit.json").read_bytes(), name)
        regions = len(made.regions)
        most = 40 + 16 * regions + 5 * 2 + 2 * 1 + 4 * 3 + 2
        rest = f"{made.calls} requests (at most {most}), {regions} regions, exit code {code}"
        shown(name, wall, cpu, peak, rest)
    print(f"{many} accounts, one after the other, one process")
    wall, cpu, peak, code = measured(
        [sys.executable, "-c", MANY, str(many), REGION], home / "many.txt"
    )
    print((home / "many.txt").read_text(), end="")
    shown(f"{many} accounts", wall, cpu, peak, f"exit code {code}")
    if len(sys.argv) > 2:
        prowler(sys.argv[2], account, home)


if __name__ == "__main__":
    main()
