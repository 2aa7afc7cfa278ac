from pathlib import Path

import pytest

from credguard.app.baseline import load
from credguard.scan.baseline import NOT_A_SECRET, SECRET
from tests.cli.test_scan import run_baseline
from tests.support import samples
from tests.support.terminal import at_terminal

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a.ini", 1), ("b.ini", 2), ("c.ini", 3)):
        (tmp_path / name).write_text(f"aws_secret_access_key = {samples.aws_secret(seed)}\n")
    made = run_baseline("create", cwd=tmp_path)
    assert "3 findings" in made.stderr, made.stderr
    return tmp_path


def test_an_audit_asks_each_once_and_keeps_every_answer(tree: Path) -> None:
    code, shown = at_terminal("baseline", "audit", answers={"[q]uit: ": "y"})
    assert code == 0, shown
    assert "1 of 3: ./a.ini:1:25" in shown
    assert samples.aws_secret(1) not in shown
    assert "0 left to judge, 3 real" in shown
    assert set(load(".credguard.baseline").baseline.entries.values()) == {SECRET}
    code, shown = at_terminal("baseline", "audit", answers={})
    assert (code, "of 3" in shown) == (0, False)


def test_an_audit_can_be_left_and_taken_up(tree: Path) -> None:
    code, shown = at_terminal("baseline", "audit", answers={"[q]uit: ": "q"})
    assert (code, "3 left" in shown) == (0, True)
    at_terminal("baseline", "audit", answers={"[q]uit: ": "n"})
    assert set(load(".credguard.baseline").baseline.entries.values()) == {NOT_A_SECRET}


def test_an_audit_without_a_terminal_says_so(tree: Path) -> None:
    done = run_baseline("audit", cwd=tree)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_what_cannot_be_read_keeps_its_entries_and_is_told(tree: Path) -> None:
    (tree / "a.ini").unlink()
    (tree / "a.ini").symlink_to("a.ini")
    done = run_baseline("update", "a.ini", "b.ini", "c.ini", cwd=tree)
    assert done.returncode == 2
    assert "not read: a.ini" in done.stderr
    assert len(load(str(tree / ".credguard.baseline")).baseline.entries) == 3
