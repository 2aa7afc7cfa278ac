"""The agent's socket: made where only its own user gets at it, and taken away again."""

import contextlib
import os
import shlex
import socket
import stat

from credguard import paths
from credguard.errors import Busy, StoreError, Unsupported

# sun_path of sys/un.h: 108 bytes on Linux, 104 on macOS and the BSDs, the NUL among them.
_LONGEST_PATH = 103
_BACKLOG = 1024
_PROBE_S = 2.0


def listen(path: str) -> socket.socket:
    """A listening socket at `path`, 0600 in a folder of ours of mode 0700.

    The caller holds the lock that makes it the only agent; a socket that nobody listens at any more
    is replaced. Raises StoreError (folder or file are not ours alone), Busy (an agent of another
    state folder listens there), Unsupported (the path is too long).
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise Unsupported(
            f"the agent's socket {path} would have too long a path",
            hint="set XDG_RUNTIME_DIR to a folder with a short path",
        )
    _own_folder(os.path.dirname(path))
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as exc:
        sock.close()
        raise StoreError(f"cannot listen at {path}: {exc.strerror or exc}") from exc
    return sock


def remove(path: str) -> None:
    """Take the socket away; the caller made it and still holds its lock."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def identity(path: str) -> tuple[int, int] | None:
    """Tells the socket at `path` from another one of that name; None: there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def adopt(sock: socket.socket, path: str) -> None:
    """Make a service manager's listening socket ready to be served.

    Raises StoreError: it is not the agent's socket at `path`, or others could reach it.
    """
    if (
        sock.family != socket.AF_UNIX
        or sock.type != socket.SOCK_STREAM
        or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 0
        or sock.getsockname() != path
    ):
        raise StoreError(
            f"the socket that the service manager passed is not {path}",
            hint="run: credguard service install",
        )
    _own_folder(os.path.dirname(path))
    sock.setblocking(False)


def kind(status: os.stat_result) -> str:
    """What stands in a socket's place, and of whom, in words."""
    names = {stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink", stat.S_IFSOCK: "socket"}
    name = names.get(stat.S_IFMT(status.st_mode), "file")
    return f"a {name}" if status.st_uid == os.getuid() else f"a {name} of user {status.st_uid}"


def _own_folder(folder: str) -> None:
    quoted = shlex.quote(folder)
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        paths.private_dir(folder)
        status = os.lstat(folder)
    except OSError as exc:
        raise StoreError(f"cannot look at the folder {folder}: {exc.strerror}") from exc
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StoreError(
            f"{kind(status)} lies at {folder}, where the folder of the agent's socket belongs",
            hint=f"move it away: mv {quoted} {shlex.quote(folder + '.old')}",
        )
    if status.st_mode & 0o077:
        raise StoreError(
            f"the folder {folder} can be entered by others", hint=f"run: chmod 700 {quoted}"
        )


def _clear(path: str) -> None:
    """Remove a stale socket. Raises StoreError, Busy."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise StoreError(f"cannot look at {path}: {exc.strerror}") from exc
    if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.getuid():
        raise StoreError(
            f"{kind(status)} lies at {path}, where the agent's socket belongs",
            hint=f"move it away: mv {shlex.quote(path)} {shlex.quote(path + '.old')}",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            remove(path)
            return
        except OSError:
            pass  # a full queue: somebody listens
    raise Busy(
        f"the background service, or an agent of another home, listens at {path}",
        hint="see: credguard service status; another home's: end what fuser -v shows",
    )
