"""Who is at the other end of a Unix socket, as the kernel says. Imports little: hot path."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

# Linux, unix(7): SOL_SOCKET, SO_PEERCRED gives struct ucred {pid_t pid; uid_t uid; gid_t gid}.
_LINUX = (1, 17, 12)
# macOS and the BSDs, unix(4) and sys/ucred.h: SOL_LOCAL, LOCAL_PEERCRED gives struct xucred
# {u_int version; uid_t uid; short ngroups; gid_t groups[16]}; macOS: LOCAL_PEERPID gives an int.
_LOCAL, _PEERCRED, _PEERPID, _XUCRED = 0, 1, 2, 76


def identity(sock: "socket") -> tuple[int, int | None]:
    """The user id and the process id (None: not known) of the other end. Raises OSError."""
    order = sys.byteorder
    platform: str = sys.platform  # a text to the type checker: every branch is to be checked
    if platform.startswith("linux"):
        data = sock.getsockopt(*_LINUX)
        return int.from_bytes(data[4:8], order), int.from_bytes(data[:4], order) or None
    data = sock.getsockopt(_LOCAL, _PEERCRED, _XUCRED)
    if len(data) < 8:
        raise OSError("the system does not say who is at the other end")
    pid = None
    if platform == "darwin":
        try:
            pid = int.from_bytes(sock.getsockopt(_LOCAL, _PEERPID, 4), order) or None
        except OSError:  # it ended meanwhile
            pid = None
    return int.from_bytes(data[4:8], order), pid
