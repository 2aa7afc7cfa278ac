"""Key files as the AWS console gives them for download: accessKeys.csv, rootkey.csv and kin."""

import csv
import io
import os
from dataclasses import dataclass

from credguard.errors import ConfigError, CredguardError
from credguard.secret import Secret

_MOST_BYTES = 1 << 20
_ID = ("accesskeyid", "awsaccesskeyid")
_SECRET = ("secretaccesskey", "awssecretkey")
_USER = ("username",)
_PASSWORD = ("password",)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """One key of a file. `user`: as the file names it, empty: it does not.

    `more`: its row holds something besides, such as a console password.
    """

    key_id: str
    secret: Secret
    user: str
    more: bool


def is_file(name: str) -> bool:
    """Whether `name`, typed where a profile may stand, means a key file."""
    return name.lower().endswith(".csv")


def read(path: str) -> list[Downloaded]:
    """The keys in the file `path`. Raises ConfigError: not readable, or no key file."""
    text = _bytes(path).decode("utf-8-sig", "replace")
    found = _old_root(text) if "=" in text.partition("\n")[0] else _table(text)
    if not found:
        raise ConfigError(
            f"{path} holds no access key",
            hint="it is to have the columns Access key ID and Secret access key",
        )
    return found


def remove(path: str, keys: list[Downloaded]) -> None:
    """Delete the file `path` if it still holds exactly `keys`. Raises CredguardError."""
    here = [(each.key_id, each.secret.reveal()) for each in read(path)]
    if here != [(each.key_id, each.secret.reveal()) for each in keys]:
        raise CredguardError(f"{path} changed meanwhile and stays", hint=f"look: ls -l {path}")
    try:
        real = os.path.realpath(path)
        os.unlink(real)
        if os.path.islink(path):
            os.unlink(path)
    except OSError as exc:
        raise CredguardError(
            f"cannot delete {path}: {exc.strerror}", hint="the key is in the vault: delete the file"
        ) from exc


def copies(path: str, keys: list[Downloaded]) -> list[str]:
    """Files beside `path` that hold one of the secrets too: a browser saves a second as `(1)`."""
    folder = os.path.dirname(os.path.abspath(path))
    secrets = [each.secret.reveal_bytes() for each in keys]
    found = []
    with os.scandir(folder) as listing:
        entries = [entry for entry in listing if entry.name.lower().endswith((".csv", ".csv.bak"))]
    for entry in sorted(entries, key=lambda each: each.name):
        if not entry.is_file() or os.path.abspath(path) == entry.path:
            continue
        try:
            data = _bytes(entry.path)
        except ConfigError:
            continue
        if any(secret in data for secret in secrets):
            found.append(entry.path)
    return found


def _bytes(path: str) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            data = file.read(_MOST_BYTES + 1) or b""
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint=f"look: ls -l {path}"
        ) from exc
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} is too large for a key file", hint="name the downloaded file")
    return data


def _table(text: str) -> list[Downloaded]:
    rows = list(csv.reader(io.StringIO(text)))
    if not rows:
        return []
    names = ["".join(char for char in name.lower() if char.isalnum()) for name in rows[0]]
    found = []
    for row in rows[1:]:
        cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
        key_id, secret = _one(cells, _ID), _one(cells, _SECRET)
        if key_id and secret:
            more = bool(_one(cells, _PASSWORD))
            found.append(Downloaded(key_id, Secret(secret), _one(cells, _USER), more))
    return found


def _old_root(text: str) -> list[Downloaded]:
    """rootkey.csv of earlier years: `AWSAccessKeyId=...` and `AWSSecretKey=...`, a line each."""
    cells = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        cells[name.strip().lower()] = value.strip()
    key_id, secret = _one(cells, _ID), _one(cells, _SECRET)
    return [Downloaded(key_id, Secret(secret), "", False)] if key_id and secret else []


def _one(cells: dict[str, str], names: tuple[str, ...]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")
