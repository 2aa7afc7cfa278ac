"""What periodic jobs have the service tell, as its loop takes it up."""

from collections.abc import Callable
from typing import Any

from credguard.app.context import Context
from credguard.daemon.main import Daemon
from credguard.store import notices


class Part:
    """Stands for every part of the loop; keeps what is to be told, and how that ends."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Callable[[], None]]] = []

    def tell(self, _title: str, body: str, done: Callable[[], None], **_kinds: object) -> None:
        self.told.append((body, done))

    def poll(self) -> None:
        return None

    refresh = check = poll


def test_each_is_told_once_though_numbers_come_again(poisoned: object) -> None:
    part: Any = Part()
    db = Context().db
    daemon = Daemon(db, lambda _wake, _stopping: part, part, (), part, part)

    def second() -> list[str]:
        daemon._looked = -1e9
        daemon._each_second()
        return [body for body, _ in part.told]

    for body in ("one", "two"):
        notices.add(db, 1e9, "title", body)
    assert second() == second() == ["one", "two"]
    for _, done in part.told:
        done()
    assert not notices.waiting(db)
    notices.add(db, 1e9, "title", "three")
    assert second() == second() == ["one", "two", "three"]
