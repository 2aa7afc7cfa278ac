"""Files that are hard to scan: CPU seconds and memory of whole scans by size, which is linear.

Run, after ./install.sh --test: .venv-dev/bin/python bench/dense.py [FORM...] [MEGABYTES...]
[--format FORMAT] [--plot OUT.svg]. Without a form `keys`, access key ids one a line. Full of
secrets are also `one-line`, `same`, `passwords`, `tokens` (JWTs) and `mixed`; without any are
`spaces`, `names`, `base64`, `escapes` and `streams` (small compressed ones). All are made at run
time. Of the user CPU that the processes took the median of three runs; memory as in bench/scan.py,
in a run of its own.
"""

import base64
import gzip
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


def encoded(size: int) -> str:
    return base64.b64encode(_GENERATOR.randbytes(size)).decode()


def stream() -> str:
    return base64.b64encode(gzip.compress(some(_LETTERS, 30).encode())).decode()


ONE = key_id()
FORMS: dict[str, Callable[[], str]] = {
    "keys": lambda: f"{key_id()}\n",
    "one-line": lambda: f"{key_id()} ",
    "same": lambda: f"{ONE}\n",
    "passwords": lambda: f"{password()}\n",
    "tokens": lambda: f"{token()}\n",
    "spaces": lambda: " " * 980 + "\n",
    "names": lambda: f"password = get_password(token=secret.key, {some(_LETTERS, 3)}='')\n",
    "base64": lambda: f"{encoded(57)}\n",
    "escapes": lambda: (
        f"\\u0041\\x4{some('123', 1)}%4{some('123', 1)}&#6{some('5678', 1)};=4{some('12', 1)}\n"
    ),
    "streams": lambda: f"{stream()}\n",
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
    if done.returncode not in (0, 1, 2):  # 2: cut short, and told
        sys.exit(f"{command[-1]}: {done.returncode}: {done.stderr.decode()[-300:]}")
    return took, done.stdout.count(b"\n")


def option(arguments: list[str], name: str, usual: str) -> str:
    if name not in arguments:
        return usual
    at = arguments.index(name)
    given = arguments[at + 1]
    del arguments[at : at + 2]
    return given


def draw(found: dict[str, list[tuple[int, float]]]) -> str:
    """Seconds by megabytes as SVG, a line a form, and what two seconds for ten megabytes are."""
    wide, high, left, down = 640, 400, 50, 350
    largest = max(size for points in found.values() for size, _ in points)
    longest = max(took for points in found.values() for _, took in points)

    def place(size: float, took: float) -> str:
        x, y = left + size / largest * 440, down - took / longest * 310
        return f"{x:.1f},{y:.1f}"

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}"'
            ' font-family="sans-serif" font-size="12" fill="#333">'
        ),
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
        f'<path d="M{left} 30V{down}H500" stroke="#999" fill="none"/>',
        f'<text x="270" y="{high - 10}" text-anchor="middle">MB, up to {largest}</text>',
        f'<text x="{left}" y="20">seconds of CPU, up to {longest:.1f}; dashed: 2 for 10 MB</text>',
    ]
    goal = min(largest, longest * 5)
    parts.append(
        f'<polyline points="{place(0, 0)} {place(goal, goal / 5)}" fill="none" stroke="#999"'
        ' stroke-dasharray="6 4"/>'
    )
    ends = sorted(found, key=lambda form: -found[form][-1][1])
    for number, form in enumerate(ends):
        colour = f"hsl({360 * number // len(ends)},65%,40%)"
        points = " ".join(place(*each) for each in found[form])
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        label = f"{form}, {found[form][-1][1]:.1f} s"
        parts.append(f'<text x="512" y="{40 + 18 * number}" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    arguments = sys.argv[1:]
    style = option(arguments, "--format", "csv")
    plot = option(arguments, "--plot", "")
    found: dict[str, list[tuple[int, float]]] = {}
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
                found.setdefault(form, []).append((size, took))
                print(
                    f"  {size:6} {runs[0][1]:11,} {took:8.2f} s {took / size:5.2f} s {held:5.0f} MB"
                )
    if plot:
        Path(plot).write_text(draw(found), newline="\n")


if __name__ == "__main__":
    main()
