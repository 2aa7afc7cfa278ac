"""What TAB offers: read-only, without AWS library, keyring, question or error.

Loaded by every command's module, so it imports next to nothing itself.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

_WAIT_S = 0.1


def profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The profiles of ~/.aws/config and of the vault's index that begin so."""
    from credguard.awsfiles import files
    from credguard.errors import ConfigError

    names = _column("SELECT name FROM profile")
    with contextlib.suppress(ConfigError):  # said by the command itself
        names += files.config_profiles()
    return _beginning(names, incomplete)


def plain_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The profiles with a key in plaintext: what import takes."""
    from credguard.awsfiles import files
    from credguard.errors import ConfigError

    try:
        return _beginning([each.profile for each in files.plain_keys()], incomplete)
    except ConfigError:
        return []


def key_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The access key ids that the vault holds."""
    return _beginning(_column("SELECT key_id FROM key"), incomplete)


def secret_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of other secrets in the vault."""
    return _beginning(_column("SELECT name FROM secret_name"), incomplete)


def ssh_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of the SSH keys made here."""
    return _beginning(_column("SELECT name FROM ssh_key"), incomplete)


def secret_pairs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """ENV=NAME once the variable is typed."""
    variable, equals, begun = incomplete.partition("=")
    if not equals:
        return []
    return [f"{variable}={name}" for name in secret_names(ctx, param, begun)]


def _beginning(names: list[str], incomplete: str) -> list[str]:
    # A name with a line end would be two to the shell.
    return sorted({n for n in names if n.startswith(incomplete) and n.isprintable()})


def _column(query: str) -> list[str]:
    from credguard.errors import StoreError
    from credguard.store import db

    connection = db.reader(_WAIT_S)
    if connection is None:
        return []
    try:
        return [row[0] for row in connection.execute(query)]
    except StoreError:
        return []
    finally:
        connection.close()
