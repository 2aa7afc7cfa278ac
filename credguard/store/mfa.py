"""Table mfa_step: in which time step a code of a device was used last. Never a code."""

import sqlite3


def step(connection: sqlite3.Connection, serial: str) -> int | None:
    """The step (Unix seconds // 30) of the newest code used; None: none was."""
    row = connection.execute("SELECT step FROM mfa_step WHERE serial = ?", (serial,)).fetchone()
    return None if row is None else int(row["step"])


def set_step(connection: sqlite3.Connection, serial: str, number: int) -> None:
    """Remember that a code of step `number` was used."""
    connection.execute(
        "INSERT INTO mfa_step VALUES (?,?) ON CONFLICT (serial) DO UPDATE SET step=excluded.step",
        (serial, number),
    )
