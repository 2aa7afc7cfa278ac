from tests.cli.test_main import run


def test_a_fresh_home_is_told_plainly_and_fits_80_columns() -> None:
    done = run("status")
    assert done.returncode == 0
    assert "not chosen" in done.stdout
    assert "UNKNOWN, nothing is watched" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
