"""Each form evaluated back by the real shell, or by what reads it."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credguard.errors import Unsupported
from credguard.report import environment as report

# What an environment can hold at all, byte for byte: no NUL, no half of a surrogate pair.
ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
NASTY = [
    "", "'", "''", "a'b", '"', "\\", "\\'", "a\\", "$HOME", "$(id)", "`id`", "!!", "a b", " a ",
    "\n", "a\nb\n", "\r\n", "\t", "#x", "~", "*", "%d", "-n", "é", "\u2018\u2019", "=", ";", "x;y",
    "{a,b}", "\x1b[31m", "(", "^", "=0", "a:=ls",
]  # fmt: skip
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile"],
    "zsh": ["zsh", "-f"],
    "fish": ["fish", "--no-config"],
}
PRINT = 'import os, sys, json; print(json.dumps([os.environ.get("V%d" % n) for n in range(COUNT)]))'


def evaluated(shell: str, values: list[str], how: str) -> list[str]:
    """What a program started by the real `shell` finds after it evaluated our lines."""
    if not shutil.which(shell):
        pytest.skip(f"*** NOT HERE, so its lines are not evaluated: {shell}")
    text = report.lines(shell, {f"V{n}": value for n, value in enumerate(values)}, ["GONE"])
    code = PRINT.replace("COUNT", str(len(values)))
    with tempfile.NamedTemporaryFile("w", newline="") as file:
        file.write(text)
        file.flush()
        script = how.replace("FILE", file.name) + f"; '{sys.executable}' -c '{code}'"
        done = subprocess.run(
            [*SHELLS[shell], "-c", script],
            capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GONE": "x",
                 "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


EVAL = {
    "bash": 'eval "$(cat FILE)"',
    "zsh": 'eval "$(cat FILE)"',
    "fish": "cat FILE | source",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_every_nasty_value_back(shell: str) -> None:
    assert evaluated(shell, NASTY, EVAL[shell]) == NASTY


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15, deadline=None)
@given(values=st.lists(ANY, min_size=20, max_size=40))
def test_a_shell_gets_any_value_back(shell: str, values: list[str]) -> None:
    assert evaluated(shell, values, EVAL[shell]) == values


def test_fish_takes_them_by_eval_too() -> None:
    values = [each for each in NASTY if "\n" not in each]
    assert evaluated("fish", values, "eval (cat FILE)") == values


@pytest.mark.parametrize("shell", SHELLS)
def test_what_would_win_is_unset_and_what_is_given_is_not(shell: str) -> None:
    text = report.lines(shell, {"V": "1"}, ["GONE", "V"])
    if not shutil.which(shell):
        pytest.skip(f"*** NOT HERE, so its lines are not evaluated: {shell}")
    done = subprocess.run(
        [*SHELLS[shell], "-c", text + "env"], capture_output=True, text=True, timeout=60,
        check=False, env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GONE": "x"},
    )  # fmt: skip
    assert "V=1" in done.stdout.splitlines()
    assert "GONE" not in done.stdout


def _from_powershell(text: str) -> dict[str, str]:
    # Its rule for single quotes: each of these ends the text unless another follows at once.
    found, quotes = {}, "'\u2018\u2019\u201a\u201b"
    for match in re.finditer(rf"\$Env:(\w+) = '((?:[^{quotes}]|[{quotes}]{{2}})*)'\n", text):
        found[match[1]] = re.sub(rf"[{quotes}]([{quotes}])", r"\1", match[2])
    return found


@given(value=ANY)
def test_powershell_by_its_quoting_rule(value: str) -> None:
    text = report.lines("powershell", {"A": value, "B": "next"})
    assert _from_powershell(text) == {"A": value, "B": "next"}


@given(value=ANY)
def test_json_and_dotenv_are_read_back_or_refused(value: str) -> None:
    assert json.loads(report.lines("json", {"A": value})) == {"A": value}
    try:
        text = report.lines("dotenv", {"A": value})
    except Unsupported:
        assert re.search(r"['\\$`\r\n]", value)
        return
    assert text in {f"A={value}\n", f"A='{value}'\n"}


@pytest.mark.parametrize(
    ("path", "shell"),
    [
        ("/bin/bash", "bash"), ("/usr/bin/zsh", "zsh"), ("fish", "fish"), ("/bin/dash", "bash"),
        ("C:\\pwsh.EXE", "powershell"), (None, "bash"), ("", "bash"),
    ],
)  # fmt: skip
def test_the_shell_is_told_by_its_name(path: str | None, shell: str) -> None:
    assert report.shell_of(path) == shell


def test_an_unknown_shell_is_named() -> None:
    with pytest.raises(Unsupported, match="tcsh") as caught:
        report.shell_of("/bin/tcsh")
    assert "--shell" in caught.value.hint


def test_a_credentials_section_is_read_by_ini_readers() -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s/+=", "AWS_SESSION_TOKEN": "t",
        "AWS_CREDENTIAL_EXPIRATION": "2026-01-01T00:00:00Z", "AWS_REGION": "eu-north-1",
    }  # fmt: skip
    parser = configparser.RawConfigParser()
    parser.read_string(report.section("with space", variables))
    assert dict(parser["with space"]) == {
        "aws_access_key_id": "id", "aws_secret_access_key": "s/+=", "aws_session_token": "t",
        "region": "eu-north-1",
    }  # fmt: skip
    for name in ("a]b", "a\nb"):
        with pytest.raises(Unsupported):
            report.section(name, variables)
