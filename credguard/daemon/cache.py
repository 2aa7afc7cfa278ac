"""What the agent holds in memory: answers ready to be copied, and what makes one invalid."""

from dataclasses import dataclass, replace

# After a refresh ahead that failed; until its end the entry serves on.
_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """What answers depend on besides time. `files`: size, time and number of each settings file.

    `pointers`: profile -> (key id, generation), as the store has them.
    """

    files: tuple[object, ...]
    pointers: dict[str, tuple[str, int]]

    def key_ids(self) -> set[str]:
        """The keys that some profile hands out."""
        return {key_id for key_id, _ in self.pointers.values()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile's answer. `body`: as credential_process prints it; times: Unix seconds.

    `source_key`: the long-term key in the vault that it comes from, None: none does. `long_term`:
    it is that key itself. `key_id`: what the log names. `refresh_at`: from when on it is fetched
    anew while it still serves; None: not any more (it needs a code).
    """

    body: bytes
    note: str
    made: float
    expiration: float
    key_id: str
    source_key: str | None
    identity: str
    long_term: bool
    pointer: tuple[str, int] | None
    files: tuple[object, ...]
    refresh_at: float | None

    def fits(self, profile: str, world: World) -> bool:
        """Whether nothing that it was made of changed since."""
        return (
            self.files == world.files
            and self.pointer == world.pointers.get(profile)
            and (self.source_key is None or self.source_key in world.key_ids())
        )


Name = tuple[str, str]  # ~/.aws/config's path, profile


class Cache:
    """Entries by the asker's config file and profile. It knows no clock."""

    def __init__(self) -> None:
        """Empty."""
        self._entries: dict[Name, Entry] = {}

    def get(self, name: Name, world: World, min_ttl: int, now: float) -> Entry | None:
        """The entry, if it is as good as fetched now and lasts `min_ttl` seconds more."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if not entry.fits(name[1], world) or entry.expiration <= now:
            del self._entries[name]
            return None
        return entry if entry.expiration - now >= min_ttl else None

    def put(self, name: Name, entry: Entry) -> None:
        """Keep `entry` in place of an earlier one."""
        self._entries[name] = entry

    def postpone(self, name: Name, now: float, *, for_good: bool) -> None:
        """Its refresh ahead failed: again in a minute, or never."""
        entry = self._entries.get(name)
        if entry is not None:
            later = None if for_good else now + _RETRY_S
            self._entries[name] = replace(entry, refresh_at=later)

    def drop(self, identity: str = "") -> None:
        """Forget what comes from `identity`'s keys; empty: everything."""
        kept = {n: e for n, e in self._entries.items() if identity and e.identity != identity}
        self._entries = kept

    def drop_long_term(self) -> None:
        """Forget the keys that rest in the vault; sessions of theirs stay."""
        self._entries = {n: e for n, e in self._entries.items() if not e.long_term}

    def purge(self, now: float) -> float | None:
        """Forget what is over; when the next one will be, None: nothing is held."""
        self._entries = {n: e for n, e in self._entries.items() if e.expiration > now}
        return min((e.expiration for e in self._entries.values()), default=None)

    def shown(self) -> list[dict[str, object]]:
        """For a status: profile, end and kind of each entry."""
        return [
            {"profile": name[1], "expiration": entry.expiration, "long_term": entry.long_term}
            for name, entry in sorted(self._entries.items())
        ]
