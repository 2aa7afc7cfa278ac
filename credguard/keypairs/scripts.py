"""The shell scripts that change authorized_keys on an instance. Pure.

Each is POSIX sh, changes the file in one rename with owner and mode kept, may be repeated, and ends
with DONE on a line of its own when it did what it should.
"""

from shlex import quote

DONE = "credguard: done"

_HEAD = """set -eu
umask 077
{home}
file=$home/.ssh/authorized_keys
[ -d "$home/.ssh" ]
file=$(readlink -f -- "$file")
"""
# The login's own home, or that of another user, whom root becomes first: in a folder that is that
# user's, root would follow whatever link lies there.
_MINE = "home=$HOME"
_THEIRS = "home=$(getent passwd {user} | cut -d: -f6)"
_AS = """set -eu
if [ "$(id -un)" = {user} ]; then
    exec sh -c {script}
fi
exec su {user} -s /bin/sh -c {script}
"""

# With the options of the old line, such as from="..." or a command: the new key opens no more.
_ADD = """if ! grep -qF -- {blob} "$file"; then
    was=$(grep -F -- {old_blob} "$file" | grep -v '^[[:space:]]*#' | head -n 1)
    [ -n "$was" ] || {{ echo "the old key is not in $file" >&2; exit 1; }}
    before=${{was%%{old_blob}*}}
    before=${{before%{old_type}*}}
    cp -p -- "$file" "$file.credguard"
    {{ cat -- "$file"; [ -z "$(tail -c 1 -- "$file")" ] || echo
        printf '%s%s\\n' "$before" {line}; }} \\
        >"$file.credguard"
    mv -f -- "$file.credguard" "$file"
fi
"""
_KEEP = """grep -qF -- {blob} "$file"
"""
_REMOVE = """if grep -qF -- {blob} "$file"; then
    cp -p -- "$file" "$file.credguard"
    grep -vF -- {blob} "$file" >"$file.credguard" || [ $? = 1 ]
    mv -f -- "$file.credguard" "$file"
fi
"""


def _script(parts: str, user: str | None) -> str:
    home = _MINE if user is None else _THEIRS.format(user=quote(user))
    script = f"{_HEAD.format(home=home)}{parts}echo {quote(DONE)}\n"
    return script if user is None else _AS.format(user=quote(user), script=quote(script))


def _blob(line: str) -> str:
    return quote(line.split()[1])


def add(line: str, *, old: str, user: str | None = None) -> str:
    """The public `line` is in the file of `user`; None: of whoever runs it.

    It fails where neither it nor `old` is: the key that it replaces did not let in there.
    """
    parts = _ADD.format(
        blob=_blob(line), line=quote(line), old_blob=_blob(old), old_type=quote(old.split()[0])
    )
    return _script(parts, user)


def present(line: str, *, user: str | None = None) -> str:
    """It fails unless `line` is there. Changes nothing."""
    return _script(_KEEP.format(blob=_blob(line)), user)


def remove(line: str, *, keep: str | None, user: str | None = None) -> str:
    """`line` is not there; it fails first unless `keep` is. `keep` None: none needs to be."""
    check = _KEEP.format(blob=_blob(keep)) if keep is not None else ""
    return _script(check + _REMOVE.format(blob=_blob(line)), user)
