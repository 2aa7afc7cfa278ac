import json
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app.deep import look
from credguard.errors import ConfigError, CredguardError
from credguard.scan.model import LOW, MEDIUM
from credguard.sources.deep import Plugins
from tests.support import samples

HEX = "0123456789abcdef"
OWN = """
import re
from detect_secrets.plugins.base import RegexBasedDetector
class Ours(RegexBasedDetector):
    secret_type = "Our Token"
    denylist = [re.compile(r"our-[a-z]{8}")]
"""
SLOW = """
import re
from detect_secrets.plugins.base import RegexBasedDetector
class Slow(RegexBasedDetector):
    secret_type = "Slow"
    denylist = [re.compile(r"(a+)+b")]
"""


def mailchimp() -> str:
    return samples.text(32, 3, HEX) + "-us" + "12"


def test_a_vendors_plugin_finds_and_places() -> None:
    text = f"x\ny = '{mailchimp()}'  # key\n".encode()
    with Plugins([]) as plugins:
        found, problems = look(plugins, MEDIUM, text, b"a.py", [])
        again, _ = look(plugins, MEDIUM, text, b"a.py", found)
    assert problems == []
    assert [(each.rule_id, each.line, each.column) for each in found] == [
        ("deep-mailchimp-access-key", 2, 6)
    ]
    assert found[0].value == mailchimp().encode()
    assert again == []  # what is found already is not found twice


def test_plugins_that_judge_by_randomness_alone_are_of_low_confidence() -> None:
    text = f"quiet = '{samples.text(40)}'\n".encode()
    with Plugins([]) as plugins:
        assert look(plugins, MEDIUM, text, b"a.py", [])[0] == []
        (found,), _ = look(plugins, LOW, text, b"a.py", [])
    assert found.confidence == LOW


def test_own_plugins_run_and_a_slow_line_is_cut_and_told(tmp_path: Path) -> None:
    for name, code in (("ours.py", OWN), ("slow.py", SLOW)):
        (tmp_path / name).write_text(code)
    lines = ["our-abcdefgh is a token", "token " + "a" * 40 + "c", "our-hgfedcba is another token"]
    with Plugins([str(tmp_path / "ours.py"), str(tmp_path / "slow.py")]) as plugins:
        found, problems = look(plugins, MEDIUM, "\n".join(lines).encode(), b"a", [])
    assert [each.line for each in found] == [1, 3]
    assert {each.rule_id for each in found} == {"deep-our-token"}
    assert problems == [(b"a", "line 2: given up by --deep, too slow")]


@pytest.mark.parametrize("own", ["relative.py", "/nowhere/at/all.py"])
def test_a_plugin_that_is_no_absolute_file_is_refused(own: str) -> None:
    with pytest.raises(ConfigError):
        Plugins([own])


def test_a_plugin_that_does_not_load_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(CredguardError, match="nothing_of_that_name"):
        Plugins([str(tmp_path / "bad.py")]).__enter__()


def test_nothing_of_the_scanned_repository_is_imported(tmp_path: Path) -> None:
    for name in ("detect_secrets.py", "json.py", "requests.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    (tmp_path / "a.py").write_text(f"y = '{mailchimp()}'  # key\n")
    root = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n"
    code += "from credguard.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "scan", "a.py", "--deep", "--format", "jsonl"],
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["masked"].startswith(mailchimp()[:4])
    assert not (tmp_path / "ran").exists()
