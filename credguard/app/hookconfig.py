"""Hooks that git's configuration names, beside those of a hooks folder: git 2.54 and later.

https://git-scm.com/docs/git-hook: `hook.NAME.event` and `hook.NAME.command`; they run before the
hook of the folder, whatever core.hooksPath says, so ours also run where a repository's own
core.hooksPath puts the global folder aside. Earlier versions of git pass over these settings.
"""

import os
import shlex
from dataclasses import dataclass

from credguard import paths
from credguard.app.hookfiles import is_ours
from credguard.app.hookshim import INSTALLED, configured_shim
from credguard.atomic import write_private
from credguard.errors import GitError
from credguard.sources.git import run

_SINCE = (2, 54)
_PREFIX = "credguard-"
_FALSE = {"false", "no", "off", "0", ""}


@dataclass(frozen=True, slots=True)
class Configured:
    """A hook that a configuration file names. `scope`: system, global, local, worktree, command.

    `ours`: its command is one of our files, and that is there.
    """

    event: str
    name: str
    scope: str
    command: str
    enabled: bool
    ours: bool


def available() -> bool:
    """Whether git runs such hooks. Raises GitError: there is no git."""
    words = run(paths.home(), "version").decode("ascii", "replace").split()
    numbers = words[2].split(".") if len(words) > 2 else []
    return tuple(int(each) if each.isdecimal() else 0 for each in numbers[:2]) >= _SINCE


def configured(cwd: str) -> list[Configured]:
    """Every hook that git's configuration names in `cwd`, in git's order; none before 2.54.

    Raises GitError.
    """
    if not available():
        return []
    args = ("config", "-z", "--show-scope", "--get-regexp", r"^hook\.")
    fields = run(cwd, *args, hooks=True, ok=(0, 1)).decode("utf-8", "surrogateescape").split("\0")
    events: dict[str, dict[str, str]] = {}
    commands: dict[str, str] = {}
    enabled: dict[str, bool] = {}
    for scope, row in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = row.partition("\n")
        name, _, what = key.removeprefix("hook.").rpartition(".")
        if what == "command":
            commands[name] = value
        elif what == "enabled":
            # Without "=" it has no line end, and means true.
            enabled[name] = "\n" not in row or value.lower() not in _FALSE
        elif what == "event" and value:
            events.setdefault(name, {})[value] = scope
        elif what == "event":
            events.pop(name, None)
    return [
        Configured(
            event, name, scope, commands[name],
            enabled.get(name, True) and enabled.get(event, True), _is_our_command(commands[name]),
        )
        for name, of in events.items()
        if name in commands
        for event, scope in of.items()
    ]  # fmt: skip


def _is_our_command(command: str) -> bool:
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return len(words) == 1 and is_ours(words[0]) and os.access(words[0], os.X_OK)


def covers(found: list[Configured]) -> bool:
    """Whether all of our hooks are among them, and run."""
    return set(INSTALLED) <= {each.event for each in found if each.ours and each.enabled}


def _file(folder: str, name: str) -> str:
    return os.path.join(folder, "configured", name)


def install(folder: str) -> bool:
    """Name our hooks in the person's own configuration, their files below `folder`.

    False: this git has no such hooks. Safe to repeat. Raises GitError, OSError.
    """
    if not available():
        return False
    os.makedirs(os.path.dirname(_file(folder, "")), mode=0o700, exist_ok=True)
    for name in INSTALLED:
        write_private(_file(folder, name), configured_shim(name), 0o755)
    for name in INSTALLED:
        section = f"hook.{_PREFIX}{name}"
        command = shlex.quote(_file(folder, name))
        _set("--replace-all", f"{section}.command", command)
        _set("--replace-all", f"{section}.event", name)
    return True


def _set(*args: str) -> None:
    run(paths.home(), "config", "--global", *args, hooks=True)


def uninstall(folder: str) -> None:
    """Take them out again; none there is no error. Raises GitError, OSError."""
    args = ("config", "--global", "-z", "--name-only", "--get-regexp", rf"^hook\.{_PREFIX}")
    said = run(paths.home(), *args, hooks=True, ok=(0, 1)).decode("utf-8", "surrogateescape")
    for section in dict.fromkeys(key.rpartition(".")[0] for key in said.split("\0") if key):
        _set("--remove-section", section)
    for name in INSTALLED:
        if is_ours(_file(folder, name)):
            os.unlink(_file(folder, name))
    below = os.path.dirname(_file(folder, ""))
    if os.path.isdir(below) and not os.listdir(below):
        os.rmdir(below)


def refresh(folder: str) -> bool:
    """Write this version's text into the files that are there; whether any changed."""
    changed = False
    for name in INSTALLED:
        path = _file(folder, name)
        try:
            if not is_ours(path):
                continue
            with open(path, "rb") as file:
                if file.read() == configured_shim(name):
                    continue
            write_private(path, configured_shim(name), 0o755)
        except OSError as exc:
            raise GitError(f"cannot renew the hook {path}: {exc.strerror}") from exc
        changed = True
    return changed
