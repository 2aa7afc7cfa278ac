"""Use case: whether git still runs the hooks that were installed, place by place.

A file system that does not answer keeps whoever looks into it, and a program such as sshfs without
its server keeps it so that it cannot even be killed. So what lies on one that may be such (by the
table of mounts) is looked at by a child process, one a mount, that can be left behind; the rest by
threads that nobody waits for at the end. `python -m credguard.app.hookstates` is that child.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator

from credguard import paths
from credguard.app import hookconfig
from credguard.app.context import Context
from credguard.app.hookfiles import place_of_ours, setting
from credguard.app.hookshim import INSTALLED
from credguard.errors import GitError
from credguard.reading import beginning, content
from credguard.report.overview import UNREAD
from credguard.sources import mounts
from credguard.sources.git import run
from credguard.store import hooks as store

QUIET_S = 5.0
"""How long nothing may be heard of any place before the rest is UNREAD."""
_THREADS = 8
_CONFIG = 1 << 20  # bytes; git's own files have a few hundred
_MOVING = r"^(core\.hookspath|include(if)?\..*)$"
_Rows = list[tuple[int, store.Hook]]
_Tell = Callable[[tuple[int, str]], object]
# What did not answer in this process, until it does: what `status --watch` is not to ask again.
_children: dict[str, subprocess.Popen[bytes]] = {}
_threads: dict[str, threading.Thread] = {}


def shown(row: store.Hook) -> str:
    """What a person calls the place of `row`: the work tree, or --global or --template."""
    name = os.path.basename(row.repository)
    return os.path.dirname(row.repository) if name == ".git" else row.repository


def states(ctx: Context) -> list[tuple[str, str]]:
    """(place, state) of each installation, oldest first. Raises StoreError.

    States: installed, partly (some hooks are missing), shadowed (git takes others), gone (no such
    repository), UNKNOWN (git does not answer), UNREAD (its file system does not, or a file there is
    none). Git is asked for a repository only where some setting moves hooks at all: five thousand
    repositories are no reason to wait.
    """
    rows = store.installed(ctx.db)
    if not rows:
        return []
    near: _Rows = []
    distant: dict[str, _Rows] = {}
    for each in enumerate(rows):
        # Elsewhere no mount is known, and looking where a path leads may be what does not end.
        mount = ""
        if sys.platform == "linux":
            mount = mounts.place(mounts.resolved(each[1].repository))
        (distant.setdefault(mount, []) if mount else near).append(each)
    said: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    asked = [_ask_child(mount, there, said.put) for mount, there in distant.items()]
    _ask_threads(near, said.put)
    found: dict[int, str] = {}
    with contextlib.suppress(queue.Empty):
        while len(found) < len(rows):
            number, state = said.get(timeout=QUIET_S)
            found[number] = state
    for child in asked:
        if child is not None:
            child.kill()  # it ends at once, or as soon as the file system lets it
    return [(shown(row), found.get(number, UNREAD)) for number, row in enumerate(rows)]


def state_of(row: store.Hook) -> str:
    """As `states`, of one; waits as long as its file system does."""
    return _state(row, moved=True)


def _start(name: str, work: Callable[..., None], *args: object) -> threading.Thread:
    """In a thread that does not keep the process from its end."""
    thread = threading.Thread(target=work, args=args, name=name, daemon=True)
    thread.start()
    return thread


def _ask_threads(rows: _Rows, tell: _Tell) -> None:
    """Have `tell` called with the state of each row, from other threads."""
    waiting: queue.SimpleQueue[tuple[int, store.Hook]] = queue.SimpleQueue()
    for number, row in rows:
        if _is_stuck("") or _is_stuck(row.repository):
            tell((number, UNREAD))
        else:
            waiting.put((number, row))
    if waiting.qsize():
        _start("hooks", _share, waiting, tell)


def _is_stuck(what: str) -> bool:
    thread = _threads.get(what)
    return thread is not None and thread.is_alive()


def _share(waiting: "queue.SimpleQueue[tuple[int, store.Hook]]", tell: _Tell) -> None:
    _threads[""] = threading.current_thread()
    moved = _moved()
    _threads.pop("", None)  # another may have asked meanwhile, and have ended first

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                number, row = waiting.get_nowait()
                _threads[row.repository] = threading.current_thread()
                tell((number, _state(row, moved)))
                _threads.pop(row.repository, None)

    for _ in range(min(_THREADS, waiting.qsize())):
        _start("hooks", work)


def _ask_child(mount: str, rows: _Rows, tell: _Tell) -> "subprocess.Popen[bytes] | None":
    """Have `tell` called with the state of each row on `mount`, as far as a child process says.

    Gives the child; None: an earlier one is still waiting there.
    """
    before = _children.get(mount)
    if before is not None and before.poll() is None:
        for number, _ in rows:
            tell((number, UNREAD))
        return None
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "credguard.app.hookstates"],
        bufsize=0,  # a buffer that a thread waits for would abort the interpreter at its end
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.sep,
        start_new_session=True,  # Ctrl-C ends us; the child ends when it can
    )
    _children[mount] = child
    _start("hooks on " + mount, _hear, child, rows, tell)
    return child


def _hear(child: "subprocess.Popen[bytes]", rows: _Rows, tell: _Tell) -> None:
    if child.stdin is None or child.stdout is None:
        return
    asked = json.dumps([[n, each.repository, each.hooks_path] for n, each in rows]).encode()
    with contextlib.suppress(OSError), child.stdin as into:
        while asked:
            asked = asked[into.write(asked) or 0 :]
    left, rest = {number for number, _ in rows}, b""
    while part := child.stdout.read(65536):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            number, state = json.loads(line)
            left.discard(number)
            tell((number, state))
    for number in left:  # it died
        tell((number, UNREAD))
    child.stdout.close()
    child.wait()  # its output has ended, so it does


def far(rows: Iterable[tuple[int, store.Hook]]) -> Iterator[tuple[int, str]]:
    """What the child says: number and state of each of `rows`, as soon as it is known."""
    moved = _moved()
    for number, row in rows:
        yield number, _state(row, moved)


def _moved() -> bool:
    """Whether some setting of this user moves hooks at all, or may."""
    try:
        args = ("config", "--null", "--get-regexp", _MOVING)
        return bool(run(paths.home(), *args, hooks=True, ok=(0, 1)))
    except GitError:
        return True


def _state(row: store.Hook, moved: bool) -> str:
    try:
        if row.repository not in (store.GLOBAL, store.TEMPLATE):
            try:
                os.stat(row.repository)
            except (FileNotFoundError, NotADirectoryError):
                return "gone"
        folder = _folder(row, moved)
    except GitError:
        return "UNKNOWN"
    except (OSError, ValueError):  # the second: a path of a file that a crash filled with zeros
        return UNREAD
    places = [place_of_ours(os.path.join(folder, name)) for name in INSTALLED]
    ours = [each is not None and os.access(each, os.X_OK) for each in places]
    if all(ours) or _by_config(row):
        return "installed"
    return "partly" if any(ours) else "shadowed"


def _by_config(row: store.Hook) -> bool:
    if row.repository == store.TEMPLATE:
        return False
    where = paths.home() if row.repository == store.GLOBAL else shown(row)
    try:
        return hookconfig.covers(hookconfig.configured(where))
    except GitError:
        return False


def _folder(row: store.Hook, moved: bool) -> str:
    """Where git takes the hooks of `row` from now. Raises GitError; OSError: a file is none."""
    if row.repository == store.TEMPLATE:
        return row.hooks_path
    if row.repository == store.GLOBAL:
        return os.path.expanduser(setting(paths.home(), "--global") or os.devnull)
    common = row.repository
    if told := beginning(os.path.join(common, "commondir"), 4096):
        if b"\0" in told:
            raise ValueError("no path")
        common = os.path.normpath(os.path.join(common, os.fsdecode(told.strip())))
    files = (os.path.join(common, "config"), os.path.join(row.repository, "config.worktree"))
    words = b"".join(content(each, _CONFIG).lower() for each in files if os.path.exists(each))
    if not moved and b"hookspath" not in words and b"[include" not in words:
        return os.path.join(common, "hooks")
    # From the work tree: a relative core.hooksPath counts from there.
    where = shown(row)
    said = os.fsdecode(run(where, "rev-parse", "--git-path", "hooks", hooks=True))
    return os.path.normpath(os.path.join(where, said.removesuffix("\n")))


def main() -> None:
    """The child: rows as JSON on standard input, a line of JSON for each on standard output."""
    rows = json.load(sys.stdin)
    for each in far((number, store.Hook(where, folder, None)) for number, where, folder in rows):
        sys.stdout.write(json.dumps(each) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
