"""A vault whose values are known again where they turn up: keyed fingerprints, never the value.

See `credguard.scan.own` for what is kept, and `credguard.app.own` for what keeps it complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from credguard import paths
from credguard.atomic import locked
from credguard.errors import CredguardError, StoreError
from credguard.sources import own as file

if TYPE_CHECKING:
    from credguard.scan.own_table import Entry
    from credguard.secret import Secret
    from credguard.vault.base import Vault

_LOG = logging.getLogger("credguard.app.own")
_KEY_BYTES = 32
_MADE = ("key/", "password/", "ssh/")
"""Items whose values come from a generator: AWS's or ours."""
PRIVATE = "ssh-key/"
"""Before the name of an SSH key whose private half is known; an item only where no file has it."""
_KINDS = (*_MADE, "secret/", PRIVATE)


class Noting:
    """A vault whose values are made known as they are stored, and secrets forgotten as they go.

    The fingerprint of a deleted key stays: where it turns up, a person is to learn of it.
    """

    def __init__(self, vault: Vault) -> None:
        """Everything else is `vault`'s own."""
        self._vault = vault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vault, name)

    @property
    def name(self) -> str:
        """See Vault."""
        return self._vault.name

    def get(self, item: str) -> Secret | None:
        """See Vault."""
        return self._vault.get(item)

    def put(self, item: str, secret: Secret) -> None:
        """See Vault. A fingerprint that cannot be written is left to the periodic look."""
        self._vault.put(item, secret)
        if item.startswith(_KINDS):
            _quietly(lambda: note(item, secret))

    def delete(self, item: str) -> None:
        """See Vault."""
        self._vault.delete(item)
        if item.startswith(("secret/", "ssh/")):
            _quietly(lambda: change(lambda known: _without(known, item)))

    def names(self) -> list[str] | None:
        """See Vault."""
        return self._vault.names()


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except CredguardError as error:
        _LOG.warning("%s", error)


def note(item: str, secret: Secret, title: str = "") -> None:
    """Know the value of `item` from now on, in place of an earlier one. Raises StoreError, Busy."""
    import secrets as random

    from credguard.scan.own_table import Entry, parts, rows_of

    texts = parts(secret.reveal_bytes())
    made = item.startswith(_MADE)

    def changed(known: list[Entry], key: bytes) -> list[Entry]:
        before = [each.title for each in known if each.item == item]
        name = title or (before[0] if before else plain_title(item))
        fresh = [
            Entry(item, name, rows_of(key, text, random.randbelow, made=made)) for text in texts
        ]
        return [each for each in known if each.item != item] + fresh

    change(changed, keyed=True)


def change(act: Callable[..., list[Entry]], *, keyed: bool = False) -> None:
    """Put what `act` makes of the entries in their place; `keyed`: it wants the key too.

    Raises StoreError, Busy.
    """
    import secrets as random

    from credguard.scan.own_table import entries, table

    folder = paths.private_dir(paths.state_dir())
    try:
        with locked(paths.lock_file("own"), busy="another credguard writes the fingerprints"):
            content = read()
            key = content[0][0] if content else random.token_bytes(_KEY_BYTES)
            known = entries(content[0]) if content else []
            wanted = act(known, key) if keyed else act(known)
            if wanted != known:
                file.write(table(key, wanted))
    except OSError as exc:
        raise StoreError(f"cannot write in {folder}: {exc.strerror}") from exc


def read() -> Any:
    """The file, see `credguard.sources.own.read`; None: none, or not readable, which is logged."""
    try:
        return file.read()
    except StoreError as error:
        _LOG.warning("%s; it is made anew", error)  # the periodic look fills it again
        return None


def title_of(item: str) -> str:
    """How a person knows the value of `item`."""
    content = read()
    titles = dict(content[0][1]) if content else {}
    return titles.get(item) or plain_title(item)


def _without(known: list[Entry], item: str) -> list[Entry]:
    gone = {item, PRIVATE + item.removeprefix("ssh/")} if item.startswith("ssh/") else {item}
    return [each for each in known if each.item not in gone]


def plain_title(item: str) -> str:
    """How a person knows the value of `item`, by its name alone."""
    kind, _, name = item.partition("/")
    if kind == "key":
        return f"the former key {name.rpartition('/')[2]}"
    if kind == "password":
        return f"a console password of {name.rpartition('/')[0]}"
    words = {"secret": "the secret", "ssh": "the passphrase of SSH key", "ssh-key": "the SSH key"}
    return f"{words.get(kind, kind)} {name}"
