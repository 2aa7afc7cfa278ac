"""How long it takes to make an SSH key and register it in 17 regions, at 100 ms a call.

Run, after ./install.sh --test: .venv-dev/bin/python bench/ssh.py [ROUNDS].
Whole processes, in a throw-away home with the encrypted-file vault. The simulator is a process of
its own; what is measured is `credguard ssh create`, from its start to its end.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from credguard.demo import simulator as local_aws  # noqa: E402
from tests.support import samples, wire  # noqa: E402
from tests.support.loopback import LoopbackServer, Reply  # noqa: E402

# Those that are enabled in every account; docs.aws.amazon.com, "AWS Regions".
_LETTERS = {
    "us": "east-1 east-2 west-1 west-2",
    "ca": "central-1",
    "sa": "east-1",
    "eu": "central-1 west-1 west-2 west-3 north-1",
    "ap": "south-1 northeast-1 northeast-2 northeast-3 southeast-1 southeast-2",
}
REGIONS = [f"{place}-{rest}" for place, names in _LETTERS.items() for rest in names.split()]
CALL_S = 0.1


def credguard(*arguments: str, stdin: str = "") -> tuple[float, float]:
    """The seconds it took, and those of them that it kept a processor busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "credguard", *arguments],
        input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"credguard {' '.join(arguments[:2])} gave {done.returncode}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as home:
        port_file = Path(home, "port")
        simulator = subprocess.Popen(
            [sys.executable, local_aws.__file__, "--port-file", str(port_file)]
        )
        while not port_file.exists():
            time.sleep(0.05)
        upstream = f"127.0.0.1:{port_file.read_text().strip()}"

        def answer(request: wire.Request) -> Reply:
            time.sleep(CALL_S)
            return Reply(wire.forward(upstream, request))

        proxy = LoopbackServer(answer, time.time)
        try:
            measure(home, f"http://{upstream}", proxy.url, rounds)
        finally:
            proxy.stop()
            simulator.terminate()
            simulator.wait()


def measure(home: str, direct: str, slow: str, rounds: int) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "XDG_", "CREDGUARD_"))]:
        del os.environ[name]
    passphrase = Path(home, "passphrase")
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    os.environ |= {
        "HOME": home, "AWS_ENDPOINT_URL": direct, "CREDGUARD_PASSPHRASE_FILE": str(passphrase),
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    credguard("config", "set", "vault.backend", "file")
    key_id, secret = local_aws.seed_user(direct, "dev")
    credguard("add", "work", stdin=f"{key_id}\n{secret}\n")
    # The simulator makes each region at its first call.
    credguard("ssh", "create", "--name", "warm", "--regions", ",".join(REGIONS))
    os.environ["AWS_ENDPOINT_URL"] = slow
    for what, more in (("ed25519", ()), ("ed25519, in no file", ("--no-file",))):
        took = []
        for number in range(rounds):
            name = f"k{number}{len(more)}"
            took.append(
                credguard("ssh", "create", "--name", name, "--regions", ",".join(REGIONS), *more)
            )
        print(f"{what}: made and registered in {len(REGIONS)} regions: {summary(took)}")
    listed = [credguard("ssh", "list", "--regions", ",".join(REGIONS)) for _ in range(rounds)]
    print(f"ssh list, pairs and instances of {len(REGIONS)} regions: {summary(listed)}")
    bare = [credguard("--version") for _ in range(rounds)]
    print(f"credguard --version: {summary(bare)}")


def summary(took: list[tuple[float, float]]) -> str:
    walls, busy = [each[0] for each in took], [each[1] for each in took]
    return (
        f"median {statistics.median(walls):.2f} s, worst {max(walls):.2f} s of {len(took)};"
        f" processor {statistics.median(busy):.2f} s"
    )


if __name__ == "__main__":
    main()
