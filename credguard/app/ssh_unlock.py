"""The script that has keys in an agent by the time that ssh asks for them.

ssh runs it for the hosts of `ssh config` before it looks for keys (Match exec in
ssh_config(5)). It asks the agents what they hold, which takes milliseconds; only where keys are
missing it runs `credguard ssh unlock`. Its exit code 0 has ssh ask the agent that credguard starts.
The person's own agent is given nothing by itself: it may be forwarded from another machine.
"""

import os
import re
import shlex
import sys

from credguard import paths
from credguard.app import ssh_askpass

# Set where ssh is only asked for its settings: nothing is unlocked for that.
QUIET = "CREDGUARD_SSH_SETTINGS_ONLY"
# What stands for itself in ssh_config's double quotes, and between a shell's single ones.
_PLAIN = re.compile(r"[^'\"\\%$`!\x00-\x1f\x7f]+\Z")
_SCRIPT = """#!/bin/sh
# Run by ssh: $1 is the agent's socket, the rest are public keys. 0: that agent holds them all.
[ -z "$%(quiet)s" ] || exit 1
limit=  # macOS has no timeout
if command -v timeout >/dev/null; then limit='timeout 5'
elif command -v perl >/dev/null; then limit='perl -e alarm(5);exec@ARGV --'; fi
holds() {
    { held=$(SSH_AUTH_SOCK=$1 $limit ssh-add -L); } 2>/dev/null || return 1
    shift
    for file; do
        read -r kind key rest <"$file" && [ -n "$key" ] || return 1
        case $held in *"$key"*) ;; *) return 1 ;; esac
    done
}
holds "$@" && exit 0
own=$1
shift
[ -n "$SSH_AUTH_SOCK" ] && holds "$SSH_AUTH_SOCK" "$@" && exit 1
exec %(python)s -I -m credguard ssh unlock "$own"
"""


def path() -> str:
    """The script's place."""
    return os.path.join(paths.data_dir(), "ssh-unlock")


def command(socket: str, public_files: list[str]) -> str | None:
    """What ssh is to run for the keys of `public_files`; the script is there then.

    `socket`: of the agent that credguard starts. None: nothing, since there are none, or a path has
    what ssh or a shell takes for more than a name. Raises StoreError.
    """
    words = [path(), socket, *public_files]
    if sys.platform == "win32" or not public_files or not all(map(_PLAIN.match, words)):
        return None
    values = {"quiet": QUIET, "python": shlex.quote(ssh_askpass.python())}
    ssh_askpass.written(path(), _SCRIPT % values)
    return " ".join(f"'{each}'" for each in words)
