from tests.cli.test_main import run


def test_a_setting_is_written_and_read_back() -> None:
    assert run("config", "set", "rotation.grace", "12h").returncode == 0
    assert run("config", "get", "rotation.grace").stdout == "12h\n"


def test_a_typo_is_one_line_and_a_hint() -> None:
    for args in (("set", "rotation.grcae", "1h"), ("set", "rotation.grace", "soon"), ("get", "x")):
        done = run("config", *args)
        assert done.returncode == 2
        assert "hint:" in done.stderr
        assert "Traceback" not in done.stderr
