"""Use case: what a bug report needs, in one archive, without a secret and with names made up.

Nothing here is meant to hold a secret in the first place; it is looked at all the same, by shape
and by the scanner, which knows the vault's values in any encoding.
"""

import dataclasses
import io
import json
import os
import platform
import re
import socket
import sqlite3
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

from credguard import __version__, logs, paths
from credguard.app import service
from credguard.app.context import Context
from credguard.app.doctor.run import everything
from credguard.app.status import status
from credguard.awsfiles.files import section_names
from credguard.errors import ConfigError, CredguardError, StoreError
from credguard.scan.model import Finding, Limits
from credguard.scan.whole import scan_all
from credguard.services import systemd
from credguard.sources import git
from credguard.sources.database import load_engine
from credguard.sources.own import armed
from credguard.store import events, findings, hooks, profiles, secrets, ssh, watches

_LOG_LINES = 2000
_EVENTS = 300
_WORDS = 60
_ROUNDS = 5
_SECONDS = 20.0

_README = """\
credguard's bundle for a bug report.

Look through every file before you send it: only you know what must not leave your company.

Left out or made up: secrets (by their shape, and by the scanner, which knows your vault's values),
key ids, account numbers, names of users, profiles, secrets, SSH keys, this machine and your home
folder, watched folders, repositories and files with findings. The same name is always made up in
the same way. Hand-outs of keys are not in it at all.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`data`: a zip archive. `names`: the files in it; `removed`: places blotted out as secrets.

    `missing`: what could not be gathered, and why.
    """

    data: bytes
    names: list[str]
    removed: int
    missing: list[str]


def bundle(ctx: Context) -> Bundle:
    """Gather everything; changes nothing, asks nobody. What cannot be read is in `missing`.

    Raises CredguardError: the scanner's rules do not load, so nothing could be looked through.
    """
    missing: list[str] = []
    cleaner = _Cleaner(_names(ctx, missing), missing)
    texts = {}
    for name, gather in _PARTS:
        try:
            texts[name] = cleaner.clean(gather(ctx), name)
        except (CredguardError, OSError, sqlite3.Error) as error:
            missing.append(cleaner.clean(f"{name}: {error}", name))
    head = _README
    if missing:
        head += "\nNot in it:\n" + "".join(f"  {each}\n" for each in missing)
    texts = {"README.txt": head, **texts}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8", "backslashreplace"))
    return Bundle(packed.getvalue(), list(texts), cleaner.removed, missing)


# What is in it


def _about(_ctx: Context) -> str:
    packages = {}
    for each in metadata.requires("credguard") or ():
        name = re.split(r"[ ;<>=!\[]", each, maxsplit=1)[0]
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not installed"
    try:
        git_version = git.run(paths.home(), "--version").decode().strip()
    except CredguardError as error:
        git_version = str(error)
    release = {}
    if hasattr(platform, "freedesktop_os_release"):
        try:
            release = platform.freedesktop_os_release()
        except OSError:
            release = {}
    rows = {
        "credguard": __version__,
        "python": sys.version,
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "release": release.get("PRETTY_NAME", ""),
        "libc": " ".join(platform.libc_ver()),
        "sqlite": sqlite3.sqlite_version,
        "git": git_version,
        "encoding": f"{sys.getfilesystemencoding()}, {sys.stdout.encoding}",
        "desktop": os.environ.get("XDG_CURRENT_DESKTOP", ""),
        "session": os.environ.get("XDG_SESSION_TYPE", ""),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "packages": packages,
    }
    return json.dumps(rows, indent=2)


def _checks(_ctx: Context) -> str:
    return json.dumps([dataclasses.asdict(each) for each in everything()], indent=2)


def _status(ctx: Context) -> str:
    rows = dataclasses.asdict(status(ctx))
    for each in rows["open_findings"]:
        each["masked"] = "***"  # has the first characters of a secret
    return json.dumps(rows, indent=2)


def _settings(_ctx: Context) -> str:
    try:
        with open(paths.config_file(), encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _log(_ctx: Context) -> str:
    return "".join(f"{line}\n" for line in service.log_lines(_LOG_LINES, follow=False))


def _events(ctx: Context) -> str:
    rows = events.recent(ctx.db, _EVENTS)[::-1]
    return "".join(f"{json.dumps(dataclasses.asdict(row))}\n" for row in rows)


def _database(ctx: Context) -> str:
    tables = [
        row["name"]
        for row in ctx.db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )
    ]
    rows = {
        "version": ctx.db.execute("PRAGMA user_version").fetchone()[0],
        "check": ctx.db.execute("PRAGMA quick_check").fetchone()[0],
        "bytes": os.path.getsize(paths.database_file()),
        "rows": {
            name: ctx.db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - ours
            for name in tables
        },
    }
    return json.dumps(rows, indent=2)


def _service(_ctx: Context) -> str:
    parts = [f"status: {service.status()}\n"]
    parts += [f"{name}: {value}\n" for name, value in service.details().items()]
    if sys.platform == "linux":
        for name in (systemd.SERVICE, systemd.SOCKET, systemd.TICK, systemd.TIMER):
            path = os.path.join(systemd.unit_dir(), name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="backslashreplace") as file:
                    parts.append(f"\n# {name}\n{file.read()}")
    parts += ["\n", *(f"{line}\n" for line in service.words(_WORDS))]
    return "".join(parts)


_PARTS: tuple[tuple[str, Callable[[Context], str]], ...] = (
    ("about.json", _about),
    ("checks.json", _checks),
    ("status.json", _status),
    ("config.toml", _settings),
    ("log.txt", _log),
    ("events.jsonl", _events),
    ("database.json", _database),
    ("service.txt", _service),
)


# What is taken out


def _names(ctx: Context, missing: list[str]) -> dict[str, str]:
    """Everything that names a person, an account or a place -> what it is called instead."""
    found = {paths.home(): "~"}
    try:
        _stored_names(ctx.db, found)
    except (StoreError, sqlite3.Error) as error:
        missing.append(f"names from the state database: {error}")
    try:
        for number, name in enumerate(dict.fromkeys(section_names()), 1):
            if len(name) > 2 and name != "default":
                found.setdefault(name, f"aws-section-{number}")
                found.setdefault(name.lower(), f"aws-section-{number}")
    except (ConfigError, OSError) as error:
        missing.append(f"names from the AWS files: {error}")
    for name, instead in ((socket.gethostname(), "this-machine"), (_login(), "me")):
        if len(name) > 2 and name != "root":
            found.setdefault(name, instead)
    return found


def _stored_names(db: sqlite3.Connection, found: dict[str, str]) -> None:
    def call(kind: str, names: Iterable[str]) -> None:
        for number, name in enumerate(dict.fromkeys(names), 1):
            if len(name) > 2 and name != "default":
                found.setdefault(name, f"{kind}-{number}")

    keys = profiles.keys(db)
    call("profile", (each.name for each in profiles.profiles(db)))
    call("user", (each.user_name for each in keys))
    call("userid", (each.user_id for each in keys))
    call("secret", secrets.names(db))
    call("sshkey", (each.name for each in ssh.keys(db)))
    call("/folder", watches.roots(db))
    repositories = [each.repository for each in hooks.installed(db)]
    tops = [each.removesuffix("/.git") for each in repositories if os.path.isabs(each)]
    call("/repository", tops)
    places = dict.fromkeys(each.path for each in findings.in_state(db))
    for number, each in enumerate(places, 1):
        found.setdefault(each, f"/file-{number}{os.path.splitext(each)[1][:8]}")


def _login() -> str:
    return os.path.basename(paths.home()) or os.environ.get("USER", "")


_LEFT_OUT = "*** this line was left out ***\n"
_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(A[KS]IA|AIDA|AROA)[A-Z0-9]{12,}")
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z.])[0-9]{12}(?![0-9A-Za-z.])")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w")


class _Cleaner:
    """Takes secrets and names out of texts. `removed`: how many secrets were."""

    def __init__(self, names: dict[str, str], missing: list[str]) -> None:
        """`missing` gets what cannot be looked for. Raises CredguardError: no rules load."""
        self.removed = 0
        self._missing = missing
        self._calls: dict[str, dict[str, str]] = {}
        self._engine = load_engine(paths.private_dir(paths.cache_dir()))
        try:
            self._engine = armed(self._engine)
        except StoreError as error:
            missing.append(f"a look for the vault's own values: {error}")
        # As they stand in JSON, too; the longest first: a repository lies in a watched folder.
        self._names = {self._json(old): new for old, new in names.items()} | names
        words = "|".join(re.escape(each) for each in sorted(self._names, key=len, reverse=True))
        self._known = re.compile(rf"(?<![A-Za-z0-9_-])(?:{words})(?![A-Za-z0-9_-])")

    @staticmethod
    def _json(text: str) -> str:
        return json.dumps(text)[1:-1]

    def clean(self, text: str, name: str) -> str:
        """`text` without secrets and names; the whole of it left out where that fails."""
        shaped = "".join(self._shapes(line) for line in text.splitlines(keepends=True))
        looked = self._scanned(shaped, name)
        if looked is None:
            self._missing.append(f"{name}: a secret in it could not be taken out")
            return ""
        return self._named(looked)

    def _shapes(self, line: str) -> str:
        clean = logs.redacted(line)
        self.removed += clean != line
        return clean

    def _scanned(self, text: str, name: str) -> str | None:
        """What the scanner finds is taken out: the value, or all lines that it is packed in.

        Before names are: a value of the vault is only known whole. None: it still finds some.
        """
        for _ in range(_ROUNDS):
            found = self._found(text, name)
            if not found:
                return text
            gone: set[str] = set()
            lines: set[int] = set()
            for each in found:
                value = each.value.decode("utf-8", "backslashreplace")
                if value in text:
                    gone.add(value)
                else:  # encoded, or over several lines
                    lines.update(range(each.line - 1, each.end_line))
            self.removed += len(gone) + len(lines)
            kept = text.splitlines(keepends=True)
            kept = [_LEFT_OUT if at in lines else line for at, line in enumerate(kept)]
            text = "".join(kept)
            for value in sorted(gone, key=len, reverse=True):
                text = text.replace(value, "***")
        return None

    def _found(self, text: str, name: str) -> list[Finding]:
        end = time.monotonic() + _SECONDS
        limits = Limits(expired=lambda: time.monotonic() > end)
        data = text.encode("utf-8", "backslashreplace")
        found = scan_all(self._engine, data, name.encode(), lambda: limits).findings
        return [each for each in found if each.own or not self._is_name(each.value)]

    def _is_name(self, value: bytes) -> bool:
        """Whether it is made up anyway: an id that is no secret looks like one to the scanner."""
        text = value.decode("utf-8", "backslashreplace")
        return text in self._names or any(shape.fullmatch(text) for shape in (_KEY_ID, _ACCOUNT))

    def _named(self, text: str) -> str:
        text = self._known.sub(lambda match: self._names[match[0]], text)
        for kind, shape in (("key", _KEY_ID), ("account", _ACCOUNT), ("mail", _MAIL)):
            text = shape.sub(lambda match, kind=kind: self._call(kind, match[0]), text)  # type: ignore[misc]
        return text

    def _call(self, kind: str, name: str) -> str:
        known = self._calls.setdefault(kind, {})
        return known.setdefault(name, f"{kind}-{len(known) + 1}")
