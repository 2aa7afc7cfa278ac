"""The hook as git runs it: real commits through the installed shim."""

import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import precommit
from credguard.app import hook
from credguard.app.context import Context
from credguard.sources.staging import staged
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")

EXAMPLE = "aws_access_key_id = {}\naws_secret_access_key = {}\n"


def leak(seed: int = 1) -> str:
    return EXAMPLE.format(samples.aws_key_id(seed), samples.aws_secret(seed))


def git(cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=60,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def ok(cwd: Path, *args: str) -> str:
    done = git(cwd, *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    ok(folder, "init", "-q")
    (folder / "a").write_text("one\n")
    ok(folder, "add", "a")
    ok(folder, "commit", "-qm", "first")
    hook.install(Context(), str(folder), global_=False)
    return folder


def blocked(repo: Path, *args: str) -> str:
    before = git(repo, "rev-parse", "HEAD").stdout
    done = git(repo, *args)
    assert done.returncode != 0, done.stdout + done.stderr
    assert "blocked" in done.stderr
    assert "could not tell" not in done.stderr
    assert "bug" not in done.stderr
    assert samples.aws_secret() not in done.stderr
    assert git(repo, "rev-parse", "HEAD").stdout == before
    return done.stderr


def test_a_clean_commit_passes_without_a_word(repo: Path) -> None:
    (repo / "b").write_text("nothing here\n")
    ok(repo, "add", "b")
    done = git(repo, "commit", "-qm", "clean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_secret_is_blocked_with_place_rule_and_advice(repo: Path) -> None:
    (repo / "b.ini").write_text("# mine\n" + leak())
    ok(repo, "add", "b.ini")
    said = blocked(repo, "commit", "-qm", "leak")
    assert "b.ini:2:21  AWS access key id" in said
    for way in ("git add b.ini", "credguard:allow aws-access-key-id", "credguard secret add"):
        assert way in said


def test_the_secret_of_a_key_id_in_another_file_is_told_too(repo: Path) -> None:
    (repo / "id.txt").write_text(samples.aws_key_id())
    (repo / "s3").write_text(samples.aws_secret())
    (repo / "s3.old").write_text(samples.aws_secret(2) + "  # credguard:allow\n")
    ok(repo, "add", ".")
    said = blocked(repo, "commit", "-qm", "leak")
    assert "s3:1:1  AWS secret access key; its key id is in id.txt" in said
    assert "s3.old" not in said
    ok(repo, "rm", "-q", "--cached", "id.txt")
    ok(repo, "commit", "-qm", "a value alone says nothing")


def test_the_first_commit_is_checked(tmp_path: Path) -> None:
    ok(tmp_path, "init", "-q")
    hook.install(Context(), str(tmp_path), global_=False)
    (tmp_path / "b.ini").write_text(leak())
    ok(tmp_path, "add", ".")
    blocked(tmp_path, "commit", "-qm", "leak")


@pytest.mark.parametrize("args", [("-a",), ("--only", "a"), ("a",), ("-a", "--amend")])
def test_every_way_to_choose_what_is_committed(repo: Path, args: tuple[str, ...]) -> None:
    (repo / "a").write_text("one\n" + leak())
    blocked(repo, "commit", "-qm", "leak", *args)


def test_what_is_not_staged_does_not_count(repo: Path) -> None:
    (repo / "a").write_text("one\ntwo\n")
    ok(repo, "add", "a")
    (repo / "a").write_text("one\ntwo\n" + leak())
    ok(repo, "commit", "-qm", "clean")


def test_an_amend_that_takes_the_secret_out_passes(repo: Path) -> None:
    (repo / "a").write_text("one\n" + leak())
    ok(repo, "commit", "-qam", "leak", "--no-verify")
    (repo / "a").write_text("one\nmore\n")
    ok(repo, "commit", "-qa", "--amend", "-m", "clean")


def test_an_old_secret_is_not_reported_again(repo: Path) -> None:
    (repo / "a").write_text("one\n" + leak())
    ok(repo, "commit", "-qam", "leak", "--no-verify")
    (repo / "a").write_text("one\n" + leak() + "two\n")
    ok(repo, "commit", "-qam", "more")


def test_a_wild_name_does_not_reach_the_terminal(repo: Path) -> None:
    name = os.fsencode(repo) + b"/x\n\x1b[31m\xff.ini"
    Path(os.fsdecode(name)).write_text(leak())
    ok(repo, "add", ".")
    said = blocked(repo, "commit", "-qm", "leak")
    assert "\x1b" not in said
    assert "x\\n\\x1b[31m\\xff.ini:" in said


def test_utf_16_and_no_diff_attribute(repo: Path) -> None:
    (repo / ".gitattributes").write_text("* -diff\n")
    (repo / "b.ini").write_bytes(leak().encode("utf-16"))
    ok(repo, "add", ".")
    blocked(repo, "commit", "-qm", "leak")


def test_what_is_encoded_or_packed_is_read(repo: Path) -> None:
    run = base64.b64encode(leak().encode()).decode()
    (repo / "b").write_text("x = 1\n" * 900 + f'y = "{run}"\n')
    ok(repo, "add", "b")
    said = blocked(repo, "commit", "-qm", "x")
    assert re.search(r"b:901:\d+  AWS .*\n(?: .*\n)*? .*in base64", said), said
    (repo / "b").write_bytes(gzip.compress(leak().encode()))
    ok(repo, "add", "b")
    assert re.search(r"b!b:2:\d+  AWS ", blocked(repo, "commit", "-qm", "x"))


def test_a_staged_baseline_lets_known_findings_pass_and_says_so(repo: Path) -> None:
    (repo / "b.ini").write_text(leak())
    ok(repo, "add", "b.ini")
    blocked(repo, "commit", "-qm", "x")
    made = subprocess.run(
        [sys.executable, "-m", "credguard", "baseline", "create", "."],
        cwd=repo, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "1 " in made.stderr or "2 " in made.stderr, made.stderr
    blocked(repo, "commit", "-qm", "x")  # it lies in the work tree alone
    ok(repo, "add", ".credguard.baseline")
    done = git(repo, "commit", "-qm", "x")
    assert done.returncode == 0, done.stderr
    assert "by .credguard.baseline" in done.stderr
    (repo / "b.ini").write_text("\n\n" + leak() + leak(2))
    ok(repo, "add", "b.ini")
    assert "b.ini:" in blocked(repo, "commit", "-qm", "y")  # the second is new
    (repo / ".credguard.baseline").write_text("wrong\n")
    ok(repo, "add", ".")
    done = git(repo, "commit", "-qm", "y")
    assert done.returncode != 0
    assert ".credguard.baseline, line 1" in done.stderr
    assert "hint:" in done.stderr


def test_what_cannot_be_read_to_its_end_blocks_and_names_the_file(repo: Path) -> None:
    (repo / "b.gz").write_bytes(gzip.compress(os.urandom(9000))[:-2000])
    ok(repo, "add", "b.gz")
    said = blocked(repo, "commit", "-qm", "x")
    assert "not all of what is staged could be read" in said
    assert "b.gz!b: ends too early" in said
    assert "--no-verify" in said


def _diverge(repo: Path, *, conflict: bool) -> None:
    ok(repo, "checkout", "-qb", "other")
    (repo / ("a" if conflict else "theirs")).write_text("theirs\n")
    (repo / "old.ini").write_text(leak(2))
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "theirs", "--no-verify")
    ok(repo, "checkout", "-q", "main")
    (repo / "a").write_text("ours\n")
    ok(repo, "commit", "-qam", "ours")


def test_a_secret_in_a_merge_resolution(repo: Path) -> None:
    _diverge(repo, conflict=True)
    git(repo, "merge", "other")
    (repo / "a").write_text("ours\n" + leak())
    ok(repo, "add", "a")
    said = blocked(repo, "commit", "-qm", "merge")
    assert "old.ini" not in said


def test_a_merge_does_not_report_what_it_brings_in(repo: Path) -> None:
    _diverge(repo, conflict=False)
    ok(repo, "merge", "-q", "other", "-m", "merge")


def test_a_linked_worktree(repo: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    ok(repo, "worktree", "add", "-q", str(tree), "-b", "tree")
    (tree / "a").write_text("one\n" + leak())
    blocked(tree, "commit", "-qam", "leak")
    assert hook.status(Context(), str(tree)).state == "installed"


def test_a_package_of_our_name_in_the_repository_has_no_effect(repo: Path) -> None:
    for name in ("credguard", "os", "select", "hyperscan"):
        (repo / name).mkdir()
        (repo / name / "__init__.py").write_text("raise SystemExit(0)\n")
    (repo / "b.ini").write_text(leak())
    ok(repo, "add", ".")
    blocked(repo, "commit", "-qm", "leak")


def test_what_cannot_be_told_blocks_and_says_how_to_go_on(repo: Path) -> None:
    (repo / "big").write_text("x\n")
    ok(repo, "add", "big")
    oid = ok(repo, "rev-parse", ":big").strip()
    loose = repo / ".git/objects" / oid[:2] / oid[2:]
    loose.chmod(0o644)
    loose.unlink()
    done = subprocess.run(
        [str(repo / ".git/hooks/pre-commit")], cwd=repo, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "could not tell" in done.stderr
    assert "--no-verify" in done.stderr


def test_a_missing_interpreter_blocks_with_one_line(repo: Path) -> None:
    shim = repo / ".git/hooks/pre-commit"
    shim.write_text(shim.read_text().replace(sys.executable, "/nonexistent/python"))
    (repo / "a").write_text("two\n")
    done = git(repo, "commit", "-qam", "x")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "./install.sh" in done.stderr
    assert "rm " in done.stderr


RULE = '[[rules]]\nid = "our-key"\npattern = "ACME-[a-z0-9]{20}"\n'


def acme(seed: int = 1) -> str:
    return "ACME-" + samples.text(20, seed, "abcdefghijk0123456789")


def test_own_rules_of_the_index_block_and_those_of_the_worktree_do_not(repo: Path) -> None:
    (repo / ".credguard.toml").write_text(RULE)
    (repo / "a").write_text(f"k {acme()}\n")
    ok(repo, "add", "a")
    ok(repo, "commit", "-qm", "the rules are not staged")
    (repo / "b").write_text(f"k {acme(2)}\n")
    ok(repo, "add", ".")
    (repo / ".credguard.toml").unlink()
    said = blocked(repo, "commit", "-m", "x")
    assert "b:1:3" in said
    assert "our-key" in said
    assert acme(2) not in said
    (repo / "b").write_text(f"k {acme(2)} # credguard:allow our-key an example\n")
    ok(repo, "add", "b")
    ok(repo, "commit", "-qm", "marked")


def test_own_rules_of_a_folder_hold_below_it_alone(repo: Path) -> None:
    for name in ("1:sub/deep", "other"):
        (repo / name).mkdir(parents=True)
    (repo / "1:sub/.credguard.toml").write_text(RULE)
    (repo / "other/a").write_text(acme())
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "elsewhere")
    (repo / "1:sub/deep/a").write_text(acme())
    ok(repo, "add", ".")
    assert "1:sub/deep/a:1:1" in blocked(repo, "commit", "-m", "x")


def test_own_rules_look_at_the_message(repo: Path) -> None:
    (repo / ".credguard.toml").write_text(RULE)
    ok(repo, "add", ".")
    assert "our-key" in blocked(repo, "commit", "-m", f"with {acme()}")


def test_an_invalid_own_rule_blocks_with_one_line(repo: Path) -> None:
    (repo / ".credguard.toml").write_text('[[rules]]\nid = "x-y"\npattern = "(a"\n')
    ok(repo, "add", ".")
    done = git(repo, "commit", "-m", "x")
    assert done.returncode != 0
    assert ".credguard.toml: rule x-y: " in done.stderr
    assert "bug" not in done.stderr


def test_settings_of_a_folder_with_a_colon_are_read_from_the_index(repo: Path) -> None:
    (repo / "2:sub").mkdir()
    (repo / "2:sub/.credguard.toml").write_text('[allow]\npaths = ["a"]\n')
    (repo / "2:sub/a").write_text(leak())
    ok(repo, "add", ".")
    ok(repo, "commit", "-qm", "allowed")


def test_a_path_of_thousands_of_folders_is_told_not_waited_for(repo: Path) -> None:
    (repo / "s").write_text(leak())
    oid = ok(repo, "hash-object", "-w", "s").strip()
    path = "d/" * 3000 + "f"
    subprocess.run(
        ["git", "update-index", "--index-info"], cwd=repo, check=True, timeout=30,
        input=f"100644 {oid}\t{path}\n".encode(),
    )  # fmt: skip
    assert "d/d/d/" in blocked(repo, "commit", "-m", "x")


def test_settings_and_own_rules_hold_under_literal_pathspecs(repo: Path) -> None:
    (repo / ".credguard.toml").write_text(RULE + '[allow]\npaths = ["ok"]\n')
    (repo / "ok").write_text(leak())
    ok(repo, "add", ".")
    ok(repo, "--literal-pathspecs", "commit", "-qm", "allowed")
    (repo / "b").write_text(acme())
    ok(repo, "add", ".")
    assert "our-key" in blocked(repo, "--literal-pathspecs", "commit", "-m", "x")


@pytest.mark.parametrize("kind", ["gone", "fifo"])
def test_an_order_file_that_cannot_be_read_is_not(repo: Path, kind: str) -> None:
    """Git itself gives up on it, or waits, but for a first commit."""
    if kind == "fifo":
        os.mkfifo(repo / ".git" / kind)
    (repo / "b").write_text("nothing\n")
    ok(repo, "add", "b")
    ok(repo, "config", "diff.orderFile", str(repo / ".git" / kind))
    assert [file.path for file in staged(str(repo))] == [b"b"]


def lfs(repo: Path, text: str, name: str = "data.bin", store: str = ".git/lfs") -> None:
    """What the clean filter of Git LFS does: the content beside git, a pointer to it staged."""
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()
    kept = repo / store / "objects" / digest[:2] / digest[2:4] / digest
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    (repo / name).write_text(pointer)
    ok(repo, "add", name)


def test_what_git_lfs_keeps_beside_git_is_read(repo: Path, tmp_path: Path) -> None:
    lfs(repo, "nothing\n")  # what is behind a pointer hides nothing that is beside it
    (repo / "data.bin").write_text((repo / "data.bin").read_text() + leak())
    assert "data.bin:5:" in blocked(repo, "commit", "-am", "x")
    lfs(repo, "nothing\n" + leak())
    assert "data.bin:3:" in blocked(repo, "commit", "-m", "x")
    ok(repo, "commit", "-qnm", "x")
    ok(tmp_path, "init", "-q", "--bare", "up")
    assert "data.bin:3:" in blocked(repo, "push", "../up", "HEAD:main")
    # Only lines that are new, as of any file; and what is not here is a pointer like another.
    lfs(repo, "nothing\n" + leak() + "more\n")
    ok(repo, "commit", "-qm", "x")
    lfs(repo, "nothing\n" + leak(2), "gone.bin")
    shutil.rmtree(repo / ".git" / "lfs")
    ok(repo, "commit", "-qm", "x")


def test_what_git_lfs_keeps_elsewhere_is_read_from_a_linked_worktree(
    repo: Path, tmp_path: Path
) -> None:
    ok(repo, "config", "lfs.storage", "own place")
    ok(repo, "worktree", "add", "-q", "../tree")
    lfs(tmp_path / "tree", leak(), store="../repo/.git/own place")
    assert "data.bin:2:" in blocked(tmp_path / "tree", "commit", "-m", "x")


def test_what_git_lfs_keeps_and_cannot_be_read_is_said_and_does_not_block(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo)
    monkeypatch.setattr(precommit, "_ASIDE", 40)
    lfs(repo, leak())
    lfs(repo, "short and clean\n", "b.bin")
    assert precommit.run() == 0
    assert capfd.readouterr().err == (
        "credguard: not read to its end: data.bin: what Git LFS keeps of it is longer than 0 MiB\n"
    )
