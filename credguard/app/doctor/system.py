"""Checks of the machine: PATH, git, OpenSSH, inotify, free space, watched folders."""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, some, warn
from credguard.app.status import daemon_state
from credguard.sources import ignored
from credguard.sources.git import run
from credguard.store import ssh, watches

LAUNCHER = b"# credguard launcher, written by install.sh"
# `git config --show-scope`, which the hook's installation needs, came with 2.26.
OLDEST_GIT = (2, 26)
_LOW, _EMPTY = 200 << 20, 20 << 20
_MOST_FOLDERS = 200_000
WALK_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Path:
    """`found`: every `credguard` on PATH in order; `launcher`: install.sh's, None: none.

    `listed`: its folder is on PATH; `dead`: what it starts and is not there; `relative`: entries of
    PATH that depend on the folder one is in.
    """

    found: list[str]
    launcher: str | None
    listed: bool
    dead: str | None
    relative: list[str]


def path_facts(_ctx: Context) -> Path:
    """Looks through PATH as a shell does."""
    entries = os.environ.get("PATH", "").split(os.pathsep)
    places = [os.path.join(each, "credguard") for each in dict.fromkeys(entries) if each]
    found = [each for each in places if os.path.isfile(each) and os.access(each, os.X_OK)]
    launcher = os.path.join(paths.home(), ".local", "bin", "credguard")
    text = _head(launcher)
    ours = LAUNCHER in text
    listed = os.path.dirname(launcher) in [os.path.normpath(each) for each in entries if each]
    match = re.search(rb"^exec ('(?:[^']|'\\'')*')", text, re.MULTILINE)
    program = shlex.split(os.fsdecode(match[1]))[0] if ours and match else None
    dead = program if program and not os.access(program, os.X_OK) else None
    relative = [each or "(empty)" for each in entries if not os.path.isabs(each)]
    return Path(found, launcher if ours else None, listed, dead, relative)


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def path(facts: Path) -> list[Check]:
    """Whether `credguard` is the installed one."""
    checks = []
    if facts.dead:
        checks.append(fail(f"{facts.launcher} starts {facts.dead}, which is gone", _reinstall()))
    if facts.relative:
        said = f"PATH has an entry that is not absolute: {some(facts.relative)}"
        checks.append(warn(said, "take it out: a program of any folder could be run by mistake"))
    if facts.launcher is None:
        return checks  # run from a checkout or another environment
    if not facts.listed:
        said = f"{os.path.dirname(facts.launcher)} is not on PATH"
        fix = 'run: export PATH="$HOME/.local/bin:$PATH"'
        fix += "\nand put that line into your shell's profile"
        checks.append(warn(said, fix))
    elif facts.found and not os.path.samefile(facts.found[0], facts.launcher):
        said = f"{facts.found[0]} comes before the installed {facts.launcher} on PATH"
        fix = f"remove it, or run: export PATH={shlex.quote(os.path.dirname(facts.launcher))}:$PATH"
        checks.append(fail(said, fix))
    return checks or [ok(f"{facts.launcher} comes first")]


def _reinstall() -> str:
    return "in credguard's folder: ./install.sh"


def git_facts(_ctx: Context) -> str | None:
    """What `git --version` says; None: no git."""
    return os.fsdecode(run(None, "--version")).strip() if shutil.which("git") else None


def git(said: str | None) -> list[Check]:
    """Whether git is there and new enough for the hooks."""
    if said is None:
        return [fail("git is not on PATH", "install it (Debian, Ubuntu: sudo apt install git)")]
    match = re.search(r"(\d+)\.(\d+)", said)
    if match and (int(match[1]), int(match[2])) < OLDEST_GIT:
        wanted = ".".join(map(str, OLDEST_GIT))
        return [fail(f"{said} is too old for the hooks", f"install {wanted} or newer")]
    return [ok(said)]


@dataclass(frozen=True, slots=True)
class Ssh:
    """`missing`: programs of OpenSSH that are not on PATH; `keys`: made by credguard.

    `lost`: private keys in the index that are not there. `agent`: SSH_AUTH_SOCK, None: not set;
    `agent_dead`: nobody listens there.
    """

    missing: list[str]
    keys: int
    lost: list[str]
    agent: str | None
    agent_dead: bool


def ssh_facts(ctx: Context) -> Ssh:
    """Looks for the programs and the keys."""
    import socket

    missing = [each for each in ("ssh", "ssh-add", "ssh-keygen") if not shutil.which(each)]
    keys = ssh.keys(state.store(ctx)) if state.there() else []
    address = os.environ.get("SSH_AUTH_SOCK") or None
    dead = False
    if address and sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(address)
            except OSError:
                dead = True
    keys = [each for each in keys if each.state not in {ssh.MAKING, ssh.REVOKED}]
    lost = [each.path for each in keys if each.path and not os.path.isfile(each.path)]
    return Ssh(missing, len(keys), lost, address, dead)


def openssh(facts: Ssh) -> list[Check]:
    """Whether OpenSSH and the keys made for it are there."""
    checks = []
    if facts.missing:
        said = f"OpenSSH is not complete here: no {some(facts.missing)}"
        fix = "install it (Debian, Ubuntu: sudo apt install openssh-client)"
        checks.append(fail(said, fix) if facts.keys else warn(said, fix))
    if facts.lost:
        fix = "put it back from a backup; or make another: credguard ssh create --name NAME"
        checks.append(fail(f"the private key {some(facts.lost)} is gone", fix))
    if facts.keys and facts.agent_dead:
        said = f"SSH_AUTH_SOCK names {facts.agent}, where no ssh-agent answers"
        checks.append(warn(said, 'run: eval "$(credguard ssh agent)"'))
    return checks or [ok("there")]


@dataclass(frozen=True, slots=True)
class Watched:
    """`folders`: to be watched; `used`: watches that this user's other programs hold.

    `limit`: fs.inotify.max_user_watches, None: not Linux. `gone`, `closed`: roots that are not
    there, or cannot be read.
    """

    gone: list[str]
    closed: list[str]
    folders: int = 0
    used: int = 0
    limit: int | None = None


def watched_facts(ctx: Context) -> Watched:
    """Counts the folders below the watched ones, at most 200,000."""
    roots = watches.roots(state.store(ctx)) if state.there() else []
    gone = [each for each in roots if not os.path.isdir(each)]
    closed = [e for e in roots if e not in gone and not os.access(e, os.R_OK | os.X_OK)]
    if not roots or sys.platform != "linux":
        return Watched(gone, closed)
    folders = sum(_count(each) for each in roots if each not in gone)
    limit = _number("/proc/sys/fs/inotify/max_user_watches")
    return Watched(gone, closed, folders, _used(), limit)


def _number(file: str) -> int | None:
    try:
        with open(file) as opened:
            return int(opened.read())
    except (OSError, ValueError):
        return None


def _count(root: str) -> int:
    count, stack = 0, [root]
    while stack and count < _MOST_FOLDERS:
        folder = stack.pop()
        count += 1
        try:
            with os.scandir(folder) as entries:
                stack += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and entry.name not in ignored.PRUNED
                ]
        except OSError:
            continue
    return count


def _used() -> int:
    """Watches held now by this user's processes; those of our own daemon are not told apart."""
    if daemon_state() == "running":
        return 0
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = f"/proc/{pid}/fdinfo"
        try:
            if os.stat(folder).st_uid != os.getuid():
                continue
            for name in os.listdir(folder):
                if os.readlink(f"/proc/{pid}/fd/{name}") == "anon_inode:inotify":
                    with open(f"{folder}/{name}") as file:
                        total += sum(line.startswith("inotify ") for line in file)
        except OSError:
            continue
    return total


def watched(facts: Watched) -> list[Check]:
    """Whether the watched folders are there and the system lets all of them be watched."""
    checks = []
    for each in facts.gone:
        fix = f"run: credguard watch remove {shlex.quote(each)}"
        checks.append(fail(f"the watched folder {each} is not there", fix))
    for each in facts.closed:
        fix = f"run: chmod u+rx {shlex.quote(each)}"
        checks.append(fail(f"the watched folder {each} cannot be read", fix))
    if facts.limit is not None and facts.folders + facts.used > facts.limit:
        said = (
            f"{facts.folders} folders are to be watched and {facts.used} watches are taken, but the"
            f" system allows {facts.limit} (fs.inotify.max_user_watches)"
        )
        wanted = max(524288, 2 * (facts.folders + facts.used))
        line = f"fs.inotify.max_user_watches={wanted}"
        fix = f"run: echo {line} | sudo tee /etc/sysctl.d/60-inotify.conf && sudo sysctl --system"
        checks.append(warn(said, fix))
    return checks or ([ok(f"{facts.folders} folders")] if facts.folders else [])


@dataclass(frozen=True, slots=True)
class Space:
    """Free bytes and free inodes (None: the file system has no such limit) where `path` lies."""

    path: str
    free: int
    inodes: int | None


def space_facts(_ctx: Context) -> list[Space]:
    """Asks the file systems of state and data."""
    found: dict[int, Space] = {}
    for folder in (paths.state_dir(), paths.data_dir()):
        here = folder
        while not os.path.isdir(here):
            here = os.path.dirname(here)
        if hasattr(os, "statvfs"):
            status = os.statvfs(here)
            inodes = status.f_favail if status.f_files else None
            space = Space(here, status.f_bavail * status.f_frsize, inodes)
        else:
            space = Space(here, shutil.disk_usage(here).free, None)
        found[os.stat(here).st_dev] = space
    return list(found.values())


def space(found: list[Space]) -> list[Check]:
    """Whether a journal and a vault can still be written."""
    checks = []
    for each in found:
        said = f"{each.free >> 20} MB are free where {each.path} lies"
        if each.free < _EMPTY or (each.inodes is not None and each.inodes < 50):
            if each.free >= _EMPTY:
                said = f"no more files can be made where {each.path} lies"
            fix = "free some space: no key can be rotated without a journal"
            checks.append(fail(said, fix))
        elif each.free < _LOW:
            checks.append(warn(said, "free some space before a rotation needs it"))
    return checks or [ok("enough")]
