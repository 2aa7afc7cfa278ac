"""Tables leak_place and leak: own secrets in commits, and what became of those that got out.

The item of the vault names the value; the value is never stored. Of pushes to a bare URL and of
remote-tracking branches the tables push_note and remote_tips keep what was seen last.
"""

import json
import sqlite3
from dataclasses import dataclass

WAITING, STOPPED, ANSWERED = "waiting", "stopped", "answered"


@dataclass(frozen=True, slots=True)
class Place:
    """One commit, or one file, that holds the value of `item`. `at`: Unix seconds.

    `git_dir`: the repository, absolute; empty of a file, whose `path` is absolute, and `oid` too.
    """

    item: str
    git_dir: str
    oid: str
    path: str
    line: int
    at: float


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that got out. `at`: when that was seen; `due`: when it is answered. Unix seconds.

    `state`: WAITING, STOPPED by a person, ANSWERED (then `due` is when); `answer`: what was done,
    in words. `how`: the way it got out, in words; empty in rows of an earlier version.
    """

    place: Place
    title: str
    at: float
    due: float
    state: str
    answer: str
    how: str = ""

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


def places(connection: sqlite3.Connection, item: str) -> list[Place]:
    """Every place where the value of `item` was seen, oldest first."""
    rows = connection.execute(
        "SELECT item, git_dir, oid, path, line, at FROM leak_place WHERE item = ?"
        " ORDER BY at, oid, path",
        (item,),
    )
    return [Place(*row) for row in rows]


def got_out(
    connection: sqlite3.Connection, place: Place, title: str, now: float, due: float, how: str
) -> bool:
    """The value at `place` got out; True the first time for this value, ever."""
    connection.execute(
        "UPDATE leak_place SET out = 1 WHERE item = ? AND git_dir = ? AND oid = ?",
        (place.item, place.git_dir, place.oid),
    )
    cursor = connection.execute(
        "INSERT INTO leak (item, title, git_dir, oid, path, line, since, at, due, state, answer,"
        " how) VALUES (?,?,?,?,?,?,?,?,?,?,'',?) ON CONFLICT DO NOTHING",
        (
            place.item, title, place.git_dir, place.oid, place.path, place.line, place.at, now, due,
            WAITING, how,
        ),
    )  # fmt: skip
    return cursor.rowcount > 0


def all_(connection: sqlite3.Connection) -> list[Leak]:
    """Every value that got out, oldest first."""
    rows = connection.execute("SELECT * FROM leak ORDER BY at, item")
    return [
        Leak(
            Place(row["item"], row["git_dir"], row["oid"], row["path"], row["line"], row["since"]),
            row["title"], row["at"], row["due"], row["state"], row["answer"], row["how"],
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


ANY = ""
"""In the place of a repository: the push came in at the URL, from a repository unknown."""


@dataclass(frozen=True, slots=True)
class PushNote:
    """A push of commit `oid` to `url`, which has no tracking branch here."""

    repository: str
    oid: str
    url: str
    at: float


def note_push(connection: sqlite3.Connection, note: PushNote) -> None:
    """Remember `note`; safe to repeat."""
    connection.execute(
        "INSERT INTO push_note VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET url = excluded.url,"
        " at = excluded.at",
        (note.repository, note.oid, note.url, note.at),
    )


def pushes(connection: sqlite3.Connection, repository: str) -> list[PushNote]:
    """The pushes to bare URLs from `repository`, newest first."""
    rows = connection.execute(
        "SELECT * FROM push_note WHERE repository = ? ORDER BY at DESC, oid", (repository,)
    )
    return [PushNote(*row) for row in rows]


def forget_pushes_before(connection: sqlite3.Connection, then: float) -> None:
    """Pushes before `then` are forgotten."""
    connection.execute("DELETE FROM push_note WHERE at < ?", (then,))


def repositories(connection: sqlite3.Connection) -> list[str]:
    """The git folders whose remote-tracking branches are followed."""
    rows = connection.execute("SELECT repository FROM remote_tips ORDER BY repository")
    return [row["repository"] for row in rows]


def tips(connection: sqlite3.Connection, repository: str) -> list[str] | None:
    """The commits that its remote-tracking branches had at the last look; None: none yet."""
    row = connection.execute(
        "SELECT tips FROM remote_tips WHERE repository = ?", (repository,)
    ).fetchone()
    return None if row is None else json.loads(row["tips"])


def set_tips(connection: sqlite3.Connection, repository: str, oids: list[str], now: float) -> None:
    """The remote-tracking branches of `repository` were looked at, and had `oids`."""
    connection.execute(
        "INSERT OR REPLACE INTO remote_tips VALUES (?,?,?)", (repository, json.dumps(oids), now)
    )


def forget_repository(connection: sqlite3.Connection, repository: str) -> None:
    """The folder is gone."""
    connection.execute("DELETE FROM remote_tips WHERE repository = ?", (repository,))
