from credguard.store import db, watches


def test_roots_are_added_once_and_removed() -> None:
    connection = db.connect()
    assert watches.add(connection, "/b", 1)
    assert watches.add(connection, "/a", 1)
    assert not watches.add(connection, "/a", 2)
    assert watches.roots(connection) == ["/a", "/b"]
    assert watches.remove(connection, "/a")
    assert not watches.remove(connection, "/a")
