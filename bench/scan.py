"""The tree scan beside reading the same files and its peers: whole processes, medians, ratios.

Run, after ./install.sh --test and .venv-dev/bin/pip install -r requirements/bench.txt:
.venv-dev/bin/python bench/scan.py [ROUNDS [FOLDER]].
Without a folder a tree of source-like text is made.
A peer that is not installed is said and skipped.
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

FILES, LINES = 400, 1_000
PEER_ROUNDS = 3


def tree(folder: Path) -> Path:
    """`FILES` files of source-like text, about 18 MB."""
    generator = random.Random(1)
    words = ["value", "request", "self", "count", "return", "index", "name", "open", "data", "user"]
    for number in range(FILES):
        path = folder / f"package{number % 20}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            "".join(
                f"    {generator.choice(words)}_{n} = {generator.choice(words)}({n}, "
                f"'{generator.choice(words)} {generator.choice(words)}')\n"
                for n in range(LINES)
            )
        )
    for arguments in (["init", "-q"], ["add", "."]):  # detect-secrets reads what git tracks
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def commands(folder: Path) -> dict[str, list[str]]:
    found = {
        "reading every byte": ["sh", "-c", "find . -type f -not -path './.git/*' | xargs cat"],
        "git diff --cached": ["git", "diff", "--cached"],
        "credguard scan": [sys.executable, "-I", "-m", "credguard", "scan", str(folder)],
    }
    peers = {
        "detect-secrets": ["scan", "."],
        "kingfisher": ["scan", ".", "--no-validate", "--no-update-check", "--git-history=none"],
    }
    for name, arguments in peers.items():
        beside = os.path.join(os.path.dirname(sys.executable), name)
        program = beside if os.path.exists(beside) else shutil.which(name)
        if program is None:
            print(f"{name}: not installed, skipped")
            continue
        found[name] = [program, *arguments]
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else tree(Path(made))
        size = sum(path.stat().st_size for path in folder.rglob("*.py")) / 1e6
        table = commands(folder)
        times: dict[str, list[float]] = {name: [] for name in table}
        for number in range(rounds + 1):
            for name, command in table.items():
                if name in ("detect-secrets", "kingfisher") and number > min(rounds, PEER_ROUNDS):
                    continue
                start = time.perf_counter()
                done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
                if number:  # the first round warms caches
                    times[name].append((time.perf_counter() - start) * 1000)
                elif name == "credguard scan" and done.returncode and not done.stdout:
                    sys.exit(f"credguard gave {done.returncode}: {done.stderr.decode()[-300:]}")
                elif done.returncode not in (0, 1):
                    print(f"  {name} gave exit code {done.returncode}: {done.stderr[-200:]!r}")
        ours = statistics.median(times["credguard scan"])
        print(f"{size:.0f} MB in {FILES} files:")
        for name, values in times.items():
            median = statistics.median(values)
            print(f"  {name:20}{median:10.1f} ms   {median / ours:7.2f} x credguard scan")


if __name__ == "__main__":
    main()
