"""Checks of files and folders: modes, owners, git trees, sessions and copies in plaintext."""

import contextlib
import datetime
import json
import os
import re
import shlex
import stat
import sys
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, some, warn
from credguard.errors import CredguardError, GitError
from credguard.sources.git import run
from credguard.store import ssh

_MOST = 500
_LARGEST = 1 << 20
# Bits that must be off: for what holds secrets, and for what others must not change.
_SECRET, _UNWRITTEN = 0o077, 0o022
_HOLDS_KEY = re.compile(rb"aws_secret_access_key[ \t]*[=:][ \t]*\S{16}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder that is there. `forbidden`: mode bits that must be off."""

    path: str
    mode: int
    ours: bool
    forbidden: int
    folder: bool


def _aws_dir() -> str:
    return os.path.join(paths.home(), ".aws")


def gather(ctx: Context) -> list[Entry]:
    """What is there of the files and folders that credguard and AWS tools trust."""
    wanted = {paths.home(): _UNWRITTEN}
    aws = _aws_dir()
    wanted[aws] = _UNWRITTEN
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(aws))[:_MOST]:
            path = os.path.join(aws, name)
            wanted[path] = _UNWRITTEN if os.path.isdir(path) else _SECRET
    wanted[paths.aws_credentials_file()] = _SECRET
    wanted[paths.aws_config_file()] = _UNWRITTEN
    for folder in (paths.state_dir(), paths.config_dir(), paths.data_dir(), paths.cache_dir()):
        wanted[folder] = _UNWRITTEN
    for path in (paths.database_file(), paths.config_file(), paths.log_file()):
        wanted[path] = _UNWRITTEN
    wanted[paths.vault_file()] = _SECRET
    wanted[os.path.join(paths.home(), ".ssh")] = _UNWRITTEN
    with contextlib.suppress(CredguardError):
        wanted |= {each.path: _SECRET for each in _ssh_keys(ctx)}
    return [entry for path, bits in wanted.items() if (entry := _entry(path, bits))]


def _ssh_keys(ctx: Context) -> list[ssh.SshKey]:
    return ssh.keys(state.store(ctx)) if state.there() else []


def _entry(path: str, bits: int) -> Entry | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    ours = sys.platform == "win32" or status.st_uid == os.getuid()
    return Entry(path, stat.S_IMODE(status.st_mode), ours, bits, stat.S_ISDIR(status.st_mode))


def modes(entries: list[Entry]) -> list[Check]:
    """Whether others can write what is trusted, or read what is secret."""
    if sys.platform == "win32":
        return []
    found = []
    for each in entries:
        path = shlex.quote(each.path)
        if not each.ours:
            said = f"{each.path} belongs to another user"
            found.append(fail(said, f'run: sudo chown -R "$(id -un)" {path}'))
            continue
        open_bits = each.mode & each.forbidden
        if open_bits & _UNWRITTEN:
            found.append(fail(f"others can write {each.path}", f"run: chmod go-w {path}"))
        elif open_bits and not each.folder:
            found.append(fail(f"others can read {each.path}", f"run: chmod 600 {path}"))
    return found or [ok("nobody else can write them, or read what is secret")]


@dataclass(frozen=True, slots=True)
class InGit:
    """`path`: as named; `tracked`: git has it in its index; `key`: it holds a key in plaintext."""

    path: str
    top: str
    tracked: bool
    ignored: bool
    key: bool


def git_facts(_ctx: Context) -> list[InGit]:
    """Which of the files lie, by their real path, inside a git work tree."""
    found = []
    for path in (paths.aws_credentials_file(), paths.aws_config_file(), paths.vault_file()):
        real = os.path.realpath(path)
        top = _git_top(real) if os.path.isfile(real) else None
        if top is None:
            continue
        tracked = bool(run(top, "ls-files", "-z", "--", real))
        ignored = bool(run(top, "check-ignore", "--", real, ok=(0, 1)))
        found.append(InGit(path, top, tracked, ignored, _holds_key(real)))
    return found


def _git_top(real: str) -> str | None:
    folder = os.path.dirname(real)
    while folder != os.path.dirname(folder):
        if os.path.exists(os.path.join(folder, ".git")):
            try:
                run(folder, "rev-parse", "--git-dir")
            except GitError:
                return None
            return folder
        folder = os.path.dirname(folder)
    return None


def _holds_key(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(_HOLDS_KEY.search(file.read(_LARGEST)))
    except OSError:
        return False


def git_trees(found: list[InGit]) -> list[Check]:
    """Whether a file with secrets can be committed."""
    checks = []
    for each in found:
        out = f"take it out: git -C {shlex.quote(each.top)} rm --cached {shlex.quote(each.path)}"
        if each.tracked and each.key:
            said = f"{each.path} holds a key and is tracked by the git repository {each.top}"
            checks.append(fail(said, f"{out}; its history has the key too, so replace that"))
        elif each.tracked:
            said = f"{each.path} is tracked by the git repository {each.top}"
            checks.append(warn(said, f"{out}; or see that no secret ever gets into it"))
        elif not each.ignored:
            said = f"{each.path} lies in the git repository {each.top}, not ignored"
            checks.append(warn(said, f"add its name to {os.path.join(each.top, '.gitignore')}"))
    return checks


@dataclass(frozen=True, slots=True)
class Cache:
    """`folder` of AWS tools' sessions in plaintext; `live`: files not ended yet."""

    folder: str
    live: int


def cache_facts(ctx: Context) -> list[Cache]:
    """The AWS CLI's caches of sessions and sign-ins."""
    found = []
    for name in ("cli/cache", "sso/cache", "boto/cache", "login/cache"):
        folder = os.path.join(_aws_dir(), name)
        live = 0
        with contextlib.suppress(OSError):
            for file in sorted(os.listdir(folder))[:_MOST]:
                if file.endswith(".json"):
                    live += _lives(os.path.join(folder, file), ctx.now())
        if live:
            found.append(Cache(folder, live))
    return found


def _lives(path: str, now: float) -> bool:
    try:
        with open(path, "rb") as file:
            content = json.loads(file.read(_LARGEST))
    except (OSError, ValueError):
        return False
    if not isinstance(content, dict):
        return False
    inner = content.get("Credentials", content.get("accessToken", content))
    holder = inner if isinstance(inner, dict) else content
    ends = holder.get("Expiration", content.get("expiresAt", content.get("Expiration")))
    secret = any(name in holder for name in ("SecretAccessKey", "accessToken"))
    if not secret or not isinstance(ends, str):
        return secret
    try:
        when = datetime.datetime.fromisoformat(ends.replace("UTC", "+00:00"))
    except ValueError:
        return True
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp() > now


def caches(found: list[Cache]) -> list[Check]:
    """Sessions that AWS tools keep in plaintext."""
    if not found:
        return [ok("AWS tools keep no session in plaintext")]
    checks = []
    for each in found:
        count = "a session" if each.live == 1 else f"{each.live} sessions"
        said = f"{count} in plaintext in {each.folder}"
        fix = f"run: rm -f {shlex.quote(each.folder)}/*.json"
        if "sso" in each.folder or "login" in each.folder:
            fix += "\nyou sign in again the next time; or end them at AWS too: aws sso logout"
        checks.append(warn(said, fix))
    return checks


def copy_facts(_ctx: Context) -> list[str]:
    """Files beside the two that hold a key in plaintext, such as an editor's backup."""
    known = {os.path.realpath(p) for p in (paths.aws_credentials_file(), paths.aws_config_file())}
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(_aws_dir()))[:_MOST]:
            path = os.path.join(_aws_dir(), name)
            if os.path.isfile(path) and os.path.realpath(path) not in known and _holds_key(path):
                found.append(path)
    return found


def copies(found: list[str]) -> list[Check]:
    """Copies of the credentials file that keep a key."""
    if not found:
        return []
    fix = f"run: rm {' '.join(shlex.quote(each) for each in found)}"
    said = f"a key in plaintext is left in {some(found)}"
    return [warn(said, f"where you need nothing of it:\n{fix}")]
