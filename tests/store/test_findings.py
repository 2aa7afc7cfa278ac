from credguard.store import db, findings


def test_a_folder_gone_resolves_only_what_lies_below_it() -> None:
    connection = db.connect()
    for number, path in enumerate(("/a/x", "/ab/x", "/a/b/x")):
        findings.observe(connection, 1, str(number), path=path, line=1, rule_id="r", masked="m***")
    assert findings.resolve_below(connection, "/a", 2) == {"/a/x", "/a/b/x"}
    assert [found.path for found in findings.open_findings(connection)] == ["/ab/x"]
