"""Findings of a history beyond what memory should hold."""

from pathlib import Path

import pytest

from credguard.app import scan as scanning
from credguard.app import scan_batch, scan_blobs
from credguard.app import scan_history as scan_history_module
from credguard.app.findings import Maker, pieces
from credguard.app.scan import Options
from credguard.app.scan_history import scan_history, scan_range
from credguard.scan import engine, found
from tests.support.repositories import commit, fast_import, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_is_told_whatever_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poisoned: Path, jobs: int
) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q")
    first = commit(repo, a="".join(map(line, range(1, 9))), b=line(1) + line(9))
    commit(repo, a="".join(map(line, range(3, 20))), b=line(9) + line(2) + line(1))
    commit(repo, **{f"c{number}": line(30 + number) for number in range(6)})

    def shown(where: str, spilled: bool) -> str:
        maker = Maker("jsonl")
        options, spill = Options(jobs=jobs), maker if spilled else None
        if where:
            result = scan_range(where, str(repo), options, spill=spill)
        else:
            result = scan_history(str(repo), options, spill=spill)
        assert bool(result.spilled) == spilled
        return "".join(pieces(maker.report(result.findings, [], 1), "jsonl"))

    monkeypatch.setattr(scan_history_module, "_FIRST_BLOBS", 1)
    wanted = {where: shown(where, False) for where in ("", f"{first}..HEAD")}
    assert [text.count("\n") for text in wanted.values()] == [28, 18]
    for module, name in (
        (scanning, "_HELD"), (scan_blobs, "MOST"), (scan_batch, "MOST"), (found, "PART"),
        (engine, "DENSE"), (engine, "_DENSE_SIZE"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 2)
    for where, text in wanted.items():
        assert shown(where, True) == text


def test_the_order_is_that_of_the_commits_where_clean_blobs_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poisoned: Path
) -> None:
    monkeypatch.setattr(scan_history_module, "_ROUND_MOST", 200)
    monkeypatch.setattr(scan_history_module, "_FIRST_BLOBS", 5)
    secrets = "".join(map(line, range(10))).encode()
    fast_import(
        tmp_path / "repo",
        [
            {f"f{number}": b"%d\n" % number + (b"" if number % 4 else secrets)}
            for number in range(400)
        ],
    )
    orders = [
        [each.path for each in scan_history(str(tmp_path / "repo"), options).findings]
        for options in (Options(jobs=1), *[Options(jobs=2, remember=True)] * 2)
    ]
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0]) == 1000
