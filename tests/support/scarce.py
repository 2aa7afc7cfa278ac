"""Rebuilds the state database again and again with more and more of one resource, from too little.

`python -m tests.support.scarce KIND`; the paths come from the environment. One line a try: what was
there, then `rows N` or the error; `CHANGED` when a try that failed left anything behind.
"""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from credguard import paths
from credguard.errors import CredguardError
from credguard.store import salvage


def _descriptors() -> Iterator[tuple[int, Callable[[], object]]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for many in range(4, 24):
        yield many, lambda most=many: resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _memory() -> Iterator[tuple[int, Callable[[], object]]]:
    # A limit of SQLite's, of the process: sqlite.org/pragma.html#pragma_hard_heap_limit
    for size in (*range(20_000, 160_000, 8_000), 400_000, 1_000_000, 32_000_000):
        limit = f"PRAGMA hard_heap_limit={size}"
        yield size, lambda limit=limit: sqlite3.connect(":memory:").execute(limit)


def _file_size() -> Iterator[tuple[int, Callable[[], object]]]:
    for size in (*range(0, 600_000, 20_000), 2_000_000):
        yield size, lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _disk() -> Iterator[tuple[int, Callable[[], object]]]:
    """Needs a mount namespace of its own, as its root."""
    state = Path(paths.state_dir())
    files = {each.name: each.read_bytes() for each in state.iterdir() if each.is_file()}
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "none", state], check=True)
    for name, data in files.items():
        (state / name).write_bytes(data)
    used = sum(-(-len(data) // 4096) * 4 for data in files.values())
    for more in (*range(4, 1200, 12), 4000):
        option = f"remount,size={used + more}k"
        yield more, lambda option=option: subprocess.run(["mount", "-o", option, state], check=True)


KINDS = {
    "descriptors": _descriptors, "memory": _memory, "file size": _file_size, "disk": _disk,
}  # fmt: skip


def _kept() -> dict[str, bytes]:
    folder = Path(paths.state_dir())
    return {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def _try(limit: Callable[[], object]) -> str:
    """In a process of its own: most limits cannot be raised again."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "a crash"
        try:
            limit()
            done = salvage.rebuild(paths.database_file(), 0.0, lambda _db, _done: None)
            said = f"rows {done.rows} torn {' '.join(sorted(done.torn))}"
        except CredguardError as error:
            said = f"{type(error).__name__}: {error}"
        except BaseException as error:  # noqa: BLE001 - told to the test, which fails
            said = f"a crash: {error!r}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read().decode()
    os.waitpid(child, 0)
    return said


def main() -> None:
    """Try, until one goes well."""
    Path(paths.database_file() + ".lock").touch(0o600)
    for amount, limit in KINDS[sys.argv[1]]():
        before = _kept()
        said = _try(limit)
        done = said.startswith("rows")
        print(amount, said, "" if done or _kept() == before else "CHANGED", flush=True)
        if done:
            return


if __name__ == "__main__":
    main()
