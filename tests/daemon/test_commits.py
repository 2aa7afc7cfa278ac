"""Commits that no hook saw are looked at by the service, each finding told once."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import prepush
from credguard.app import hook
from credguard.app.context import Context
from credguard.daemon.commits import Commits
from credguard.daemon.shadow import Shadow
from credguard.errors import GitError
from credguard.paths import cache_dir
from credguard.sources import fetched, notes, reflog
from credguard.sources.database import load_engine
from credguard.sources.notes import COMMITS, PUSHES, Taken, leave
from credguard.store import commits as store
from credguard.store import events, problems
from credguard.store.fingerprint_key import fingerprint_key
from tests.support import samples
from tests.support.daemon import leak
from tests.support.repositories import git

pytestmark = pytest.mark.usefixtures("compiled_rules")


class Service:
    """The part of the daemon that looks at commits, turned by hand."""

    def __init__(self) -> None:
        self.ctx = Context()
        self.told: list[str] = []
        self.at = time.time()
        self.commits = self.make()

    def make(self) -> Commits:
        def tell(title: str, body: str, done: Callable[[], None]) -> None:
            self.told.append(body)
            done()

        return Commits(
            load_engine(cache_dir()), self.ctx.db, fingerprint_key(), max_bytes=1_000_000,
            tell=tell, now=lambda: self.at,
        )  # fmt: skip

    def turn(self) -> None:
        """Take notes (they are set aside for one poll) and look at everything that waits."""
        for _ in range(2):
            self.at += 1
            self.commits.poll()
        while self.commits.step():
            pass


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "re po"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a").write_text("one\n")
    git(folder, "add", "a")
    git(folder, "commit", "-qm", "first")
    return folder


def bypass(repo: Path, text: str, name: str = "a") -> str:
    (repo / name).write_text(text)
    git(repo, "add", name)
    git(repo, "commit", "-qnm", "x")
    return git(repo, "rev-parse", "HEAD")


def secrets(service: Service) -> set[tuple[str, str]]:
    return {(each.path, each.rule_id) for each in store.found(service.ctx.db)}


def test_a_note_of_the_installed_hook_leads_to_the_commit(repo: Path, service: Service) -> None:
    hook.install(service.ctx, str(repo), global_=False)
    oid = bypass(repo, leak())
    service.turn()
    assert secrets(service) == {("a", "aws-access-key-id"), ("a", "aws-secret-access-key")}
    (body,) = service.told
    logged = events.recent(service.ctx.db, families=frozenset({"finding"}))
    assert {each.detail["commit"] for each in logged} == {oid[:12]}
    assert f"{repo}: a:1 in commit {oid[:12]}" in body
    assert "git commit --amend" in body
    assert samples.aws_secret() not in "".join(service.ctx.db.iterdump()) + body


def test_the_reflog_alone_is_enough_and_nothing_is_told_twice(repo: Path, service: Service) -> None:
    oid = bypass(repo, leak())
    bypass(repo, leak() + "more\n")
    git_dir = service.commits.repositories(str(repo / ".git"))[0]
    for _ in range(3):
        service.commits.look(git_dir)
        service.turn()
    (body,) = service.told
    assert f"git rebase -i {oid[:12]}^" in body
    git(repo, "reset", "-q", "--hard", oid)
    git(repo, "commit", "-q", "--amend", "-nm", "other")  # another commit that brings the same
    service.commits.look(git_dir)
    service.turn()
    service.commits = service.make()
    service.commits.look(git_dir)
    service.turn()
    assert len(service.told) == 1


def test_what_came_from_a_remote_is_not_told_and_what_went_there_is_urgent(
    repo: Path, service: Service, tmp_path: Path
) -> None:
    bypass(repo, leak())
    git(tmp_path, "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    service.commits.look(str(clone / ".git"))
    service.turn()
    assert service.told == []
    bypass(clone, leak(2), "b")
    git(clone, "push", "-q", "--no-verify", "origin", "HEAD:refs/heads/other")
    service.commits.look(str(clone / ".git"))
    service.turn()
    (body,) = service.told
    assert "b:1" in body
    assert "pushed" in body


def test_commits_of_long_ago_are_left_alone(repo: Path, service: Service) -> None:
    bypass(repo, leak())
    service.at += 7200
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert service.told == []


def test_what_was_looked_at_is_forgotten_in_time_and_not_told_again(
    repo: Path, service: Service
) -> None:
    bypass(repo, leak())
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert len(service.told) == 1
    seen = "SELECT count(*) FROM commit_seen"
    assert service.ctx.db.execute(seen).fetchone()[0] > 0
    service.ctx.db.execute("DELETE FROM commit_finding")
    service.at += 100 * 86400
    service.turn()
    assert service.ctx.db.execute(seen).fetchone()[0] == 0
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert len(service.told) == 1


def test_a_linked_worktree_is_found_through_its_repository(
    repo: Path, service: Service, tmp_path: Path
) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "tree"))
    bypass(tmp_path / "tree", leak())
    _, linked = service.commits.repositories(str(repo / ".git"))
    assert service.commits.repositories(str(tmp_path / "tree" / ".git")) == [linked]
    assert service.commits.log_of(f"{linked}/logs/HEAD") == linked
    service.commits.look(linked)
    service.turn()
    assert str(tmp_path / "tree") in service.told[0]


def test_a_repository_that_git_cannot_read_rests(repo: Path, service: Service) -> None:
    leave(COMMITS, "1" * 40, str(repo), "")
    leave(COMMITS, "not an id", str(repo), "")
    leave(COMMITS, "2" * 40, "relative", "")
    (repo / ".git/config").write_text("[broken\n")
    service.turn()
    assert service.told == []
    assert secrets(service) == set()


def test_what_was_committed_while_a_repository_rests_is_looked_at_afterwards(
    repo: Path, service: Service
) -> None:
    settings = repo / ".git/config"
    before = settings.read_text()
    git_dir = service.commits.repositories(str(repo / ".git"))[0]
    settings.write_text("[broken\n")
    service.commits.look(git_dir)
    service.turn()
    settings.write_text(before)
    bypass(repo, leak())
    service.commits.look(git_dir)
    service.turn()
    assert service.told == []
    service.at += 600
    service.turn()
    assert len(service.told) == 1


def test_a_large_file_is_passed_over_and_the_rest_is_read(repo: Path, service: Service) -> None:
    (repo / "big").write_text("x" * 1_000_001 + "\n" + leak(3))
    git(repo, "add", "big")
    bypass(repo, leak())
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert {path for path, _ in secrets(service)} == {"a"}


def test_what_git_lfs_keeps_beside_git_is_looked_at(repo: Path, service: Service) -> None:
    data = leak().encode()
    digest = hashlib.sha256(data).hexdigest()
    kept = repo / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    bypass(
        repo, f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 99\n", "a.bin"
    )
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert secrets(service) == {
        ("a.bin", "aws-access-key-id"), ("a.bin", "aws-secret-access-key"),
    }  # fmt: skip


def test_a_skip_is_kept_in_the_log(
    repo: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.install(service.ctx, str(repo), global_=False)
    (repo / "b").write_text(f"k = {samples.aws_key_id()}\n")
    git(repo, "add", "b")
    monkeypatch.setenv("CREDGUARD_SKIP", "aws-access-key-id:an example of the vendor's")
    git(repo, "commit", "-qm", "x")
    service.turn()
    (event,) = events.recent(service.ctx.db, families=frozenset({"finding"}))
    assert event.kind == "finding.skipped"
    assert event.detail["reason"] == "an example of the vendor's"
    assert service.told == []


def test_a_crash_before_notes_were_dealt_with_loses_none(repo: Path) -> None:
    leave(COMMITS, "1" * 40, str(repo), "")
    assert Taken(COMMITS).read() is None
    leave(COMMITS, "2" * 40, str(repo), "")
    for _ in range(2):
        taken = Taken(COMMITS)
        assert [note[0] for note in taken.read() or ()] == ["1" * 40]
    taken.done()
    assert Taken(COMMITS).read() is None
    assert [note[0] for note in Taken(COMMITS).read() or ()] == ["2" * 40]


def test_more_notes_than_are_read_at_once_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_MOST", 100)
    oids = [f"{n:040x}" for n in range(7)]
    for oid in oids:
        leave(COMMITS, oid, "/r", "")
    assert Taken(COMMITS).read() is None
    found = []
    for _ in oids:
        taken = Taken(COMMITS)
        rows = taken.read()
        if rows is None:
            break
        found += [row[0] for row in rows]
        taken.done()
    assert found == oids


def test_a_push_of_many_references_is_noted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepush, "_NOTED", 3)
    oids = [f"{n:040x}" for n in range(1, 8)]
    lines = "".join(f"x {oid} refs/tags/{oid} {'0' * 40}\n" for oid in oids)
    prepush._note(lines.encode(), "/far")
    assert Taken(PUSHES).read() is None
    assert [oid for note in Taken(PUSHES).read() or () for oid in note[3:]] == oids


def test_a_reflog_of_any_bytes(repo: Path) -> None:
    log = repo / ".git/logs/HEAD"
    whole = reflog.parse(log.read_bytes())
    assert [move.new for move in whole] == [git(repo, "rev-parse", "HEAD")]
    assert reflog.parse(log.read_bytes()[:-70] + b"\n\0\xff garbage\n" * 9) == []
    with pytest.raises(GitError):
        reflog.repository(str(repo.parent))


def shadowed(service: Service) -> tuple[list[str], Callable[[], None]]:
    """What is told of hooks that were put aside, and one look at all of them."""
    told: list[str] = []
    shadow = Shadow(service.ctx, lambda _title, body: told.append(body), lambda: service.at)

    def round_() -> None:
        service.at += 1000
        for _ in range(4):
            shadow.poll()

    return told, round_


def test_a_hook_that_another_tool_put_aside_is_told_once(repo: Path, service: Service) -> None:
    told, round_ = shadowed(service)
    hook.install(service.ctx, str(repo), global_=False)
    round_()
    assert told == []
    git(repo, "config", "core.hooksPath", ".husky/_")
    round_()
    round_()
    (body,) = told
    assert f"credguard hook install '{repo}'" in body
    assert [each.kind for each in problems.present(service.ctx.db)] == ["hook"]
    git(repo, "config", "--unset", "core.hooksPath")
    round_()
    assert problems.present(service.ctx.db) == []


def test_global_hooks_that_another_tool_put_aside_are_told_once(
    repo: Path, service: Service
) -> None:
    told, round_ = shadowed(service)
    hook.install(service.ctx, None, global_=True)
    round_()
    git(repo, "config", "--global", "core.hooksPath", "/opt/theirs")
    round_()
    round_()
    (body,) = told
    assert body.endswith("credguard hook install --global")
    hook.install(service.ctx, None, global_=True)
    round_()
    assert problems.present(service.ctx.db) == []


@pytest.mark.parametrize("name", ["FETCH_HEAD", "logs/HEAD"])
def test_a_folder_in_the_place_of_what_git_writes(repo: Path, service: Service, name: str) -> None:
    (repo / ".git" / name).unlink(missing_ok=True)
    (repo / ".git" / name).mkdir()
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        assert fetched.heads(str(repo / ".git")) == {}
        service.commits.look(str(repo / ".git"))
        service.turn()
        service.at += 1000
    assert len(os.listdir("/dev/fd")) <= before


def test_what_the_hook_lets_pass_is_not_told_as_a_commit(repo: Path, service: Service) -> None:
    marked = "".join(f"{line} # credguard:allow an example\n" for line in leak().splitlines())
    bypass(repo, marked, "marked")
    (repo / "sub").mkdir()
    (repo / "sub/.credguard.toml").write_text('[allow]\npaths = ["ok"]\n')
    git(repo, "add", "sub")
    bypass(repo, leak(2), "sub/ok")
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert service.told == []
    (repo / "sub/.credguard.toml").write_text("[alow]\n")  # a mistake lets nothing pass
    git(repo, "add", "sub")
    bypass(repo, leak(3), "sub/ok")
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert len(service.told) == 1


def test_a_commit_that_says_it_is_old_is_looked_at(
    repo: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reflog has the committer's date, which is his to choose: rebase and am copy it, too."""
    git_dir = service.commits.repositories(str(repo / ".git"))[0]
    service.commits.look(git_dir)
    service.turn()
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1000000000 +0000")
    bypass(repo, leak())
    service.commits.look(git_dir)
    service.turn()
    assert len(service.told) == 1
