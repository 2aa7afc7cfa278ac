"""Histories over real repositories give what their blobs give one by one, whole, in order."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.scan import Options
from credguard.app.scan_batch import Setting, scan_text
from credguard.app.scan_history import scan_history
from credguard.scan.model import MEDIUM
from credguard.sources import history
from tests.support.repositories import commit, fast_import, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")


def scan(repo: Path, jobs: int) -> list[tuple[str, int, str | None]]:
    result = scan_history(str(repo), Options(jobs=jobs))
    assert result.problems == []
    return [
        (os.fsdecode(each.path), each.line, each.commit.oid if each.commit else None)
        for each in result.findings
    ]


def _edits(seed: int, commits: int) -> Iterator[dict[str, bytes]]:
    """Commits that grow, edit, copy and undo files of secrets and plain lines."""
    generator = random.Random(seed)
    files: dict[str, list[bytes]] = {}
    before: list[list[bytes]] = []
    for number in range(commits):
        changed = set()
        for _ in range(generator.randrange(1, 6)):
            name = f"d{generator.randrange(3)}/f{generator.randrange(12)}.py"
            lines = list(files.get(name) or [b"value = other(%d)" % each for each in range(150)])
            if before and generator.random() < 0.2:
                lines = list(generator.choice(before))  # as another file has or had it
            at = generator.randrange(len(lines))
            secret = line(generator.randrange(8)).strip().encode()
            plain = b"password = call(%d)" % number
            lines[at : at + generator.randrange(3)] = generator.choices(
                (secret, plain, b"text", b"\\u0041\\u0042"),
                (1, 2, 6, 1),
                k=generator.randrange(1, 3),
            )
            files[name] = lines
            before.append(lines)
            changed.add(name)
        yield {name: b"\n".join(files[name]) for name in sorted(changed)}


def _one_by_one(repo: Path) -> list[tuple[str, int, str | None]]:
    """The same by the plainest way: each blob by itself, whole, in the order of the commits."""
    setting = Setting(paths.cache_dir(), MEDIUM, top=None)
    secrets: dict[str, set[tuple[str, bytes]]] = {}
    told = []
    for entry in history.Repository(str(repo)).everything():
        if entry.oid in secrets:
            continue
        shown = subprocess.run(
            ["git", "cat-file", "blob", entry.oid], cwd=repo, capture_output=True, check=True
        )
        found, _ = scan_text(setting, shown.stdout, entry.path)
        secrets[entry.oid] = {(each.rule_id, each.value) for each in found}
        known = set().union(*(secrets[oid] for oid in entry.old))
        told += [
            (os.fsdecode(entry.path), each.line, entry.commit)
            for each in found
            if (each.rule_id, each.value) not in known
        ]
    return told


@pytest.mark.parametrize(
    "seed", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 30))]
)
def test_a_history_gives_what_its_blobs_give_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    repo = tmp_path / "r.git"
    fast_import(repo, _edits(seed, 100))
    wanted = _one_by_one(repo)
    assert len(wanted) > 20
    for jobs in (1, 2, 3):
        assert scan(repo, jobs) == wanted
    monkeypatch.setattr("credguard.app.scan_history._ROUND_MOST", 5)  # told before a round is over
    assert scan(repo, 1) == wanted
    assert sorted(scan(repo, 3)) == sorted(wanted)


def test_a_file_that_branches_edit_and_merges_join(tmp_path: Path) -> None:
    repo = tmp_path / "r"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    body = "".join(f"value = other({number})\n" for number in range(300))
    commit(repo, a__py=body)
    for number in range(6):
        git(repo, "checkout", "-qb", f"side{number}", "main")
        commit(repo, a__py=body.replace("other(20)", line(number).strip()), b__py=line(number + 1))
        git(repo, "checkout", "-q", "main")
        commit(repo, c__py=f"{number}\n{body}")
        git(repo, "merge", "-q", "-X", "theirs", f"side{number}", "-m", "join")
        body = (repo / "a.py").read_text()
    wanted = _one_by_one(repo)
    assert len(wanted) >= 6
    for jobs in (1, 3):
        assert scan(repo, jobs) == wanted
