"""The hook as git runs it, beside git itself and its peers: whole processes, medians, ratios.

Run, after ./install.sh --test and .venv-dev/bin/pip install -r requirements/bench.txt:
.venv-dev/bin/python bench/hook.py [ROUNDS]. A peer that is not installed is said and skipped.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from credguard.app import hook
from credguard.app.context import Context

FILES, LINES = 20, 2_400


def git(cwd: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True)


def lines(count: int, generator: random.Random) -> str:
    words = ["value", "request", "self", "count", "return", "for", "index", "name", "open", "data"]
    return "".join(
        f"    {generator.choice(words)}_{n} = {generator.choice(words)}({n}, "
        f"'{generator.choice(words)} {generator.choice(words)}')\n"
        for n in range(count)
    )


def repository(folder: Path, files: int, count: int) -> Path:
    """A repository with `files` staged changes of `count` new lines each, hook installed."""
    folder.mkdir()
    git(folder, "init", "-q")
    generator = random.Random(1)
    for number in range(files):
        (folder / f"module{number}.py").write_text(lines(10, generator))
    git(folder, "add", ".")
    git(folder, "-c", "user.name=b", "-c", "user.email=b@b.invalid", "commit", "-qm", "base")
    for number in range(files):
        with (folder / f"module{number}.py").open("a") as file:
            file.write(lines(count, generator))
    git(folder, "add", ".")
    hook.install(Context(), str(folder), global_=False)
    return folder


def commands(repo: Path) -> dict[str, list[str]]:
    names = [path.name for path in repo.iterdir() if path.is_file()]
    found = {
        "python -I -S -c pass": [sys.executable, "-I", "-S", "-c", "pass"],
        "git diff --cached": ["git", "diff", "--cached"],
        "git diff --cached -U0": ["git", "diff", "--cached", "-U0"],
        "credguard hook": [str(repo / ".git/hooks/pre-commit")],
    }
    peers = {
        "detect-secrets-hook": names,
        "kingfisher": ["scan", ".", "--staged", "--no-validate", "--no-update-check"],
    }
    for name, args in peers.items():
        beside = os.path.join(os.path.dirname(sys.executable), name)
        program = beside if os.path.exists(beside) else shutil.which(name)
        if program is None:
            print(f"{name}: not installed, skipped")
            continue
        found[name] = [program, *args]
    return found


def measure(repo: Path, rounds: int) -> dict[str, float]:
    """Median milliseconds a command, the commands taking turns."""
    table = commands(repo)
    times: dict[str, list[float]] = {name: [] for name in table}
    for number in range(rounds + 1):
        for name, command in table.items():
            peer = name in ("detect-secrets-hook", "kingfisher")
            if peer and number > min(rounds, 3):
                continue
            start = time.perf_counter()
            done = subprocess.run(command, cwd=repo, capture_output=True, check=False)
            took = (time.perf_counter() - start) * 1000
            if name == "credguard hook" and done.returncode != 0:
                sys.exit(f"the hook gave {done.returncode}: {done.stderr.decode()}")
            if peer and done.returncode != 0 and number == 0:
                print(f"  {name} gave exit code {done.returncode}")
            if number:  # the first round warms caches
                times[name].append(took)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory() as folder:
        for variable in ("STATE", "DATA", "CACHE", "CONFIG"):
            os.environ[f"XDG_{variable}_HOME"] = os.path.join(folder, variable.lower())
        for title, files, count in (("one line", 1, 1), ("48,000 lines", FILES, LINES)):
            print(f"{title}:")
            result = measure(
                repository(Path(folder, title.replace(" ", "-")), files, count), rounds
            )
            for name, median in result.items():
                print(f"  {name:24}{median:10.1f} ms")
            ours = result["credguard hook"]
            if files == 1:
                floor = result["python -I -S -c pass"] + result["git diff --cached"]
                print(f"  ratio to python + git diff: {ours / floor:.2f} (goal: at most 2.5)")
            else:
                ratio = ours / result["git diff --cached -U0"]
                print(f"  ratio to git diff -U0: {ratio:.2f} (goal: at most 4)")


if __name__ == "__main__":
    main()
