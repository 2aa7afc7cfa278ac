import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credguard.scan.globs import Globs

PATTERNS = [
    "a", "a/", "/a", "*.txt", "a/b", "a/**", "**/b", "a/**/c", "b?", "[ab]c", "[!a]c", "!b", "a*c*",
    "\\!x", "**", "a/*", "/a/*/c", "[a-c]", "\\*", "#x", " ", "b /", "***", "a**c", "[]x]", "x[",
]  # fmt: skip
PATHS = [
    "a", "b", "c", "a/b", "a/c", "a/b/c", "b/a", "b/a/c", "x.txt", "a/x.txt", "bc", "ac", "!x", "*",
    "a/b/c/d", "b /c", "]", "x", "abc", "x[", "axcx",
]  # fmt: skip


def git_says(tmp: Path, patterns: list[str], paths: list[str]) -> dict[str, bool]:
    """Which of `paths`, as files, git ignores under `patterns`."""
    (tmp / ".gitignore").write_text("".join(f"{each}\n" for each in patterns))
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin", "--verbose", "--non-matching"],
        input="\0".join(paths) + "\0", cwd=tmp, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    fields = done.stdout.split("\0")
    return {
        fields[at + 3]: bool(fields[at + 2]) and not fields[at + 2].startswith("!")
        for at in range(0, len(fields) - 3, 4)
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    return tmp_path


def ours(patterns: list[str], path: str) -> bool:
    decided = Globs(patterns).decide(path.encode())
    return decided is not None and decided[0]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_one_pattern_is_read_as_git_reads_it(repository: Path, pattern: str) -> None:
    said = git_says(repository, [pattern], PATHS)
    assert {path: ours([pattern], path) for path in PATHS} == said


@given(
    patterns=st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_of_several_the_last_decides(repository: Path, patterns: list[str]) -> None:
    # A path below an ignored folder cannot be taken back in git, which never looks into it; here
    # the last pattern decides alone, so only paths without folders are compared.
    paths = [path for path in PATHS if "/" not in path]
    said = git_says(repository, patterns, paths)
    assert {path: ours(patterns, path) for path in paths} == said
