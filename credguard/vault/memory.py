"""A Vault that lives as long as the process; the tests' fake, under the same contract suite."""

from credguard.secret import Secret


class MemoryVault:
    """Items in a dict."""

    name = "memory"

    def __init__(self) -> None:
        """Empty."""
        self._items: dict[str, Secret] = {}

    def get(self, item: str) -> Secret | None:
        """See Vault."""
        return self._items.get(item)

    def put(self, item: str, secret: Secret) -> None:
        """See Vault."""
        self._items[item] = Secret(secret.reveal_bytes())

    def delete(self, item: str) -> None:
        """See Vault."""
        self._items.pop(item, None)

    def names(self) -> list[str]:
        """See Vault."""
        return sorted(self._items)
