"""The ways of gate.WAYS."""

import shutil
import subprocess
from pathlib import Path

import git as gitpython

from tests.support.gate import BLOCKED, PUSH, TOLD, Cell, way

_MSG = "commit message"
_NOT_PATCHES = ("binary file", "symlink target", "file to symlink", "odd name")


@way(BLOCKED, "`git add`, `git commit`")
def commit(cell: Cell) -> None:
    cell.staged()
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "`git commit -a`")
def commit_all(cell: Cell) -> None:
    cell.put()
    cell.git("add", "-AN")
    cell.git("commit", "-qam", cell.message)


@way(BLOCKED, "`git commit --only PATH`")
def commit_only(cell: Cell) -> None:
    cell.put()
    cell.git("add", "-AN")
    cell.git("commit", "-qm", cell.message, "--only", ".")


@way(BLOCKED, "`git commit --include PATH`")
def commit_include(cell: Cell) -> None:
    cell.put()
    cell.git("add", "-AN")
    cell.git("commit", "-qm", cell.message, "--include", ".")


@way(BLOCKED, "`git commit --patch`", *_NOT_PATCHES, "-diff attribute", "deep folder")
def commit_patch(cell: Cell) -> None:
    cell.put()
    cell.git("add", "-AN")
    cell.git("commit", "-qm", cell.message, "--patch", stdin="y\n" * 40)


@way(BLOCKED, "`git commit --amend`")
def amend(cell: Cell) -> None:
    cell.staged()
    cell.git("commit", "-q", "--amend", "-m", cell.message)


@way(BLOCKED, "`git commit --fixup`", _MSG)
def fixup(cell: Cell) -> None:
    cell.staged()
    cell.git("commit", "-q", "--fixup", "HEAD")


@way(BLOCKED, "the message from an editor")
def editor(cell: Cell) -> None:
    cell.staged()
    (cell.folder / "text").write_text(cell.message)
    cell.git("commit", "-qv", GIT_EDITOR=f"cp {cell.folder}/text")


@way(BLOCKED, "the message from a file")
def message_file(cell: Cell) -> None:
    cell.staged()
    (cell.folder / "text").write_text(cell.message)
    cell.git("commit", "-qF", str(cell.folder / "text"))


@way(BLOCKED, "the first commit of a branch without history")
def first(cell: Cell) -> None:
    cell.git("checkout", "-q", "--orphan", "new")
    cell.staged()
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "a detached HEAD")
def detached(cell: Cell) -> None:
    cell.git("checkout", "-q", "--detach")
    cell.staged()
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "a linked worktree, `commit -a`")
def worktree(cell: Cell) -> Path:
    tree = cell.folder / "tree"
    cell.git("worktree", "add", "-q", str(tree), "left")
    cell.put(tree)
    cell.git("add", "-AN", cwd=tree)
    cell.git("commit", "-qam", cell.message, cwd=tree)
    return tree


@way(BLOCKED, "inside a submodule")
def submodule(cell: Cell) -> Path:
    upstream = str(cell.folder / "upstream")
    cell.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", upstream, "sub")
    cell.git("commit", "-qm", "sub")
    shutil.copytree(
        cell.repo / ".git/hooks", cell.repo / ".git/modules/sub/hooks", dirs_exist_ok=True
    )
    sub = cell.repo / "sub"
    cell.git("checkout", "-q", "main", cwd=sub)
    cell.staged(sub)
    cell.git("commit", "-qm", cell.message, cwd=sub)
    return sub


def _clone(cell: Cell, *args: str) -> Path:
    clone = cell.folder / "clone"
    url = (cell.folder / "upstream").as_uri()
    cell.git("clone", "-q", *args, url, str(clone), cwd=cell.folder)
    shutil.copytree(cell.repo / ".git/hooks", clone / ".git/hooks", dirs_exist_ok=True)
    return clone


@way(BLOCKED, "a shallow clone")
def shallow(cell: Cell) -> Path:
    clone = _clone(cell, "--depth=1")
    cell.staged(clone)
    cell.git("commit", "-qm", cell.message, cwd=clone)
    return clone


@way(BLOCKED, "a partial clone without its blobs")
def partial(cell: Cell) -> Path:
    cell.git("config", "uploadpack.allowFilter", "true", cwd=cell.folder / "upstream")
    clone = _clone(cell, "--filter=blob:none")
    cell.staged(clone)
    cell.git("remote", "set-url", "origin", "/nonexistent", cwd=clone)
    cell.git("commit", "-qm", cell.message, cwd=clone)
    return clone


@way(BLOCKED, "a sparse checkout")
def sparse(cell: Cell) -> None:
    cell.git("sparse-checkout", "set", "--no-cone", "/*", "!/a")
    cell.put()
    cell.git("add", "-A", "--sparse")
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "a bare repository with `--work-tree`")
def bare(cell: Cell) -> Path:
    folder = cell.folder / "dotfiles"
    cell.git("clone", "-q", "--bare", "upstream", "dotfiles", cwd=cell.folder)
    shutil.copytree(cell.repo / ".git/hooks", folder / "hooks", dirs_exist_ok=True)
    home = cell.folder / "home"
    home.mkdir()
    args = ("--git-dir", str(folder), "--work-tree", str(home))
    cell.git(*args, "reset", "-q", "--hard", cwd=home)
    cell.put(home)
    cell.git(*args, "add", "-A", cwd=home)
    cell.git(*args, "commit", "-qm", cell.message, cwd=home)
    return folder


@way(BLOCKED, "an index of one's own (`GIT_INDEX_FILE`)")
def own_index(cell: Cell) -> None:
    index = str(cell.folder / "mine")
    cell.git("read-tree", "HEAD", GIT_INDEX_FILE=index)
    cell.put()
    cell.git("add", "-A", GIT_INDEX_FILE=index)
    cell.git("commit", "-qm", cell.message, GIT_INDEX_FILE=index)


@way(BLOCKED, "a merge: only in the conflict's resolution")
def resolution(cell: Cell) -> None:
    (cell.repo / "a").write_text("ours\n")
    cell.git("commit", "-qam", "ours")
    try:
        cell.git("merge", "-q", "left")
    except AssertionError:
        (cell.repo / "a").write_text("both\n")
    cell.staged()
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "a merge of three (octopus)")
def octopus(cell: Cell) -> None:
    (cell.repo / "ours").write_text("ours\n")
    cell.git("add", ".")
    cell.git("commit", "-qm", "ours")
    cell.git("merge", "-q", "--no-commit", "left", "right")
    cell.staged()
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "a merge without conflict: its message", *(
    "new file", "changed file", "odd name", "deep folder", "-diff attribute", "binary file",
    "symlink target", "file to symlink",
))  # fmt: skip
def merge_message(cell: Cell) -> None:
    cell.git("merge", "-q", "--no-ff", "left", "-m", cell.message)


@way(BLOCKED, "`git merge --squash`, then `commit`")
def squash(cell: Cell) -> None:
    cell.git("merge", "-q", "--squash", cell.hidden())
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "`git cherry-pick --no-commit`, then `commit`")
def pick_no_commit(cell: Cell) -> None:
    cell.git("cherry-pick", "--no-commit", cell.hidden())
    cell.git("commit", "-qm", cell.message)


@way(BLOCKED, "`git rebase -i`, stopped at `edit`, then `--amend`")
def rebase_edit(cell: Cell) -> None:
    (cell.repo / "b").write_text("b\n")
    cell.git("add", "b")
    cell.git("commit", "-qm", "b")
    cell.git("rebase", "-q", "-i", "HEAD~1", GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/")
    cell.staged()
    cell.git("commit", "-q", "--amend", "-m", cell.message)


@way(TOLD, "`git commit --no-verify`")
def no_verify(cell: Cell) -> None:
    cell.staged()
    cell.git("commit", "-qnm", cell.message)


@way(TOLD, "`git -c core.hooksPath=/dev/null commit`")
def no_hooks(cell: Cell) -> None:
    cell.staged()
    cell.git("-c", "core.hooksPath=/dev/null", "commit", "-qm", cell.message)


@way(TOLD, "`git cherry-pick`")
def cherry_pick(cell: Cell) -> None:
    cell.git("cherry-pick", cell.hidden())


@way(TOLD, "`git revert`, of a commit that took it out", "commit message")
def revert(cell: Cell) -> None:
    parent = cell.hidden()
    tree = cell.git("rev-parse", "HEAD^{tree}")
    taken = cell.git("commit-tree", tree, "-p", parent, "-m", "out")
    cell.git("checkout", "-q", "-B", "side", taken)
    cell.git("push", "-q", "--no-verify", "origin", "side")
    cell.git("revert", "--no-edit", "HEAD")


@way(TOLD, "`git rebase`")
def rebase(cell: Cell) -> None:
    oid = cell.hidden()
    (cell.repo / "b").write_text("b\n")
    cell.git("add", "b")
    cell.git("commit", "-qm", "b")
    cell.git("branch", "side", oid)
    cell.git("rebase", "-q", "main", "side")


@way(TOLD, "`git rebase --apply`", "odd name")
def rebase_apply(cell: Cell) -> None:
    oid = cell.hidden()
    (cell.repo / "b").write_text("b\n")
    cell.git("add", "b")
    cell.git("commit", "-qm", "b")
    cell.git("branch", "side", oid)
    cell.git("rebase", "-q", "--apply", "main", "side")


@way(TOLD, "`git am`", "odd name")
def am(cell: Cell) -> None:
    oid = cell.hidden()
    cell.git("format-patch", "-q", "-1", "--binary", "-o", str(cell.folder / "mail"), oid)
    (patch,) = (cell.folder / "mail").iterdir()
    cell.git("am", "-q", "--keep-cr", str(patch))


@way(TOLD, "`git merge` of local work that no hook saw")
def merge_local(cell: Cell) -> None:
    oid = cell.hidden()
    (cell.repo / "b").write_text("b\n")
    cell.git("add", "b")
    cell.git("commit", "-qm", "b")
    cell.git("merge", "-q", "--no-ff", "-m", "m", oid)


@way(TOLD, "`git merge`, fast-forward, of such work")
def fast_forward(cell: Cell) -> None:
    cell.git("merge", "-q", "--ff-only", cell.hidden())


@way(TOLD, "`git subtree add`")
def subtree(cell: Cell) -> None:
    other = cell.folder / "other"
    shutil.copytree(cell.repo, other, symlinks=True)
    shutil.rmtree(other / ".git/hooks")
    cell.git("update-ref", "refs/heads/side", cell.hidden(onto=other), cwd=other)
    cell.git("update-index", "-q", "--refresh")
    cell.git("subtree", "-q", "add", "--prefix=sub", str(other), "side")


@way(TOLD, "`git commit-tree` and `update-ref`")
def plumbing(cell: Cell) -> None:
    cell.git("update-ref", "refs/heads/main", cell.hidden())


@way(TOLD, "`git commit-tree` and `reset`")
def plumbing_reset(cell: Cell) -> None:
    cell.git("reset", "-q", "--hard", cell.hidden())


@way(TOLD, "a program that writes commits itself (GitPython)", "odd name")
def library(cell: Cell) -> None:
    cell.staged()
    with gitpython.Repo(cell.repo) as repo:
        repo.index.commit(cell.message, skip_hooks=True)


@way(PUSH, "`git stash`, pushed", "commit message")
def stash(cell: Cell) -> None:
    cell.staged()
    cell.git("stash", "-q")
    cell.git("push", "-q", "origin", "stash@{0}:refs/heads/stash")


@way(PUSH, "`git notes`, pushed", *(
    "new file", "changed file", "odd name", "deep folder", "-diff attribute", "binary file",
    "symlink target", "file to symlink",
))  # fmt: skip
def notes(cell: Cell) -> None:
    cell.git("notes", "add", "-m", cell.message)
    cell.git("push", "-q", "origin", "refs/notes/commits")


@way(PUSH, "an annotated tag, pushed: its text", *(
    "new file", "changed file", "odd name", "deep folder", "-diff attribute", "binary file",
    "symlink target", "file to symlink",
))  # fmt: skip
def tag(cell: Cell) -> None:
    cell.git("tag", "-a", "v1", "-m", cell.message)
    cell.git("push", "-q", "origin", "v1")


@way(PUSH, "`git fast-import` into another branch, pushed", "odd name")
def fast_import(cell: Cell) -> None:
    oid = cell.hidden()
    cell.git("branch", "temporary", oid)
    stream = cell.folder / "stream"
    stream.write_bytes(
        _output(cell, "fast-export", "--reference-excluded-parents", "temporary", "^main")
    )
    cell.git("branch", "-qD", "temporary")
    with stream.open("rb") as file:
        data = file.read().replace(b"refs/heads/temporary", b"refs/heads/imported")
    stream.write_bytes(data)
    with stream.open("rb") as file:
        subprocess.run(["git", "fast-import", "--quiet"], cwd=cell.repo, stdin=file, check=True)
    cell.git("push", "-q", "origin", "imported")


def _output(cell: Cell, *args: str) -> bytes:
    return subprocess.run(["git", *args], cwd=cell.repo, check=True, capture_output=True).stdout
