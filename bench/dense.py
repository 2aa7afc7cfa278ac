"""Files full of secrets: CPU seconds and memory of whole scans by size, which shows both linear.

Run, after ./install.sh --test: .venv-dev/bin/python bench/dense.py [FORM...] [MEGABYTES...]
[--format FORMAT]. Without a form `keys`, access key ids one a line; there are also `one-line`,
`same`, `passwords`, `tokens` (JWTs) and `mixed`. All are made at run time. Of the user CPU that the
processes took the median of three runs; memory as in bench/scan.py, in a run of its own.
"""

import base64
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from scan import memory

SIZES = (1, 2, 5, 10, 16)
ROUNDS = 3
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_GENERATOR = random.Random(1)


def some(alphabet: str, length: int) -> str:
    return "".join(_GENERATOR.choices(alphabet, k=length))


def key_id() -> str:
    return "AK" + "IA" + some(_BASE32, 16)


def password() -> str:
    return f"password={some(_LETTERS, 20)}"


def token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": some(_LETTERS, 12), "iat": 1_700_000_000})
    encoded = (base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts)
    return ".".join([*(each.rstrip("=") for each in encoded), some(_LETTERS, 43)])


ONE = key_id()
FORMS: dict[str, Callable[[], str]] = {
    "keys": lambda: f"{key_id()}\n",
    "one-line": lambda: f"{key_id()} ",
    "same": lambda: f"{ONE}\n",
    "passwords": lambda: f"{password()}\n",
    "tokens": lambda: f"{token()}\n",
    "mixed": lambda: f"{_GENERATOR.choice([key_id, password, token])()}\n",
}


def text(form: str, size: int) -> str:
    parts = []
    while size > 0:
        parts.append(FORMS[form]())
        size -= len(parts[-1])
    return "".join(parts)


def measure(command: list[str], folder: Path) -> tuple[float, int]:
    """User CPU seconds, and the lines that came out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    if done.returncode not in (0, 1):
        sys.exit(f"{command[-1]}: {done.returncode}: {done.stderr.decode()[-300:]}")
    return took, done.stdout.count(b"\n")


def main() -> None:
    arguments = sys.argv[1:]
    style = "csv"
    if "--format" in arguments:
        at = arguments.index("--format")
        style = arguments[at + 1]
        del arguments[at : at + 2]
    sizes = [int(each) for each in arguments if each.isdigit()] or list(SIZES)
    forms = [each for each in arguments if not each.isdigit()] or ["keys"]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for variable in ("STATE", "DATA", "CACHE", "CONFIG"):
            os.environ[f"XDG_{variable}_HOME"] = os.path.join(made, variable.lower())
        scan = [sys.executable, "-I", "-m", "credguard", "scan", "--format", style]
        (folder / "empty").touch()
        subprocess.run(
            [*scan, "empty"], cwd=folder, check=True, capture_output=True
        )  # the rules are compiled once
        for form in forms:
            print(f"{form}, --format {style}:")
            print("      MB   lines out   user CPU    a MB   memory")
            for size in sizes:
                name = f"{form}-{size}.txt"
                (folder / name).write_text(text(form, size * 1_000_000))
                runs = [measure([*scan, name], folder) for _ in range(ROUNDS)]
                took = statistics.median(seconds for seconds, _ in runs)
                held = memory([*scan, name], folder)
                print(
                    f"  {size:6} {runs[0][1]:11,} {took:8.2f} s {took / size:5.2f} s {held:5.0f} MB"
                )


if __name__ == "__main__":
    main()
