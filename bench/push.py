"""pre-push as git runs it, over 100 commits, beside `git log -p` of the same commits.

Run: .venv-dev/bin/python bench/push.py [ROUNDS].
Goal: under one second where `git log -p` takes 0.2.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from credguard.app import hook
from credguard.app.context import Context

COMMITS = 100
ZERO = "0" * 40


def git(cwd: Path, *args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def lines(count: int, generator: random.Random) -> str:
    words = ["value", "request", "self", "count", "return", "for", "index", "name", "open", "data"]
    return "".join(
        f"    {generator.choice(words)}_{n} = {generator.choice(words)}({n}, "
        f"'{generator.choice(words)} {generator.choice(words)}')\n"
        for n in range(count)
    )


def repository(folder: Path) -> Path:
    """A repository of 100 files and 100 commits, each of which changes some of them a lot."""
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "config", "user.name", "b")
    git(folder, "config", "user.email", "b@b.invalid")
    generator = random.Random(1)
    for number in range(COMMITS):
        for _ in range(4):
            path = folder / f"module{generator.randrange(100)}.py"
            with path.open("a") as file:
                file.write(lines(300, generator))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"change {number}")
    hook.install(Context(), str(folder), global_=False)
    return folder


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        for variable in ("STATE", "DATA", "CACHE", "CONFIG"):
            os.environ[f"XDG_{variable}_HOME"] = os.path.join(folder, variable.lower())
        repo = repository(Path(folder, "repo"))
        head = git(repo, "rev-parse", "HEAD")
        line = f"refs/heads/main {head} refs/heads/main {ZERO}\n".encode()
        table: dict[str, tuple[list[str], bytes]] = {
            "git log -p": (["git", "log", "-p"], b""),
            "credguard pre-push": ([str(repo / ".git/hooks/pre-push"), "origin", "url"], line),
        }
        times: dict[str, list[float]] = {name: [] for name in table}
        for number in range(rounds + 1):
            for name, (command, data) in table.items():
                start = time.perf_counter()
                done = subprocess.run(
                    command, cwd=repo, input=data, capture_output=True, check=False
                )
                took = time.perf_counter() - start
                if done.returncode != 0:
                    sys.exit(f"{name} gave {done.returncode}: {done.stderr.decode()}")
                if number:  # the first round warms caches
                    times[name].append(took)
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, median in medians.items():
            print(f"{name:24}{median * 1000:10.1f} ms")
        ratio = medians["credguard pre-push"] / medians["git log -p"]
        print(f"ratio: {ratio:.2f} (goal: at most 5)")


if __name__ == "__main__":
    main()
