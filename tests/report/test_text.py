from credguard.report.text import columns


def test_cells_stand_below_each_other_and_steer_no_terminal() -> None:
    rows = [("NAME", "AGE", "WHERE"), ("a\x1b[1m", "12 d", ""), ("long name", "3 d", "here")]
    assert columns(rows) == [
        "NAME       AGE   WHERE",
        "a\\x1b[1m   12 d",
        "long name  3 d   here",
    ]
    assert columns([]) == []
