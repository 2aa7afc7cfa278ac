"""Use case: an interactive shell with a profile's credentials, and a prompt that says so.

No file of the person's is changed: bash is given a file to read instead of ~/.bashrc, zsh a folder
for its first file, fish a command; each runs the person's own files too.
"""

import os
import sys

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prompt")
# After config.fish. A prompt shows the last status, so it is put back before the person's own.
_FISH = """
functions -q fish_prompt; and functions -c fish_prompt __credguard_own_prompt
function __credguard_status; return $argv[1]; end
function fish_prompt
    set -l last $status
    printf '(%s) ' "$CREDGUARD_PROFILE"
    if functions -q __credguard_own_prompt
        __credguard_status $last
        __credguard_own_prompt
    else
        printf '%s> ' (prompt_pwd)
    end
end
"""


def program() -> str:
    """The person's shell: $SHELL, else the system's own."""
    if sys.platform == "win32":
        return os.environ.get("COMSPEC", "cmd.exe")
    return os.environ.get("SHELL") or "/bin/sh"


def start(shell: str, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The words that start `shell` with the hint in its prompt, and its environment.

    A shell that is none of bash, zsh and fish starts without a hint.
    """
    name = os.path.basename(shell)
    if name == "bash":
        return [shell, "--rcfile", os.path.join(_FOLDER, "bashrc")], environment
    if name == "zsh":
        folder = environment.get("ZDOTDIR")
        own = {} if folder is None else {"CREDGUARD_ZDOTDIR": folder}
        return [shell], {**environment, **own, "ZDOTDIR": os.path.join(_FOLDER, "zsh")}
    if name == "fish":
        return [shell, "--init-command", _FISH], environment
    return [shell], environment
