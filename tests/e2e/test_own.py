"""The vault's own values on their way into git: real vault, real hooks, real commits."""

import base64
import subprocess
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import hook
from credguard.app.context import Context
from credguard.sources.own import own_file
from tests.support import samples
from tests.support.person import credguard, file_vault

pytestmark = pytest.mark.usefixtures("compiled_rules")

VALUE = base64.urlsafe_b64encode(bytes(range(100, 140))).decode()
OTHER = samples.text(48, 9)


def git(cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=60,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file_vault(tmp_path, monkeypatch)
    credguard("secret", "add", "deploy", stdin=OTHER)
    folder = tmp_path / "repo"
    folder.mkdir()
    for args in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        assert git(folder, *args).returncode == 0
    hook.install(Context(), str(folder), global_=False)
    return folder


def blocked(repo: Path, *args: str) -> str:
    before = git(repo, "rev-parse", "HEAD").stdout
    done = git(repo, *args)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "blocked: 1 secret" in done.stderr
    assert "the secret deploy" in done.stderr
    assert OTHER not in done.stderr
    assert git(repo, "rev-parse", "HEAD").stdout == before
    return done.stderr


def add(repo: Path, text: str, name: str = "notes.txt") -> None:
    (repo / name).write_text(text)
    assert git(repo, "add", ".").returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        OTHER,
        f"x{OTHER}y",
        OTHER[::-1],
        base64.b64encode(b"ab" + OTHER.encode()).decode(),
        f"a = '{OTHER[:20]}' + \\\n    '{OTHER[20:]}'\n",
    ],
)
def test_an_own_value_is_blocked_without_any_rule_for_it(repo: Path, text: str) -> None:
    add(repo, f"some words\n{text}\n")
    said = blocked(repo, "commit", "-qm", "x")
    assert "credguard secret get deploy" in said
    assert "credguard:allow" not in said


def test_nothing_lets_it_pass(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allow = (
        '[allow]\nrules = ["own-secret"]\npaths = ["*"]\nregexes = ["."]\n[scan]\nexclude=["*"]\n'
    )
    (repo / ".credguard.toml").write_text(allow)
    add(repo, f"x = '{OTHER}'  # credguard:allow own-secret it is fine, gitleaks:allow\n")
    monkeypatch.setenv("CREDGUARD_SKIP", "own-secret:fine;notes.txt:fine")
    blocked(repo, "commit", "-qm", "x")


def test_a_message_and_a_push(repo: Path, tmp_path: Path) -> None:
    blocked(repo, "commit", "--allow-empty", "-qm", f"the value is {OTHER}")
    assert git(tmp_path, "init", "-q", "--bare", "remote").returncode == 0
    add(repo, OTHER + "\n")
    assert git(repo, "commit", "-qnm", "x").returncode == 0
    done = git(repo, "push", "-q", str(tmp_path / "remote"), "HEAD:refs/heads/main")
    assert done.returncode != 0
    assert "the secret deploy" in done.stderr
    assert OTHER not in done.stderr


def test_scan_finds_it_too(repo: Path) -> None:
    (repo / "left.txt").write_text(f"some words {OTHER}\n")
    done = credguard("scan", str(repo), "--format", "json", ok=1)
    assert "own-secret" in done.stdout
    assert OTHER not in done.stdout


def test_a_secret_that_is_removed_is_forgotten_and_a_new_value_takes_over(repo: Path) -> None:
    credguard("secret", "add", "deploy", stdin=VALUE)
    add(repo, f"some words {VALUE}\n")
    assert "the secret deploy" in git(repo, "commit", "-qm", "x").stderr
    credguard("secret", "remove", "deploy", "--yes")
    assert "the secret deploy" not in git(repo, "commit", "-qm", "x").stderr


def test_a_weak_value_is_not_fingerprinted(repo: Path) -> None:
    said = credguard("secret", "add", "weak", stdin="hunter22-is-my-word").stderr
    assert "too short or too regular to be known again" in said
    assert credguard("secret", "add", "strong", stdin=VALUE).stderr == ""
    add(repo, "hunter22-is-my-word\n")
    assert git(repo, "commit", "-qm", "x").returncode == 0


def test_a_damaged_file_blocks_and_says_what_to_do(repo: Path) -> None:
    Path(own_file()).write_bytes(b"x")
    add(repo, "clean\n")
    done = git(repo, "commit", "-qm", "x")
    assert done.returncode != 0
    assert "could not tell" in done.stderr
    assert f"rm {own_file()}" in done.stderr


def test_no_file_of_ours_holds_the_value(repo: Path) -> None:
    add(repo, f"some words {OTHER}\n")
    blocked(repo, "commit", "-qm", "x")
    seen = 0
    for top in (paths.state_dir(), paths.cache_dir(), paths.config_dir()):
        for path in Path(top).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                seen += 1
                for form in (OTHER, OTHER[::-1], base64.b64encode(OTHER.encode()).decode()[:40]):
                    assert form.encode() not in data
                assert not any(OTHER[at : at + 6].encode() in data for at in range(len(OTHER) - 6))
    assert seen > 3
