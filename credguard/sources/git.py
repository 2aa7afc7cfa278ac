"""The one git runner: processes, and blobs by object id.

A repository's config can make git run programs, so every process started here switches that off.
The hook loads this module under `python -I -S`: only `os`, `sys`, `select` and `errno` are used,
and `subprocess` only on Windows.
"""

from __future__ import annotations

import os
import sys

from credguard.errors import GitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET_S = 30.0
"""Seconds that a git process may stay silent before it is killed."""
MAX_BLOB = 1 << 30
_AHEAD = 32  # requests in flight: 32 ids of 65 bytes fit any pipe, so neither side can block
_AHEAD_BYTES = 4096
_READ = 1 << 16  # of more at once the pages are new each time: that takes longer than to ask again
_SIGPIPE = 13  # importing signal costs an enum
_SAFE = ("-c", "core.fsmonitor=false", "--no-pager", "--no-replace-objects")
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
_ENVIRONMENT = {
    # A partial clone never fetches; git before 2.45 knows only the second: no transport is left.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "-",
    "GIT_GRAFT_FILE": "/dev/null",  # as replaced objects, a file that gives commits other parents
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_NAMES = ("diff", "cat-file", "diff-tree", "rev-list")
_OF_ANOTHER_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


# `git --literal-pathspecs commit` sets these for its hooks; they would change what ours mean.
_PATHSPECS = (
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
)


def git_command(cwd: str | None, args: tuple[str, ...], *, hooks: bool) -> list[str]:
    """The argument list that runs git in `cwd` without anything a repository could start."""
    where = ("-C", cwd) if cwd not in (None, ".") else ()
    return ["git", *where, *_SAFE, *(() if hooks else _NO_HOOKS), *args]


def git_environment(*, inherit: bool) -> dict[str, str]:
    """The environment for git; `inherit`: the caller's GIT_DIR, GIT_INDEX_FILE and kin hold."""
    environment = {**os.environ, **_ENVIRONMENT}
    for name in _PATHSPECS:
        environment.pop(name, None)
    if not inherit:
        for name in _OF_ANOTHER_REPOSITORY:
            environment.pop(name, None)
    return environment


class Process:
    """A git process with pipes (POSIX). Reads fail after `quiet_s` seconds of silence."""

    def __init__(
        self, command: list[str], environment: dict[str, str], source: Process | None = None
    ) -> None:
        """Start `command`; its input is what `source` prints, which is then not to be read here.

        Raises GitError when there is no git.
        """
        from select import POLLIN, poll

        self.quiet_s = QUIET_S
        self._name = next((a for a in command if a in _NAMES), command[-1])
        into = os.pipe() if source is None else (source.hand_over(), -1)
        ends = [*into, *os.pipe(), *os.pipe()]
        actions = [
            (os.POSIX_SPAWN_DUP2, ends[0], 0),
            (os.POSIX_SPAWN_DUP2, ends[3], 1),
            (os.POSIX_SPAWN_DUP2, ends[5], 2),
        ]
        try:
            self._pid = os.posix_spawnp(
                "git", command, environment, file_actions=actions, setsigdef=[_SIGPIPE]
            )
        except OSError as exc:
            for end in ends:
                if end >= 0:
                    os.close(end)
            raise GitError(f"cannot run git: {exc.strerror}", hint="install git") from exc
        for end in (ends[0], ends[3], ends[5]):
            os.close(end)
        self._stdin, self._stdout, self._stderr = ends[1], ends[2], ends[4]
        self._errors, self._last_ms = bytearray(), 200
        self._poll = poll()
        self._poll.register(self._stdout, POLLIN)
        self._poll.register(self._stderr, POLLIN)

    def widen(self, size: int) -> None:
        """Let git write `size` bytes ahead, where the system can (Linux)."""
        try:
            from fcntl import F_SETPIPE_SZ, fcntl

            fcntl(self._stdout, F_SETPIPE_SZ, size)
        except (ImportError, OSError):
            pass  # not Linux, or past the user's share of pipe memory

    def hand_over(self) -> int:
        """The descriptor of standard output, from now on the caller's to read and to close."""
        self._poll.unregister(self._stdout)
        given, self._stdout = self._stdout, -1
        return given

    def write(self, data: bytes) -> None:
        """Send `data`, which must fit a pipe. Raises GitError when git is gone."""
        try:
            os.write(self._stdin, data)
        except BrokenPipeError:
            self.fail()

    def feed(self, data: bytes) -> None:
        """Send `data` of any size and no more, to a git that reads it all before it answers."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._stdin, view) :]
        except BrokenPipeError:
            self.fail()
        self.close_stdin()

    def close_stdin(self) -> None:
        """No more requests."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def read(self) -> bytes:
        """The next bytes of standard output; empty at its end. Raises GitError on silence."""
        while True:
            ready = self._poll.poll(self.quiet_s * 1000)
            if not ready:
                self.kill()
                raise GitError(
                    f"git {self._name} gave no answer for {self.quiet_s:.0f} seconds",
                    hint="run it again",
                )
            for descriptor, _ in ready:
                data = os.read(descriptor, _READ)
                if descriptor == self._stdout:
                    return data
                if not data:  # ended, maybe before the output did: more would be waited for in vain
                    self._poll.unregister(descriptor)
                    self._last_ms = 0
                self._errors += data

    def finish(self) -> int:
        """The exit code, once standard output has ended."""
        self.close_stdin()
        if self._stdout >= 0:
            self._poll.unregister(self._stdout)
        while data := self._rest():
            self._errors += data
        return os.waitstatus_to_exitcode(self._reap())

    def _rest(self) -> bytes:
        # A grandchild may hold standard error open: what is not there within a moment is not read.
        ready = self._poll.poll(self._last_ms)
        return os.read(self._stderr, _READ) if ready else b""

    def _reap(self) -> int:
        if self._stdout >= 0:
            os.close(self._stdout)
        os.close(self._stderr)
        pid, self._pid = self._pid, 0
        return os.waitpid(pid, 0)[1]

    def kill(self) -> None:
        """End it at once; safe to repeat."""
        self.close_stdin()
        if self._pid:
            os.kill(self._pid, 9)
            self._reap()

    def fail(self) -> None:
        """Raise GitError with what git said."""
        while self.read():
            pass
        self.finish()
        raise failed(self._name, bytes(self._errors))

    def errors(self) -> bytes:
        """What git wrote on standard error so far."""
        return bytes(self._errors)


def printable(text: bytes | str) -> str:
    """`text` for a terminal or a message: control and undecodable bytes escaped, in one line."""
    shown = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    if shown.isprintable():
        return shown
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii")
        for c in shown
    )


def failed(name: str, errors: bytes) -> GitError:
    """What git said on standard error as one line."""
    lines = [line for line in errors.splitlines() if line.strip()]
    said = printable(lines[0].removeprefix(b"fatal: ")) if lines else "no message"
    hint = {"diff": "see: git diff --cached --stat", "cat-file": "see: git fsck"}.get(name)
    return GitError(f"git {name} failed: {said}", hint=hint)


def run(
    cwd: str | None,
    *args: str,
    inherit: bool = False,
    hooks: bool = False,
    ok: tuple[int, ...] = (0,),
    given: bytes = b"",
    quiet_s: float = QUIET_S,
) -> bytes:
    """The standard output of `git args` in `cwd` (None: here).

    `inherit` keeps GIT_DIR, GIT_INDEX_FILE and the like, which a hook's git gives; `hooks` leaves
    core.hooksPath readable, for commands that run no hook. `given`: see `feed`. Raises GitError: no
    git, an exit code not in `ok`, `quiet_s` seconds of silence.
    """
    command, variables = git_command(cwd, args, hooks=hooks), git_environment(inherit=inherit)
    if sys.platform == "win32":
        return run_portable(command, variables, given, ok)
    process = Process(command, variables)
    process.quiet_s = quiet_s
    try:
        process.feed(given)
        said = b"".join(chunks(process))
        if process.finish() in ok:
            return said
    finally:
        process.kill()
    raise failed(args[0], process.errors())


def run_portable(
    command: list[str], environment: dict[str, str], request: bytes, ok: tuple[int, ...] = (0,)
) -> bytes:
    """The standard output of `command` fed with `request`, without pipes of our own (Windows)."""
    from subprocess import TimeoutExpired
    from subprocess import run as run_process

    # Windows would look for git.exe in the repository first.
    environment = {**environment, "NoDefaultCurrentDirectoryInExePath": "1"}
    try:
        done = run_process(
            command,
            input=request,
            env=environment,
            capture_output=True,
            timeout=QUIET_S * 4,
            check=False,
        )
    except OSError as exc:
        raise GitError(f"cannot run git: {exc}", hint="install git") from exc
    except TimeoutExpired as exc:
        raise GitError(f"git {command[-1]} gave no answer", hint="run it again") from exc
    if done.returncode not in ok:
        raise failed(command[-1], done.stderr)
    return done.stdout


def blobs(
    cwd: str | None,
    oids: list[str],
    paths: list[bytes],
    *,
    lenient: bool = False,
    inherit: bool = True,
    most: int | None = None,
    too_large: list[bytes] | None = None,
) -> Iterator[bytes]:
    """The objects `oids` in order, through one `cat-file --batch`.

    `most` bytes (None: MAX_BLOB) are read of one; a larger raises, or with `too_large` is empty and
    its path there.
    `paths` names each for the person. `lenient`: one that is not here, as in a partial clone, is
    empty. Raises GitError: no such object, or one over `MAX_BLOB`.
    """
    command = git_command(cwd, ("cat-file", "--batch"), hooks=False)
    most = MAX_BLOB if most is None else most
    environment = git_environment(inherit=inherit)
    if sys.platform == "win32":
        request = "".join(f"{oid}\n" for oid in oids).encode()
        output = run_portable(command, environment, request)
        feed: Iterator[bytes] = iter([output])
        yield from _parse(oids, paths, feed, None, lenient, most, too_large)
        return
    process = Process(command, environment)
    try:
        yield from _parse(oids, paths, chunks(process), process, lenient, most, too_large)
    finally:
        process.kill()


def chunks(process: Process) -> Iterator[bytes]:
    """Everything the process prints, piece by piece. Raises GitError."""
    while data := process.read():
        yield data


def _parse(
    oids: list[str],
    paths: list[bytes],
    feed: Iterator[bytes],
    process: Process | None,
    lenient: bool,
    most: int,
    too_large: list[bytes] | None,
) -> Iterator[bytes]:
    buffer = b""
    asked = 0
    for number, path in enumerate(paths):
        if process is not None and number == asked:
            ahead = _ahead(oids, asked)
            process.write(os.fsencode("".join(f"{name}\n" for name in ahead)))
            asked += len(ahead)
        while b"\n" not in buffer:
            buffer += _more(feed, process)
        header, buffer = buffer.split(b"\n", 1)
        size = _size(header, path, lenient=lenient)
        if size is None:
            yield b""
            continue
        if size > most and too_large is None:
            raise GitError(
                f"{printable(path)} is too large to scan ({size >> 20} MiB, the most is"
                f" {most >> 20})",
                hint="keep it out of git, for instance with git lfs",
            )
        if size > most and too_large is not None:
            too_large.append(path)
            left = size + 1 - len(buffer)
            while left > 0:
                buffer = _more(feed, process)
                left -= len(buffer)
            buffer = buffer[len(buffer) + left :] if left else b""
            yield b""
            continue
        parts, have = [buffer], len(buffer)
        while have <= size:
            more = _more(feed, process)
            parts.append(more)
            have += len(more)
        joined = parts[0] if len(parts) == 1 else b"".join(parts)
        yield joined[:size]
        buffer = joined[size + 1 :]


def _ahead(oids: list[str], asked: int) -> list[str]:
    """The next requests, at least one: git answers each with its name, so long ones may block."""
    size, end = 0, asked
    while end < min(len(oids), asked + _AHEAD) and (end == asked or size < _AHEAD_BYTES):
        size += len(oids[end]) + 1
        end += 1
    return oids[asked:end] if size < _AHEAD_BYTES or end == asked + 1 else oids[asked : end - 1]


def _more(feed: Iterator[bytes], process: Process | None) -> bytes:
    data = next(feed, b"")
    if not data:
        raise failed("cat-file", process.errors() if process else b"")
    return data


def _size(header: bytes, path: bytes, *, lenient: bool) -> int | None:
    """The size that an answer of cat-file begins with; None: it has not the object."""
    words = header.rsplit(b" ", 2)
    if len(words) != 3 or not words[2].isdigit():
        if lenient and words[-1] == b"missing":
            return None
        raise GitError(
            f"git has not the object {printable(words[0])} of {printable(path)}",
            hint="fetch what a partial clone lacks, or run: git fsck",
        )
    return int(words[2])
