"""~/.ssh/config: one include of one file of ours, before the first Host. The rest stays as it is.

ssh takes the first value it finds, and what stands after `Host x` is only for x (ssh_config(5)), so
an include further down has no effect for other hosts.
"""

import os
import re

from credguard import atomic, reading
from credguard.errors import AlreadyExists, StoreError, Unsupported
from credguard.ssh import keys

_HEAD = "# Written by credguard ssh config; what is changed here is lost.\n"
_BLOCK = re.compile(r"[ \t]*(?:host|match)\b", re.IGNORECASE)
_LARGEST = 4 << 20
# EC2's own names of instances, and their ids.
HOSTS = (
    "i-*",
    "*.compute.amazonaws.com",
    "*.compute-1.amazonaws.com",
    "*.compute.internal",
    "*.ec2.internal",
)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\Z")
_PATTERN = re.compile(r"!?[A-Za-z0-9._:*?-]{1,255}\Z")


def path() -> str:
    """Our file."""
    return os.path.join(keys.folder(), "credguard.conf")


def main_path() -> str:
    """The person's."""
    return os.path.join(keys.folder(), "config")


def include_line() -> str:
    """The line that reads our file."""
    return f'Include "{path()}"\n'


def check_host(pattern: str) -> str:
    """`pattern`, when it can stand after Host. Raises Unsupported."""
    if not _PATTERN.match(pattern):
        raise Unsupported(
            f"{pattern!r} is no pattern of host names",
            hint="letters, digits, dots, dashes, * and ?, such as: --host '10.0.*'",
        )
    return pattern


def text(
    hosts: list[str],
    files: list[str],
    lifetime: str,
    user: str,
    unlock: tuple[str, str] | None,
    *,
    confirm: bool = False,
) -> str:
    """Our file's text: for `hosts`, the keys `files`, and no others that an agent may offer.

    `files`: private files, or public ones of keys that are only in the agent; none where every key
    was taken away. `unlock`: a command, and the agent that has the keys where it ends with 0.
    `confirm`: one of the keys asks before each use, so what ssh itself adds to an agent does.
    """
    lines = [_HEAD]
    if unlock is not None:
        lines.append(f'Match originalhost "{",".join(hosts)}" exec "{unlock[0]}"\n')
        lines.append(f'    IdentityAgent "{unlock[1]}"\n')
    lines.append("Host " + " ".join(hosts) + "\n")
    lines += [f'    IdentityFile "{each}"\n' for each in files]
    if files:
        kept = "yes" if lifetime.startswith("0") else lifetime
        if confirm:  # readconf.c takes a time after it
            kept = "confirm" if kept == "yes" else f"confirm {lifetime}"
        lines += ["    IdentitiesOnly yes\n", f"    AddKeysToAgent {kept}\n"]
    if user:
        lines.append(f"    User {user}\n")
    return "".join(lines)


def check_user(user: str) -> str:
    """`user`, when it can stand after User. Raises Unsupported."""
    if not _USER.match(user):
        raise Unsupported(f"{user!r} is no user name", hint="such as: --user ec2-user")
    return user


def write(content: str) -> str | None:
    """Put our file in its place; gives what was there. None: nothing.

    Raises StoreError, AlreadyExists (a file there is not ours).
    """
    keys.ssh_folder(for_private=False)
    present = _read(path())
    if present is not None and not present.startswith(_HEAD):
        raise AlreadyExists(f"{path()} is not a file of credguard's", hint="move it away")
    if present != content:
        _write(path(), content)
    return present


def include() -> bool:
    """Read our file from the person's, first of all; False: it was so already.

    Raises StoreError. A crash leaves the old file or the new one.
    """
    present = _read(main_path()) or ""
    line = include_line()
    rest = [each for each in present.splitlines(keepends=True) if each.strip() != line.strip()]
    before = []
    for each in present.splitlines(keepends=True):
        if _BLOCK.match(each):
            break
        before.append(each.strip())
    if line.strip() in before:
        return False
    _write(main_path(), line + "".join(rest))
    return True


def remove() -> list[str]:
    """Undo both; gives what was done, in words. Raises StoreError."""
    done = []
    present = _read(main_path())
    line = include_line()
    if present is not None and line in present:
        left = present.replace(line, "")
        if left or os.path.islink(main_path()):
            _write(main_path(), left)
        else:
            os.unlink(main_path())
        done.append(f"took the include out of {main_path()}")
    ours = _read(path())
    if ours is not None and ours.startswith(_HEAD):
        os.unlink(path())
        done.append(f"deleted {path()}")
    return done


def put_back(before: str | None, *, included: bool) -> None:
    """Undo `write`, which gave `before`, and an `include` that changed something (`included`).

    An include that was there already stays. Raises StoreError.
    """
    if included:
        remove()
    if before is not None:
        write(before)
    elif not included:
        atomic.remove(path())


def chosen() -> tuple[list[str], str] | None:
    """The hosts and the user that our file is for, as `text` wrote them; None: it is not there.

    Raises StoreError.
    """
    present = _read(path()) or ""
    if not present.startswith(_HEAD):
        return None
    lines = [each.split() for each in present.splitlines()]
    hosts = next((words[1:] for words in lines if words[:1] == ["Host"]), [])
    return hosts, next((words[1] for words in lines if words[:1] == ["User"]), "")


def _read(where: str) -> str | None:
    try:
        data = reading.content(where, _LARGEST)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"cannot read {where}: {exc.strerror}") from exc
    return data.decode("utf-8", "surrogateescape")


def _write(where: str, content: str) -> None:
    real = os.path.realpath(where)  # a link into a repository of settings stays one
    try:
        mode = os.stat(real).st_mode & 0o777 if os.path.exists(real) else 0o600
        atomic.write_private(real, content.encode("utf-8", "surrogateescape"), mode)
    except OSError as exc:
        raise StoreError(f"cannot write {where}: {exc.strerror}") from exc
