"""The tree scan beside reading the same files and its peers: whole processes, medians, ratios.

Run, after ./install.sh --test and .venv-dev/bin/pip install -r requirements/bench.txt:
.venv-dev/bin/python bench/scan.py [ROUNDS [small|large|FOLDER...]].
Without a name both trees are made from source text found on this machine: `small`, 400 files of
about 18 MB, and `large`, 30,000 files of 500 MB. detect-secrets takes minutes on the large one and
is left out there. A peer that is not installed is said and skipped.
"again" is the scan that follows one of a tree at rest for a minute: of files that were clean it
reads none. All else is measured with --no-cache.
Memory is the sum over the process and all it started, pages they share counted once, sampled in a
run of its own.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

TREES = {"small": (400, 18 << 20), "large": (30_000, 500 << 20)}
PEER_ROUNDS = 3
_KINDS = (
    *(".py", ".pyi", ".js", ".ts", ".json", ".c", ".h", ".md", ".rst", ".txt", ".html", ".css"),
    *(".sh", ".pl", ".pm", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".rb", ".go", ".xml"),
)
_FROM = (sysconfig.get_path("stdlib"), "/usr/lib", "/usr/share", "/usr/include", "/opt")
_LARGEST = 512 << 10
_CREDGUARD = (sys.executable, "-I", "-m", "credguard", "scan")
_REST_S = 61  # so long a file must have been as it is to be remembered


def sources() -> list[Path]:
    """Source text of this machine, up to 40,000 files, smallest first."""
    found: dict[tuple[int, str], Path] = {}
    for root in _FROM:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(each for each in folders if each not in (".git", "proc"))
            for name in sorted(names):
                path = Path(folder, name)
                if name.endswith(_KINDS) and not path.is_symlink():
                    size = path.stat().st_size
                    if 200 < size < _LARGEST:
                        found[size, name] = path
            if len(found) > 40_000:
                break
    return [path for _, path in sorted(found.items())]


def tree(folder: Path, files: int, size: int, texts: list[Path]) -> Path:
    """`files` files of together about `size` bytes; each text changed a little where it repeats."""
    generator = random.Random(1)
    goal = size / files
    written = 0
    half = len(texts) // 2
    for number in range(files):
        larger = written < number * goal
        source = texts[
            generator.randrange(half, len(texts)) if larger else generator.randrange(half)
        ]
        data = source.read_bytes() + b"\n# copy %d\n" % number
        path = folder / f"part{number % 97}" / f"section{number % 13}" / f"{number}{source.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written += len(data)
    return folder


def commands(folder: Path, large: bool) -> dict[str, list[str]]:
    found = {
        "reading every byte": ["sh", "-c", "find . -type f -not -path './.git/*' | xargs cat"],
        "credguard scan": [*_CREDGUARD, str(folder), "--no-cache"],
    }
    peers = {
        "kingfisher": ["scan", ".", "--no-validate", "--no-update-check", "--git-history=none"],
    }
    if not large:  # detect-secrets reads what git tracks
        for arguments in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
        peers["detect-secrets"] = ["scan", "."]
    for name, arguments in peers.items():
        beside = os.path.join(os.path.dirname(sys.executable), name)
        program = beside if os.path.exists(beside) else shutil.which(name)
        if program is None:
            print(f"{name}: not installed, skipped")
            continue
        found[name] = [program, *arguments]
    return found


def memory(command: list[str], folder: Path) -> float:
    """The most megabytes that `command` and all it started held at once (Linux)."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(_held, _family(process.pid))))
        time.sleep(0.02)
    return most / 1e3


def _family(pid: int) -> list[int]:
    family = [pid]
    for each in family:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                text = Path(f"/proc/{each}/task/{task}/children").read_text()
                family += map(int, text.split())
        except OSError:
            continue
    return family


def _held(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def measure(folder: Path, rounds: int, large: bool) -> None:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    size = sum(path.stat().st_size for path in paths) / 1e6
    table = commands(folder, large)
    times: dict[str, list[float]] = {name: [] for name in table}
    for number in range(rounds + 1):
        for name, command in table.items():
            if name in ("detect-secrets", "kingfisher") and number > min(rounds, PEER_ROUNDS):
                continue
            start = time.perf_counter()
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
            if number:  # the first round warms caches
                times[name].append((time.perf_counter() - start) * 1000)
            elif name == "credguard scan" and done.returncode not in (0, 1):
                sys.exit(f"credguard gave {done.returncode}: {done.stderr.decode()[-300:]}")
            elif name == "credguard scan":
                print(f"  {len(done.stdout.splitlines())} findings")
            elif done.returncode not in (0, 1, 200):
                print(f"  {name} gave exit code {done.returncode}: {done.stderr[-200:]!r}")
    table["again"] = [*_CREDGUARD, str(folder)]
    times["again"] = again(table["again"], folder, rounds)
    ours = statistics.median(times["credguard scan"])
    print(f"{size:.0f} MB in {len(paths):,} files:")
    for name, values in times.items():
        median = statistics.median(values)
        line = f"  {name:20}{median:10.1f} ms   {median / ours:7.2f} x credguard scan"
        if sys.platform == "linux":
            line += f"   {memory(table[name], folder):7.0f} MB"
        print(line)


def again(command: list[str], folder: Path, rounds: int) -> list[float]:
    """What the scan takes once it knows the clean files: milliseconds of each round."""
    newest = max(path.stat().st_ctime for path in folder.rglob("*"))
    time.sleep(max(0.0, newest + _REST_S - time.time()))
    found = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if number:  # the first one remembers
            found.append((time.perf_counter() - start) * 1000)
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    names = sys.argv[2:] or list(TREES)
    texts = sources() if set(names) & set(TREES) else []
    for name in names:
        with tempfile.TemporaryDirectory() as made:
            if name in TREES:
                measure(tree(Path(made), *TREES[name], texts), rounds, name == "large")
            else:
                measure(Path(name).resolve(), rounds, True)


if __name__ == "__main__":
    main()
