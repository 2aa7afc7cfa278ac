"""detect-secrets itself: its audit, scan and hook on a baseline that credguard wrote, and back."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.errors import ConfigError
from credguard.scan import detect_secrets as form
from credguard.scan.baseline import NOT_A_SECRET, OPEN, SECRET
from credguard.scan.model import MEDIUM, Finding
from tests.support import samples

WEAK = "Tr0ub4dor" + "&3x"


def run(
    cwd: Path, module: str, *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=cwd, capture_output=True, text=True,
        timeout=100, check=False, input=typed, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


def ours(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(cwd, "credguard", *arguments)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_text(
        f"\naws_secret_access_key = '{samples.aws_secret()}'\npassword = '{WEAK}'\n"
    )
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True, timeout=30)
    return tmp_path


@pytest.fixture
def written(repository: Path) -> Path:
    """The repository with a `.secrets.baseline` that credguard wrote."""
    made = ours(repository, "baseline", "create", ".")
    assert made.returncode == 0, made.stderr
    done = ours(repository, "baseline", "export", ".")
    assert done.returncode == 0, done.stderr
    assert "unsalted SHA-1" in done.stderr
    assert "1 too weak" in done.stderr
    (repository / ".secrets.baseline").write_text(done.stdout)
    return repository


def test_its_audit_shows_what_credguard_wrote_and_keeps_the_answer(written: Path) -> None:
    before = json.loads((written / ".secrets.baseline").read_text())
    entries = before["results"]["sub/a.py"]
    hashes = {each["hashed_secret"] for each in entries}
    assert hashlib.sha1(WEAK.encode(), usedforsecurity=False).hexdigest() not in hashes
    done = run(written, "detect_secrets", "audit", ".secrets.baseline", typed="n\n" * len(entries))
    assert done.returncode == 0, done.stderr
    assert samples.aws_secret() in done.stdout, done.stdout + done.stderr
    assert "ERROR" not in done.stdout
    # It asks whether the string may be committed, so "no" means a secret.
    after = json.loads((written / ".secrets.baseline").read_text())["results"]["sub/a.py"]
    assert [each["is_secret"] for each in after] == [True] * len(entries)


def test_its_scan_and_its_hook_take_it(written: Path) -> None:
    file = written / ".secrets.baseline"
    (written / "sub" / "a.py").write_text(f"\naws_secret_access_key = '{samples.aws_secret()}'\n")
    hook = run(
        written,
        "detect_secrets.pre_commit_hook",
        "--no-verify",
        "--baseline",
        str(file),
        "sub/a.py",
    )
    assert hook.returncode == 0, hook.stdout
    before = json.loads(file.read_text())["results"]
    scan = run(written, "detect_secrets", "scan", "--no-verify", "--baseline", str(file))
    assert scan.returncode == 0, scan.stderr
    assert json.loads(file.read_text())["results"] == before
    (written / "sub" / "b.py").write_text(f"aws_secret_access_key = '{samples.aws_secret(2)}'\n")
    hook = run(
        written,
        "detect_secrets.pre_commit_hook",
        "--no-verify",
        "--baseline",
        str(file),
        "sub/b.py",
    )
    assert hook.returncode == 1


def test_a_baseline_of_its_own_is_taken_over(repository: Path) -> None:
    done = run(repository, "detect_secrets", "scan", "--no-verify")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (repository / "never.py").write_text("open('ran', 'w').close()\n")
    named = f"file://{repository / 'never.py'}"
    document["plugins_used"].append({"name": "Own", "path": named})
    document["filters_used"].append({"path": f"{named}::judge"})
    for entry in document["results"]["sub/a.py"]:
        entry["is_secret"] = False
    (repository / ".secrets.baseline").write_text(json.dumps(document))
    taken = ours(repository, "baseline", "import", ".secrets.baseline")
    assert taken.returncode == 0, taken.stderr
    assert taken.stderr.count("names code to run") == 2
    assert not (repository / "ran").exists()
    text = (repository / ".credguard.baseline").read_text()
    assert text.count("not-a-secret") == 2
    scan = ours(repository, "scan", "sub", "--baseline", ".credguard.baseline")
    assert scan.returncode == 0, scan.stdout
    assert "2 known" in scan.stderr


def test_a_file_name_that_leads_out_is_not_followed(repository: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.py"
    outside.write_text(f"aws_secret_access_key = '{samples.aws_secret()}'\n")
    digest = hashlib.sha1(samples.aws_secret().encode(), usedforsecurity=False).hexdigest()
    entry = {"type": "x", "hashed_secret": digest}
    results = {"../outside.py": [entry], str(outside): [entry]}
    (repository / "b").write_text(json.dumps({"results": results}))
    taken = ours(repository, "baseline", "import", "b")
    assert taken.returncode == 0, taken.stderr
    assert "0 findings taken over" in taken.stderr
    assert "2 left" in taken.stderr


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"results": 1}', '{"results": {"a": [1]}}', '{"results": {"a": [{}]}}',
     "\xff", '{"results": {"a": [{"hashed_secret": 1}]}}', "[" * 100_000],
)  # fmt: skip
def test_what_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a baseline of detect-secrets"):
        form.parse(text.encode("latin-1"), "f")


_NAMES = st.sampled_from(["results", "plugins_used", "a", "path"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_NAMES, each),
)


@given(_JSON)
def test_any_json_is_read_or_refused(document: object) -> None:
    said = ""
    try:
        form.parse(json.dumps(document).encode(), "f")
    except ConfigError as exc:
        said = str(exc)
    assert said in ("", "f is not a baseline of detect-secrets")


def test_verdicts_and_longer_pieces_of_a_line() -> None:
    value = b"abcdEFGH1234"
    found = Finding(b"a", 1, 1, 1, "r", "t", MEDIUM, value)

    def known(text: bytes, verdict: str = OPEN) -> dict[str, str]:
        return {hashlib.sha1(text, usedforsecurity=False).hexdigest(): verdict}

    assert form.verdict(found, b"x", known(value, SECRET)) == SECRET
    assert form.verdict(found, b"k='Bearer abcdEFGH1234'", known(b"Bearer abcdEFGH1234")) == OPEN
    assert form.verdict(found, b"k=pre-abcdEFGH1234 x", known(b"pre-abcdEFGH1234", NOT_A_SECRET))
    assert form.verdict(found, b"k=abcdEFGH1234", known(b"other")) is None
