"""`scan --stdin`, which editors call at each save, loads nothing heavy."""

import subprocess
import sys

from tests.support import samples

HEAVY = {
    "argparse", "asyncio", "boto3", "click", "dataclasses", "detect_secrets", "enum", "git",
    "importlib.metadata", "inspect", "json", "keyring", "logging", "multiprocessing", "pathlib",
    "pathspec", "re", "rich", "socket", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip
CODE = """
import sys
before = set(sys.modules)
import os
def shown(code):
    print(code, *sorted(set(sys.modules) - before), sep="\\n")
    sys.stdout.flush()
    left(code)
left, os._exit = os._exit, shown
sys.argv = ["credguard", "scan", "--stdin", "--path", "a.py"]
from credguard.__main__ import main
main()
"""


# What a report is made with, though heavy.
REPORT = {"dataclasses", "enum", "inspect", "re", "typing"}


def test_a_clean_text_loads_nothing_heavy() -> None:
    code, *loaded = _loaded("clean = 1\n")
    assert code == "0"
    assert "credguard.scan.engine" in loaded
    assert not set(loaded) & HEAVY


def test_a_text_with_a_secret_loads_what_its_report_needs() -> None:
    shown, _, rest = _shown(f'password = "{samples.text(16)}"\n').partition("\n")
    code, *loaded = rest.split()
    assert shown.startswith("a.py:1:")
    assert code == "1"
    assert not set(loaded) & ((HEAVY - REPORT) | {"tomllib", "secrets", "hmac"})


def _loaded(text: str) -> list[str]:
    return _shown(text).split()


def _shown(text: str) -> str:
    for _ in range(2):  # the first run compiles the rules, the second is what an editor pays
        done = subprocess.run(
            [sys.executable, "-c", CODE], input=text, check=False, capture_output=True,
            text=True, timeout=110,
        )  # fmt: skip
    assert done.stdout, done.stderr
    return done.stdout
