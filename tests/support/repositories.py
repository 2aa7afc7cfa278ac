"""Real git repositories for tests: small ones by commands, large ones by fast-import."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support import samples


def git(cwd: Path, *args: str) -> str:
    """What git prints, which must not fail."""
    done = subprocess.run(["git", *args], cwd=cwd, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode().strip()


def commit(cwd: Path, message: str = "change", **files: str) -> str:
    """Commit `files` (name, where `__` stands for a dot, to text); gives the commit's id."""
    for name, text in files.items():
        (cwd / name.replace("__", ".")).write_text(text)
    git(cwd, "add", "-A")
    git(cwd, "commit", "-qm", message)
    return git(cwd, "rev-parse", "HEAD")


def line(seed: int = 1) -> str:
    """A line with a secret that a rule finds."""
    return f"aws_secret_access_key = {samples.aws_secret(seed)}\n"


def fast_import(folder: Path, commits: Iterable[dict[str, bytes]]) -> None:
    """A bare repository whose branch `main` has `commits`, each the files that it changes."""
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True, timeout=60)
    process = subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=folder, stdin=subprocess.PIPE
    )  # fmt: skip
    stream = process.stdin
    assert stream is not None
    with stream:
        for number, files in enumerate(commits):
            stream.write(
                b"commit refs/heads/main\ncommitter P <p@example.invalid> %d +0000\ndata 1\n.\n"
                % (1_700_000_000 + number)
            )
            for name, data in files.items():
                stream.write(
                    b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data)
                )
    assert process.wait(60) == 0
