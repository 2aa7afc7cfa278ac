"""Colours are switched off in the same way for every command."""

import os
import sys
from pathlib import Path

import pytest

from credguard.cli import terminal
from tests.cli.test_status import pty_output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["wanted", "NO_COLOR", "dumb"],
)
def test_the_doctor_has_colour_unless_that_is_not_wanted(
    environment: dict[str, str], coloured: bool
) -> None:
    command = [sys.executable, "-m", "credguard", "doctor", "--verbose"]
    shown = pty_output(command, 80, {"NO_COLOR": "", **environment}, codes=(0, 2))
    assert ("\x1b[" in shown) is coloured


def test_a_width_is_never_absurd_and_a_pipe_has_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.delenv("COLUMNS", raising=False)
        assert terminal.columns(7, 100) == 7
        for given, said in (("60", 60), ("3", 40), ("wide", 7), ("", 7)):
            monkeypatch.setenv("COLUMNS", given)
            assert terminal.columns(7, 100) == said
            assert terminal.columns(0) == 0  # what programs read is never folded
        assert not terminal.coloured()
        monkeypatch.setattr(file, "isatty", lambda: True, raising=False)
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        assert terminal.coloured()
        for wide, said in ((3, 40), (70, 70), (500, 100)):
            monkeypatch.setattr("shutil.get_terminal_size", lambda w=wide: os.terminal_size((w, 9)))
            assert terminal.columns(7, 100) == said
        assert terminal.columns(7) == 500
