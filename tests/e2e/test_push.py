"""The pre-push hook over real remotes: every form of reference, exactly what the remote lacks."""

import os
import subprocess
from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from credguard.app.noting import Noting
from credguard.secret import Secret
from credguard.sources.push import excluded, pushed, updates
from credguard.vault.base import secret_item
from credguard.vault.memory import MemoryVault
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")
LEAK = f"aws_secret_access_key = {samples.aws_secret()}\n"


def git(cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=60,
        check=False, stdin=subprocess.DEVNULL, env={**os.environ, **env},
    )  # fmt: skip


def ok(cwd: Path, *args: str, **env: str) -> str:
    done = git(cwd, *args, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """With a remote `origin` that has main, and a second, empty one, `other`."""
    folder = tmp_path / "repo"
    for name in ("up", "second"):
        ok(tmp_path, "init", "-q", "--bare", name)
    ok(tmp_path, "init", "-q", "repo")
    ok(folder, "remote", "add", "origin", "../up")
    ok(folder, "remote", "add", "other", "../second")
    (folder / "a").write_text("one\n")
    ok(folder, "add", "a")
    ok(folder, "commit", "-qm", "first")
    ok(folder, "push", "-q", "origin", "main")
    hook.install(Context(), str(folder), global_=False)
    return folder


def leak(repo: Path, name: str = "b.ini", text: str = LEAK) -> str:
    (repo / name).write_text(text)
    ok(repo, "add", ".")
    ok(repo, "commit", "-qnm", "x")
    return ok(repo, "rev-parse", "HEAD")


def clean(repo: Path, name: str = "c") -> None:
    with (repo / name).open("a") as file:
        file.write("nothing\n")
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "clean")


def stopped(repo: Path, *args: str, **env: str) -> str:
    done = git(repo, "push", *args, **env)
    assert done.returncode != 0
    assert "credguard: blocked: " in done.stderr, done.stderr
    assert samples.aws_secret() not in done.stderr
    return done.stderr


def test_a_clean_push_passes_without_a_word(repo: Path) -> None:
    clean(repo)
    done = git(repo, "push", "-q", "origin", "main")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_secret_that_a_later_commit_took_out_is_stopped_and_named(repo: Path) -> None:
    oid = leak(repo)
    ok(repo, "rm", "-q", "b.ini")
    ok(repo, "commit", "-qm", "gone")
    said = stopped(repo, "origin", "main")
    assert f"b.ini:1:25  AWS secret access key  (commit {oid[:12]})" in said
    assert f"git rebase -i {oid[:12]}^" in said


@pytest.mark.parametrize(
    "args",
    [
        ("origin", "HEAD:refs/heads/new"),
        ("--force", "origin", "main"),
        ("origin", "v1"),
        ("--tags", "origin"),
        ("--all", "origin"),
        ("--mirror", "origin"),
        ("--follow-tags", "origin", "main"),
        ("origin", "clean", "main"),
        ("origin", "HEAD~0:refs/heads/x y".replace(" ", "-")),
        ("origin", "HEAD@{0}:refs/heads/at"),
        ("other", "main"),
        ("../up", "main"),
        ("../second", "main:refs/heads/z"),
    ],
)
def test_every_form_of_reference(repo: Path, args: tuple[str, ...]) -> None:
    ok(repo, "branch", "clean")
    leak(repo)
    ok(repo, "tag", "v1")
    ok(repo, "tag", "-a", "v2", "-m", "two")
    stopped(repo, *args)


def test_a_rewritten_branch_passes_and_deleting_one_asks_for_nothing(repo: Path) -> None:
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin", "main:spare")
    ok(repo, "reset", "-q", "--hard", "HEAD~1")
    clean(repo)
    ok(repo, "push", "-q", "--force", "origin", "main:spare")
    ok(repo, "push", "-q", "origin", ":spare")


def test_what_one_remote_has_is_new_to_another(repo: Path) -> None:
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin", "main")
    clean(repo)
    ok(repo, "push", "-q", "origin", "main")
    stopped(repo, "other", "main")


def test_a_remote_below_anothers_name_does_not_count_for_it(repo: Path, tmp_path: Path) -> None:
    ok(tmp_path, "init", "-q", "--bare", "team")
    # Later versions of `git remote add` refuse the name.
    ok(repo, "config", "remote.origin/team.url", "../team")
    ok(repo, "config", "remote.origin/team.fetch", "+refs/heads/*:refs/remotes/origin/team/*")
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin/team", "main")
    stopped(repo, "origin", "main")


def test_a_tracking_branch_that_is_kept_elsewhere_counts(repo: Path) -> None:
    ok(repo, "config", "remote.other.fetch", "+refs/heads/main:refs/special/main")
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "other", "main")
    ok(repo, "fetch", "-q", "other")
    assert excluded(str(repo), "other", "") == ["--glob=refs/special/mai[n]"]
    clean(repo)
    ok(repo, "push", "-q", "other", "main:refs/heads/again")


def test_tag_texts_trees_and_files_that_a_reference_names(repo: Path) -> None:
    ok(repo, "tag", "-a", "v1", "-m", f"text\n\n{LEAK}")
    ok(repo, "tag", "-a", "v2", "v1", "-m", "a tag of a tag")
    assert "tag message:3:25" in stopped(repo, "origin", "v2")
    ok(repo, "tag", "-d", "v1", "v2")
    oid = leak(repo)
    ok(repo, "reset", "-q", "--hard", "HEAD~1")
    ok(repo, "update-ref", "refs/tags/tree", f"{oid}^{{tree}}")
    assert "b.ini:1:25" in stopped(repo, "origin", "tree")
    ok(repo, "update-ref", "refs/tags/file", f"{oid}:b.ini")
    assert "(a file without a name):1:25" in stopped(repo, "origin", "file")


def test_a_secret_in_a_merge_resolution_is_seen_and_what_it_merges_is_not_again(repo: Path) -> None:
    ok(repo, "checkout", "-qb", "side")
    leak(repo, "old.ini", LEAK.replace(samples.aws_secret(), samples.aws_secret(2)))
    (repo / "a").write_text("theirs\n")
    ok(repo, "commit", "-qam", "theirs")
    ok(repo, "push", "-q", "--no-verify", "origin", "side")
    ok(repo, "checkout", "-q", "main")
    (repo / "a").write_text("ours\n")
    ok(repo, "commit", "-qam", "ours")
    git(repo, "merge", "side")
    (repo / "a").write_text(f"ours\n{LEAK}")
    ok(repo, "add", ".")
    ok(repo, "commit", "-qnm", "merge")
    said = stopped(repo, "origin", "main")
    assert "a:2:25" in said
    assert "old.ini" not in said


def test_an_earlier_hook_gets_the_same_input_and_arguments(repo: Path) -> None:
    path = repo / ".git/hooks/pre-push"
    hook.uninstall(Context(), str(repo), global_=False)
    path.write_text('#!/bin/sh\n{ echo "$@"; cat; } > seen\nexit "$(cat code)"\n')
    path.chmod(0o755)
    (repo / "code").write_text("0")
    hook.install(Context(), str(repo), global_=False)
    clean(repo)
    head = ok(repo, "rev-parse", "HEAD")
    was = ok(repo, "rev-parse", "HEAD~1")
    ok(repo, "push", "-q", "origin", "main")
    assert (repo / "seen").read_text() == (
        f"origin ../up\nrefs/heads/main {head} refs/heads/main {was}\n"
    )
    (repo / "code").write_text("9")
    clean(repo)
    assert git(repo, "push", "-q", "origin", "main").returncode != 0


def test_a_reason_lets_one_pass_once_and_is_said(repo: Path) -> None:
    leak(repo)
    stopped(repo, "origin", "main", CREDGUARD_SKIP="aws-secret-access-key")
    stopped(repo, "origin", "main", CREDGUARD_SKIP="other-rule:why")
    done = git(repo, "push", "origin", "main", CREDGUARD_SKIP="b.ini:an example; other/*:not there")
    assert done.returncode == 0, done.stderr
    assert "let pass: b.ini:1  aws-secret-access-key: an example" in done.stderr


def test_settings_of_the_pushed_commits_count_not_those_of_the_worktree(repo: Path) -> None:
    leak(repo, "docs.ini")
    (repo / ".credguard.toml").write_text('[allow]\npaths = ["docs.ini"]\n')
    stopped(repo, "origin", "main")
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "settings")
    done = git(repo, "push", "origin", "main")
    assert done.returncode == 0, done.stderr
    assert "let pass: 1 by .credguard.toml: path docs.ini" in done.stderr


@pytest.mark.parametrize("word", ["sha256", "shallow", "detached"])
def test_other_kinds_of_repositories(tmp_path: Path, repo: Path, word: str) -> None:
    folder = tmp_path / "kind"
    if word == "sha256":
        ok(tmp_path, "init", "-q", "--object-format=sha256", "kind")
        ok(tmp_path, "init", "-q", "--bare", "--object-format=sha256", "up256")
        ok(folder, "remote", "add", "origin", "../up256")
        clean(folder)
        ok(folder, "push", "-q", "origin", "main")
    else:
        ok(tmp_path, "clone", "-q", "--depth=1", (tmp_path / "up").as_uri(), "kind")
        ok(folder, "checkout", "-q", "--detach" if word == "detached" else "main")
    hook.install(Context(), str(folder), global_=False)
    clean(folder, "d")
    ok(folder, "push", "-q", "origin", "HEAD:refs/heads/fine")
    leak(folder)
    stopped(folder, "origin", "HEAD:refs/heads/new")


def test_a_partial_clone_is_not_made_to_fetch(repo: Path, tmp_path: Path) -> None:
    (repo / "old.ini").write_text("kept = 1\n" * 50)
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "old")
    ok(repo, "push", "-q", "origin", "main")
    up = tmp_path / "up"
    ok(up, "config", "uploadpack.allowFilter", "true")
    ok(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", up.as_uri(), "part")
    part = tmp_path / "part"
    hook.install(Context(), str(part), global_=False)
    # A commit made from trees alone: the version of old.ini before it was never fetched.
    ok(part, "read-tree", "HEAD")
    (part / "old.ini").write_text(LEAK)
    ok(part, "add", "old.ini")
    tree = ok(part, "write-tree", "--missing-ok")
    ok(
        part,
        "update-ref",
        "refs/heads/main",
        ok(part, "commit-tree", tree, "-p", "HEAD", "-m", "x"),
    )
    lacking = ok(part, "rev-list", "--objects", "--all", "--missing=print").count("\n?")
    assert lacking >= 1
    assert "old.ini:1:25" in stopped(part, "origin", "main")
    after = ok(part, "rev-list", "--objects", "--all", "--missing=print").count("\n?")
    assert after == lacking


def test_exactly_the_commits_that_the_remote_lacks(repo: Path) -> None:
    for number in range(3):
        clean(repo, f"f{number}")
    head, base = (ok(repo, "rev-parse", name) for name in ("HEAD", "origin/main"))
    sent = updates(f"refs/heads/main {head} refs/heads/main {base}\n".encode())
    files = list(pushed(str(repo), sent, "origin", "../up"))
    listed = ok(repo, "rev-list", f"{base}..{head}").split()
    assert list(dict.fromkeys(file.commit for file in files)) == listed
    assert sorted(f.path for f in files if f.path != b"commit message") == [b"f0", b"f1", b"f2"]
    unknown = updates(f"refs/heads/main {head} refs/heads/main {'1' * 40}\n".encode())
    assert list(pushed(str(repo), unknown, "origin", "../up"))  # a remote's commit we do not have


def test_own_rules_of_what_is_pushed_stop_it(repo: Path) -> None:
    value = "ACME-" + samples.text(20, 1, "abcdefghijk0123456789")
    (repo / "sub").mkdir()
    (repo / "sub/.credguard.toml").write_text(
        '[[rules]]\nid = "our-key"\npattern = "ACME-[a-z0-9]{20}"\n'
    )
    leak(repo, "sub/b", f"{value}\n")
    (repo / "sub/.credguard.toml").unlink()  # what is committed counts
    said = stopped(repo, "origin", "main")
    assert "sub/b:1:1" in said
    assert value not in said
    # A tag of a file has no settings at all.
    oid = ok(repo, "hash-object", "-w", "a")
    ok(repo, "tag", "of-a-file", oid)
    ok(repo, "push", "-q", "origin", "of-a-file")


def test_what_the_fetch_url_has_is_new_to_another_push_url(repo: Path, tmp_path: Path) -> None:
    """A fork to push to, the company's repository to fetch from: tracking branches tell of that."""
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin", "main")
    ok(repo, "config", "remote.origin.pushurl", "../second")
    stopped(repo, "origin", "main")
    # The same place by another protocol is no other place.
    url = f"file://{tmp_path}/up"
    ok(repo, "config", "remote.origin.url", str(tmp_path / "up"))
    ok(repo, "config", "remote.origin.pushurl", url)
    ok(repo, "push", "-q", "origin", "HEAD:refs/heads/side")


def test_a_thousand_tags_are_asked_about_together(repo: Path) -> None:
    head = ok(repo, "rev-parse", "HEAD")
    lines = "".join(f"create refs/tags/t{n} {head}\n" for n in range(3000))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=repo, input=lines.encode(), check=True)
    leak(repo)
    ok(repo, "tag", "-am", "x", "bad")
    trace = repo.parent / "trace"
    stopped(repo, "-q", "other", "--tags", GIT_TRACE2_EVENT=str(trace))
    assert trace.read_text().count('"event":"start"') < 30


def test_the_text_of_a_tag_that_a_merge_keeps_is_seen(repo: Path) -> None:
    ok(repo, "checkout", "-qb", "side")
    clean(repo)
    # Git keeps the text of signed tags.
    signature = "-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----"
    ok(repo, "tag", "-am", f"x\n\n{LEAK}\n{signature}", "v1")
    ok(repo, "checkout", "-q", "main")
    clean(repo, "d")
    ok(repo, "merge", "-q", "-m", "merged", "v1")
    assert "mergetag" in ok(repo, "cat-file", "-p", "HEAD")
    stopped(repo, "origin", "main")


def test_own_secrets_in_names_are_seen(repo: Path) -> None:
    value = samples.text(40, 9)
    Noting(MemoryVault()).put(secret_item("token"), Secret(value))
    (repo / f"backup-{value}.txt").write_text("nothing\n")
    ok(repo, "add", ".")
    assert "own-secret" in git(repo, "commit", "-qm", "x").stderr
    ok(repo, "commit", "-qnm", "x")
    said = git(repo, "push", "origin", "main").stderr
    assert "own-secret" in said
    assert value not in said
    ok(repo, "reset", "-q", "--hard", "HEAD~1")
    assert "own-secret" in git(repo, "push", "origin", f"HEAD:refs/heads/{value}").stderr


def test_a_remote_that_was_set_to_another_place_has_nothing_of_it(
    repo: Path, tmp_path: Path
) -> None:
    """What was private becomes public: the tracking branches are those of the place before."""
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin", "main")
    ok(repo, "fetch", "-q", "origin")
    clean(repo)
    ok(repo, "remote", "set-url", "origin", "../second")
    stopped(repo, "origin", "main")
    # The other place has commits of its own, which are not here.
    ok(tmp_path, "clone", "-q", "second", "mate")
    ok(tmp_path / "mate", "commit", "-q", "--allow-empty", "-m", "licence")
    ok(tmp_path / "mate", "push", "-q", "origin", "HEAD:main")
    stopped(repo, "--force", "origin", "main")


def test_a_branch_that_was_deleted_on_the_other_side_is_pushed_again(
    repo: Path, tmp_path: Path
) -> None:
    leak(repo)
    ok(repo, "push", "-q", "--no-verify", "origin", "main", "main:side")
    ok(repo, "fetch", "-q", "origin")
    ok(tmp_path / "up", "update-ref", "-d", "refs/heads/side")
    clean(repo)
    ok(repo, "push", "-q", "origin", "main:side")


def test_lines_of_a_push_that_cannot_be_read_stop_it(repo: Path, tmp_path: Path) -> None:
    """A hook beside ours gets them, too, so they are read by cat."""
    hook.uninstall(Context(), str(repo), global_=False)
    beside = repo / ".git/hooks/pre-push"
    beside.write_text("#!/bin/sh\nexit 0\n")
    beside.chmod(0o755)
    hook.install(Context(), str(repo), global_=False)
    broken = tmp_path / "bin" / "cat"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    leak(repo)
    done = git(repo, "push", "-q", "origin", "main", PATH=f"{broken.parent}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert "blocked, what git says of the push cannot be read" in done.stderr
