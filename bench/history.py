"""The history scan beside kingfisher's: whole processes, medians, ratios.

Run, after ./install.sh --test and .venv-dev/bin/pip install -r requirements/bench.txt:
.venv-dev/bin/python bench/history.py [ROUNDS [REPOSITORY...]].
Without a repository one of 1,500 commits is made: the source text of this machine, grown and edited
file by file. `git log -p` is what reading the history as text costs. With --no-resume
our run starts anew; again: it goes by what the run before found clean.
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

from scan import memory, sources

COMMITS, FILES_A_COMMIT = 1_500, 6
_LINES = 400


def repository(folder: Path) -> Path:
    """A repository of `COMMITS` commits, packed as a clone is, by one fast-import."""
    generator = random.Random(1)
    texts = [
        path for path in sources() if path.suffix in (".py", ".js", ".c", ".h", ".md", ".json")
    ]
    files: dict[str, list[bytes]] = {}
    subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
    process = subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=folder, stdin=subprocess.PIPE
    )  # fmt: skip
    stream = process.stdin
    assert stream is not None
    for number in range(COMMITS):
        stream.write(
            b"commit refs/heads/main\ncommitter B <b@b.invalid> %d +0000\ndata 1\n.\n"
            % (1_700_000_000 + number * 3600)
        )
        for _ in range(FILES_A_COMMIT):
            if not files or generator.random() < 0.25:
                source = generator.choice(texts)
                name = f"part{generator.randrange(40)}/{number}-{source.name.replace(' ', '_')}"
                files[name] = source.read_bytes().split(b"\n")[:_LINES]
            else:
                name = generator.choice(list(files))
                lines = files[name]
                at = generator.randrange(len(lines))
                lines[at : at + generator.randrange(3)] = [
                    b"    value_%d = other(%d)" % (number, each)
                    for each in range(generator.randrange(1, 6))
                ]
            data = b"\n".join(files[name])
            stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data))
    stream.close()
    if process.wait():
        sys.exit("git fast-import failed")
    subprocess.run(["git", "repack", "-adfq"], cwd=folder, check=True)
    return folder


def commands(folder: Path) -> dict[str, list[str]]:
    found = {
        "git log -p": ["git", "-C", str(folder), "log", "-p", "--all", "--no-ext-diff"],
        "credguard scan --history": [
            *(sys.executable, "-I", "-m", "credguard", "scan", "--history", "--no-resume"),
            str(folder),
        ],
        "credguard, again": [
            *(sys.executable, "-I", "-m", "credguard", "scan", "--history"),
            str(folder),
        ],
    }
    beside = os.path.join(os.path.dirname(sys.executable), "kingfisher")
    program = beside if os.path.exists(beside) else shutil.which("kingfisher")
    if program is None:
        print("kingfisher: not installed, skipped")
    else:
        found["kingfisher"] = [
            *(program, "scan", str(folder), "--no-validate", "--no-update-check"),
            "--git-history=full",
        ]
    return found


def measure(folder: Path, rounds: int) -> None:
    table = commands(folder)
    times: dict[str, list[float]] = {name: [] for name in table}
    for number in range(rounds + 1):
        for name, command in table.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            if number:  # the first round warms caches
                times[name].append((time.perf_counter() - start) * 1000)
            elif name.startswith("credguard"):
                if done.returncode not in (0, 1):
                    sys.exit(f"credguard gave {done.returncode}: {done.stderr.decode()[-300:]}")
                print(f"  {len(done.stdout.splitlines())} findings")
    ours = statistics.median(times["credguard scan --history"])
    count = subprocess.run(
        ["git", "-C", folder, "rev-list", "--count", "--all"], capture_output=True, check=True
    )
    print(f"{folder.name}: {int(count.stdout):,} commits")
    for name, values in times.items():
        median = statistics.median(values)
        line = f"  {name:26}{median:10.1f} ms   {median / ours:7.2f} x credguard"
        if sys.platform == "linux":
            line += f"   {memory(table[name], folder):7.0f} MB"
        print(line)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for given in sys.argv[2:]:
        measure(Path(given).resolve(), rounds)
    if not sys.argv[2:]:
        with tempfile.TemporaryDirectory() as made:
            measure(repository(Path(made, "made.git")), rounds)


if __name__ == "__main__":
    main()
