"""Own secrets that get out by ways that no commit made here tells of."""

import shutil
import subprocess
from pathlib import Path

import pytest

from credguard import config
from credguard.app import exporting, hook
from credguard.daemon import leaks as ways_out
from credguard.secret import Secret
from credguard.sources import fetched, synced
from credguard.store import findings, leaks
from credguard.vault.base import key_item, secret_item
from tests.support import samples
from tests.support.leaks import World, commit, repository
from tests.support.person import credguard
from tests.support.repositories import git
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path)


@pytest.fixture
def world(simulator: Simulator) -> World:
    return World(simulator, 600)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_fetch_brings_got_out(
    world: World, repo: Path, tmp_path: Path, packed: bool
) -> None:
    git(repo, "push", "-q", "origin", "HEAD:main")
    git(tmp_path, "clone", "-q", "remote.git", "other")
    world.look(repo)
    git(tmp_path / "other", "checkout", "-qb", "side")
    oid = commit(tmp_path / "other", world.simulator.secret.reveal())
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "above")
    git(tmp_path / "other", "push", "-q", "origin", "side")
    assert world.look() == []  # nothing of it is here
    git(repo, "fetch", "-q", "origin")
    if packed:
        git(repo, "pack-refs", "--all")
    (found,) = world.look()
    assert (found.place.oid, found.place.path, found.place.line) == (oid, "notes.txt", 2)
    assert "remote-tracking" in found.how


def test_a_pushed_commit_that_no_one_looked_at_is_found_after_a_restart(
    world: World, repo: Path
) -> None:
    git(repo, "push", "-q", "origin", "HEAD:main")
    world.look(repo)
    # By plumbing, on no branch, with no reflog.
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=repo, check=True, capture_output=True,
        input=world.simulator.secret.reveal().encode(),
    ).stdout.decode().strip()  # fmt: skip
    git(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},x")
    tree = git(repo, "write-tree")
    oid = git(repo, "commit-tree", tree, "-p", "HEAD", "-m", "x")
    git(repo, "push", "-q", "origin", f"{oid}:refs/heads/side")
    world.start()
    (found,) = world.look()
    assert found.place.oid == oid


def test_a_push_to_a_bare_url_is_followed_by_the_hooks_note(
    world: World, repo: Path, tmp_path: Path
) -> None:
    """The value is not known yet when it is pushed; then it comes into the vault."""
    hook.install(world.ctx, str(repo), global_=False)
    value = samples.text(40, 3)
    oid = commit(repo, value)
    git(repo, "commit", "-qn", "--allow-empty", "-m", "above")
    git(tmp_path, "init", "-q", "--bare", "elsewhere.git")
    git(repo, "push", "-q", f"file://{tmp_path}/elsewhere.git", "HEAD:main")
    assert world.look(repo) == []
    (note,) = leaks.pushes(world.ctx.db, str(repo / ".git"))
    assert note.url == f"file://{tmp_path}/elsewhere.git"
    leaks.put_place(
        world.ctx.db,
        leaks.Place(secret_item("token"), str(repo / ".git"), oid, "notes.txt", 2, world.at),
    )
    (found,) = world.look()
    assert found.how == f"it was pushed to file://{tmp_path}/elsewhere.git"


def test_the_note_of_a_push_holds_no_password(world: World, repo: Path) -> None:
    who = "ada:" + samples.text(12)
    hook.install(world.ctx, str(repo), global_=False)
    shim = repo / ".git" / "hooks" / "pre-push"
    oid = git(repo, "rev-parse", "HEAD")
    line = f"HEAD {oid} refs/heads/main {'0' * 40}\n"
    url = f"https://{who}@example.invalid/x.git"
    subprocess.run([shim, url, url], cwd=repo, input=line.encode(), check=True, timeout=60)
    world.look()
    urls = [each.url for each in leaks.pushes(world.ctx.db, str(repo / ".git"))]
    assert urls == ["https://example.invalid/x.git"]


def test_a_blocked_push_and_one_to_a_known_remote_leave_no_note(world: World, repo: Path) -> None:
    hook.install(world.ctx, str(repo), global_=False)
    git(repo, "push", "-q", "origin", "HEAD:main")
    commit(repo, world.simulator.secret.reveal())
    done = subprocess.run(
        ["git", "push", "-q", str(repo.parent / "remote.git"), "HEAD:main"], cwd=repo,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert world.look(repo) == []
    assert leaks.pushes(world.ctx.db, str(repo / ".git")) == []


@pytest.mark.parametrize("where", ["repo", "tree"])
def test_a_push_past_the_hook_to_a_bare_url_is_seen_by_the_next_fetch(
    world: World, repo: Path, tmp_path: Path, where: str
) -> None:
    hook.install(world.ctx, str(repo), global_=False)
    oid = commit(repo, world.simulator.secret.reveal())
    git(repo, "commit", "-qn", "--allow-empty", "-m", "above")
    git(tmp_path, "init", "-q", "--bare", "elsewhere.git")
    url = f"file://{tmp_path}/elsewhere.git"
    git(repo, "push", "-q", "--no-verify", url, "HEAD:main")
    assert world.look(repo) == []  # git leaves nothing at all
    git(repo, "worktree", "add", "-q", "-b", "side", "../tree", "HEAD~2")
    git(tmp_path / where, "fetch", "-q", url, "main")
    (found,) = world.look()
    assert found.place.oid == oid
    assert found.how == f"a fetch found it at file://{tmp_path}/elsewhere"


def test_what_goes_from_a_repository_into_itself_is_not_out(
    world: World, repo: Path, tmp_path: Path
) -> None:
    hook.install(world.ctx, None, global_=True)
    oid = commit(repo, samples.text(40, 3))
    place = leaks.Place(secret_item("token"), str(repo / ".git"), oid, "notes.txt", 2, world.at)
    leaks.put_place(world.ctx.db, place)
    git(repo, "worktree", "add", "-q", "-b", "side", "../tree", "HEAD~1")
    for url in (".", "../repo", f"file://{repo}/.git", str(tmp_path / "tree")):
        git(repo, "push", "-q", url, "HEAD:refs/heads/inside")
        assert world.look(repo) == [], url
        git(repo, "fetch", "-q", url, "inside")
        assert world.look(repo) == [], url


def test_what_a_repository_fetches_from_itself_is_not_out_wherever_its_work_tree_is(
    world: World, repo: Path, tmp_path: Path
) -> None:
    """A submodule's git folder, or a bare one with worktrees, is not beside its work tree."""
    git(repo, "update-ref", "refs/own/side", "HEAD")
    git(tmp_path, "init", "-q", "super")
    allow = ("-c", "protocol.file.allow=always")
    git(tmp_path / "super", *allow, "submodule", "--quiet", "add", str(repo), "sub")
    git(tmp_path, "clone", "-q", "--bare", "repo", "bare")
    git(tmp_path / "bare", "worktree", "add", "-q", "-b", "side", "../far/away/tree")
    at = {
        repo: repo / ".git",
        tmp_path / "super" / "sub": tmp_path / "super" / ".git" / "modules" / "sub",
        tmp_path / "far" / "away" / "tree": tmp_path / "bare",
    }
    for tree, git_dir in at.items():
        oid = commit(tree, samples.text(40, 3))
        git(tree, "update-ref", "refs/own/side", "HEAD")
        place = leaks.Place(secret_item("token"), str(git_dir), oid, "notes.txt", 2, world.at)
        leaks.put_place(world.ctx.db, place)
        for url in (".", f"../{tree.name}"):
            for ref in ("HEAD", "refs/own/side", "HEAD:refs/heads/copy"):
                git(tree, "fetch", "-q", url, ref)
                assert world.look(git_dir) == [], (url, ref)
    # Elsewhere, by the same spelling.
    git(tmp_path, "clone", "-q", "super/sub", "super/other")
    git(tmp_path / "super" / "sub", "fetch", "-q", "../other", "HEAD")
    (found,) = world.look(at[tmp_path / "super" / "sub"])
    assert found.how == "a fetch found it at ../other"


def test_a_name_of_no_kind_in_what_a_fetch_left_is_no_part_of_the_url() -> None:
    lines = "".join(
        f"{'0' * 40}\t\t{each}https://h/x\n"
        for each in ("", "tag 'it's' of ", "'refs/pull/1/head' of ")
    )
    assert fetched.parse(lines.encode()) == [("0" * 40, "https://h/x")] * 3


def test_of_many_references_that_were_fetched_or_pushed_all_count(
    world: World, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a few questions to git, not one for each."""
    asked: list[int] = []
    monkeypatch.setattr(ways_out, "_HEADS", 10)
    real = ways_out.run
    monkeypatch.setattr(ways_out, "run", lambda *a, **k: asked.append(len(a)) or real(*a, **k))
    oid = commit(repo, samples.text(40, 3))
    place = leaks.Place(secret_item("token"), str(repo / ".git"), oid, "notes.txt", 2, world.at)
    leaks.put_place(world.ctx.db, place)
    for n in range(35):
        note = leaks.PushNote(str(repo / ".git"), f"{n:040x}", "/far", world.at)
        leaks.note_push(world.ctx.db, note)
    assert world.look(repo) == []
    assert len(asked) == 5  # the remote-tracking refs, and 35 in tens
    head = repo / ".git" / "FETCH_HEAD"
    oids = [*(f"{n:040x}" for n in range(35)), oid]
    head.write_text("".join(f"{each}\t\tbranch 'x' of /far\n" for each in oids))
    (found,) = world.look(repo)
    assert found.how == "a fetch found it at /far"


def test_a_push_past_the_hook_into_a_folder_is_seen_by_the_hook_of_the_other_side(
    world: World, repo: Path, tmp_path: Path
) -> None:
    """Git runs the hooks of all repositories there, too, whatever --no-verify says here."""
    hook.install(world.ctx, None, global_=True)
    oid = commit(repo, world.simulator.secret.reveal())
    git(repo, "commit", "-qn", "--allow-empty", "-m", "above")
    git(tmp_path, "init", "-q", "--bare", "mount ed.git")
    git(repo, "push", "-q", "--no-verify", "../mount ed.git", "HEAD~2:refs/heads/main")
    assert world.look(repo) == []
    git(repo, "push", "-q", "--no-verify", "../mount ed.git", "HEAD:main", "HEAD:refs/tags/v1")
    git(repo, "push", "-q", "--no-verify", "../mount ed.git", ":v1")
    (found,) = world.look()
    assert found.place.oid == oid
    assert found.how == f"it was pushed to {tmp_path}/mount ed.git"


def test_an_own_value_in_a_name_is_found_in_a_commit_and_a_fetch(
    world: World, repo: Path, tmp_path: Path
) -> None:
    value = world.simulator.secret.reveal().replace("/", "%2F")
    git(repo, "push", "-q", "origin", "HEAD:main")
    git(tmp_path, "clone", "-q", "remote.git", "other")
    world.look(repo)
    oid = commit(repo, "nothing", f"backup-{value}.txt")
    assert world.look(repo) == []
    assert "the key of profile work" in world.told[0]
    assert "(a name)" in world.told[0]
    assert value not in world.told[0]
    (kept,) = leaks.kept_in(world.ctx.db)
    assert (kept.oid, kept.path) == (oid, "(a name)")
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    elsewhere = commit(tmp_path / "other", "nothing", f"old-{value}.txt")
    git(tmp_path / "other", "push", "-q", "origin", "HEAD:side")
    git(repo, "fetch", "-q", "origin")
    (found,) = world.look(repo)
    assert (found.place.oid, found.place.path) == (elsewhere, "(a name)")


def test_a_value_that_comes_into_the_vault_later_is_looked_for_again(
    world: World, repo: Path
) -> None:
    """What was found and told as somebody's secret turns out to be one's own."""
    secret = samples.aws_secret(31)
    oid = commit(repo, f"aws_secret_access_key = {secret}")
    git(repo, "push", "-q", "--no-verify", "origin", "HEAD:main")
    assert world.look(repo) == []
    world.ctx.vault.put(key_item("aws", "1", samples.aws_key_id(31)), Secret(secret))
    (found,) = world.look()
    assert (found.place.oid, found.place.path) == (oid, "notes.txt")


def synced_folder(home: Path, name: str = "Dropbox") -> Path:
    folder = home / name
    folder.mkdir(parents=True)
    return folder


def test_a_file_in_a_synced_folder_got_out_and_one_elsewhere_is_told(
    simulator: Simulator, poisoned: Path
) -> None:
    folder = synced_folder(poisoned)
    world = World(simulator, 600)
    assert world.leaks.folders == [str(folder.resolve())]
    local = poisoned / "history"
    local.write_text(f"export X={simulator.secret.reveal()}\n")
    world.worker.scan(str(local))
    assert leaks.all_(world.ctx.db) == []
    assert len(world.told) == 1  # told, nothing more
    file = folder / "deep" / "notes.txt"
    file.parent.mkdir()
    file.write_text(f"one\n{simulator.secret.reveal()}\n")
    world.worker.scan(str(file))
    (found,) = leaks.all_(world.ctx.db)
    assert (found.place.path, found.place.line, found.place.oid) == (str(file), 2, "")
    assert "Dropbox" in found.how
    assert any("leak stop" in body for body in world.told)


def test_a_repository_in_a_synced_folder_got_out_with_its_commits(
    simulator: Simulator, poisoned: Path
) -> None:
    repo = repository(synced_folder(poisoned, "OneDrive - Contoso"))
    world = World(simulator, 600)
    commit(repo, simulator.secret.reveal())
    (found,) = world.look(repo)
    assert "OneDrive" in found.how


def test_an_exported_file_is_known_and_anothers_key_in_it_is_told(
    simulator: Simulator, poisoned: Path
) -> None:
    folder = synced_folder(poisoned)
    world = World(simulator, 600)
    text = f"AWS_ACCESS_KEY_ID={simulator.key_id}\nAWS_SECRET_ACCESS_KEY="
    content = Secret(text + simulator.secret.reveal() + "\n")
    file = str(folder / "work.env")
    exporting.write(world.ctx, "work", simulator.key_id, content, file)
    assert world.worker.scan(file) == []
    assert world.told == []
    copy = folder / "copy.env"
    shutil.copyfile(file, copy)
    assert {each.rule_id for each in world.worker.scan(str(copy))} >= {"own-secret"}
    assert len(leaks.all_(world.ctx.db)) == 1
    other = f"{samples.aws_key_id(9)} {samples.aws_secret(9)}\n"
    with open(file, "a", encoding="utf-8") as opened:
        opened.write(f"aws_access_key_id={samples.aws_key_id(9)}\n{other}")
    assert world.worker.scan(file) != []
    assert findings.open_findings(world.ctx.db)


def test_which_folders_are_synced(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (poisoned / ".dropbox").mkdir()
    work = tmp_path / "moved"
    work.mkdir()
    info = poisoned / ".dropbox" / "info.json"
    info.write_text(f'{{"business": {{"path": "{work}", "host": 1}}, "personal": 7}}')
    for name in (
        "OneDrive", "Google Drive", "Dropbox (Old)", "Library/Mobile Documents",
        "Library/CloudStorage/GoogleDrive-a@example.invalid",
    ):  # fmt: skip
        synced_folder(poisoned, name)
    (poisoned / "Dropbox").write_text("a file")
    monkeypatch.setenv("OneDriveCommercial", str(tmp_path / "absent"))
    found = synced.folders(["auto"])
    top = poisoned.resolve()
    assert found == {
        str(work.resolve()): "Dropbox",
        str(top / "OneDrive"): "OneDrive",
        str(top / "Google Drive"): "Google Drive",
        str(top / "Dropbox (Old)"): "Dropbox",
        str(top / "Library/Mobile Documents"): "iCloud Drive",
        str(top / "Library/CloudStorage/GoogleDrive-a@example.invalid"): "Google Drive",
    }
    assert synced.service_of(str(work / "a"), found) == "Dropbox"
    assert synced.service_of(str(tmp_path / "moved-not"), found) is None
    info.write_text("not JSON")
    assert str(work.resolve()) not in synced.folders(["auto"])
    assert synced.folders([]) == {}
    assert synced.folders(["~/mine"]) == {str(top / "mine"): "mine"}
    with pytest.raises(config.ConfigError):
        synced.folders(["mine"])


def test_a_file_that_is_on_the_server_alone_is_not_fetched() -> None:
    class Status:
        st_flags = 0x40000000

    class Windows:
        st_file_attributes = 0x400000

    class Here:
        st_flags = 0x40
        st_file_attributes = 0x20

    found = [synced.elsewhere(each) for each in (Status(), Windows(), Here())]  # type: ignore[arg-type]
    assert found == [True, True, False]


def test_what_a_scan_of_the_history_finds_is_followed(
    world: World, repo: Path, tmp_path: Path
) -> None:
    commit(repo, world.simulator.secret.reveal(), "old.txt")
    git(repo, "commit", "-qn", "--allow-empty", "-m", "above")
    git(repo, "push", "-q", "origin", "HEAD:main")
    git(tmp_path, "clone", "-q", "remote.git", "clone")
    world.at += 86400
    assert world.look(tmp_path / "clone") == []  # of long ago
    said = credguard("scan", "--history", str(tmp_path / "clone"), ok=1).stderr
    assert "credguard leak list" in said
    (found,) = world.look()
    assert found.place.path == "old.txt"
    assert "origin/" in found.how
