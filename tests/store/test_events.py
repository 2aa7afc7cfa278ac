from credguard.store import db, events


def test_the_newest_events_come_first() -> None:
    connection = db.connect()
    events.record(connection, 1, "a", "s")
    events.record(connection, 2, "b", "s", count=3)
    assert [event.kind for event in events.recent(connection)] == ["b", "a"]
    assert events.recent(connection, 1)[0].detail == {"count": 3}
