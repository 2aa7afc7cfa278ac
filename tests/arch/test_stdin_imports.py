"""`scan --stdin`, which editors call at each save, loads nothing heavy."""

import subprocess
import sys

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


def test_a_clean_text_loads_nothing_heavy() -> None:
    for _ in range(2):  # the first run compiles the rules, the second is what an editor pays
        done = subprocess.run(
            [sys.executable, "-c", CODE], input="clean = 1\n", check=False, capture_output=True,
            text=True, timeout=110,
        )  # fmt: skip
    code, *loaded = done.stdout.split()
    assert code == "0", done.stderr
    assert "credguard.scan.engine" in loaded
    assert not set(loaded) & HEAVY
