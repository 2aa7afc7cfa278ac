"""docs/api.md: every example there, run; and what it promises."""

import base64
import contextlib
import io
import re
from pathlib import Path

import pytest

from credguard import api
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


def token() -> str:
    return "gh" + "p_" + samples.text(36, 4)


def test_every_example_has_its_output() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```python") >= 3


@pytest.mark.parametrize(("code", "shown"), EXAMPLES)
def test_an_example_of_the_page(
    code: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.env").write_text(f"GITHUB_TOKEN={token()}\n")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {"token": token()})
    assert output.getvalue() == shown


def test_every_name_is_there() -> None:
    assert all(hasattr(api, name) for name in api.__all__)


def test_a_text_that_is_no_valid_unicode_is_taken() -> None:
    assert api.scan_text("\ud800 x").findings == []


def test_the_settings_of_the_tree_hold(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text(f"GITHUB_TOKEN={token()}\n")
    (tmp_path / ".credguard.toml").write_text('[allow]\npaths = ["*.env"]\n')
    assert api.scan_paths([tmp_path]).findings == []
    (found,) = api.scan_paths([str(tmp_path)], allowed=True).findings
    assert found.allowed.endswith(".credguard.toml: path *.env")


def test_what_is_encoded_is_found_and_told() -> None:
    text = base64.b64encode(f"GITHUB_TOKEN={token()}".encode()).decode()
    (found,) = api.scan_text(f"x: {text}\n", "a.yml").findings
    assert (found.via, found.line) == ("base64", 1)


def test_settings_that_changed_between_two_scans_hold(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    assert len(api.scan_paths([tmp_path]).findings) == 1
    (tmp_path / ".credguard.toml").write_text('[allow]\npaths = ["a.ini"]\n')
    assert api.scan_paths([tmp_path]).findings == []
