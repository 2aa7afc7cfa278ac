"""Tables leak_place and leak: own secrets in commits, and what became of those that got out.

The item of the vault names the value; the value is never stored.
"""

import sqlite3
from dataclasses import dataclass

WAITING, STOPPED, ANSWERED = "waiting", "stopped", "answered"


@dataclass(frozen=True, slots=True)
class Place:
    """One commit that holds the value of `item`. `git_dir`: the repository, absolute."""

    item: str
    git_dir: str
    oid: str
    path: str
    line: int
    at: float


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that got out. `at`: when that was seen; `due`: when it is answered. Unix seconds.

    `state`: WAITING, STOPPED by a person, ANSWERED; `answer`: what was done, in words.
    """

    place: Place
    title: str
    at: float
    due: float
    state: str
    answer: str

    @property
    def item(self) -> str:
        """The vault's item."""
        return self.place.item


def put_place(connection: sqlite3.Connection, place: Place) -> None:
    """Remember `place`; safe to repeat."""
    connection.execute(
        "INSERT INTO leak_place VALUES (?,?,?,?,?,?,0) ON CONFLICT DO NOTHING",
        (place.item, place.git_dir, place.oid, place.path, place.line, place.at),
    )


def kept_in(connection: sqlite3.Connection) -> list[Place]:
    """The places that were not seen to have got out, of values that were not answered for."""
    rows = connection.execute(
        "SELECT p.item, p.git_dir, p.oid, p.path, p.line, p.at FROM leak_place p"
        " LEFT JOIN leak l USING (item) WHERE p.out = 0 AND l.item IS NULL ORDER BY p.at, p.oid"
    )
    return [Place(*row) for row in rows]


def got_out(
    connection: sqlite3.Connection, place: Place, title: str, now: float, due: float
) -> bool:
    """The value at `place` got out; True the first time for this value, ever."""
    connection.execute(
        "UPDATE leak_place SET out = 1 WHERE item = ? AND git_dir = ? AND oid = ?",
        (place.item, place.git_dir, place.oid),
    )
    cursor = connection.execute(
        "INSERT INTO leak VALUES (?,?,?,?,?,?,?,?,?,?,'') ON CONFLICT DO NOTHING",
        (
            place.item, title, place.git_dir, place.oid, place.path, place.line, place.at, now, due,
            WAITING,
        ),
    )  # fmt: skip
    return cursor.rowcount > 0


def all_(connection: sqlite3.Connection) -> list[Leak]:
    """Every value that got out, oldest first."""
    rows = connection.execute("SELECT * FROM leak ORDER BY at, item")
    return [
        Leak(
            Place(row["item"], row["git_dir"], row["oid"], row["path"], row["line"], row["since"]),
            row["title"], row["at"], row["due"], row["state"], row["answer"],
        )
        for row in rows
    ]  # fmt: skip


def set_state(
    connection: sqlite3.Connection, item: str, state: str, answer: str, due: float
) -> None:
    """What became of it."""
    connection.execute(
        "UPDATE leak SET state = ?, answer = ?, due = ? WHERE item = ?", (state, answer, due, item)
    )
