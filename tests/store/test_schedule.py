from credguard.store import db, schedule


def test_times_survive_a_reconnect() -> None:
    assert schedule.get(db.connect(), "t") == schedule.Entry(None, None)
    schedule.put(db.connect(), "t", schedule.Entry(1, 2))
    schedule.put(db.connect(), "t", schedule.Entry(1, 3))
    assert schedule.get(db.connect(), "t") == schedule.Entry(1, 3)
