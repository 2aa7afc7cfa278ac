"""Do what one of the git hooks does, also inside the pre-commit framework.

https://pre-commit.com: it gives pre-push no standard input but PRE_COMMIT_FROM_REF and the like,
and runs us on nothing staged only for `run --all-files`.
"""

from __future__ import annotations

import os
import sys

from credguard import commitmsg, precommit, prepush
from credguard.errors import GitError
from credguard.sources.git import run as run_git
from credguard.sources.staging import Staging

_ZERO = "0" * 40

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.precommit import Found
    from credguard.report.blocked import Hit


def findings(name: str, args: list[str]) -> Found:
    """What hook `name` would block, `args` and standard input as git gives them to it.

    And what could not be read to its end, with why, and the number of files. A finding in a commit
    says which. Raises CredguardError.
    """
    found, problems, scanned = _findings(name, args)
    found = precommit.kept(found)
    _attributed(found)
    return found, problems, scanned


def _attributed(found: list[Hit]) -> None:
    commits = {commit for _, commit in found if commit}
    if not commits:
        return
    from credguard.scan.model import Commit
    from credguard.sources.history import Repository

    try:
        about = Repository(None).about(commits)
    except GitError:  # such as a tag of a file
        about = {}
    for hit, commit in found:
        if commit:
            hit.commit = about.get(commit) or Commit(commit, "", "")


def run(name: str, args: list[str]) -> int:
    """As the hook: tells a person on standard error, gives the exit code."""
    if name == "pre-push":
        return prepush.run(*_push(args))
    what = precommit.MESSAGE if name == "commit-msg" else precommit.COMMIT
    return precommit.guarded(what, lambda: _findings(name, args))


def _push(args: list[str]) -> tuple[str, str, Callable[[], bytes]]:
    """Name and URL of the remote, and what reads git's lines on the references."""
    if not os.environ.get("PRE_COMMIT"):
        remote, url = (*args, "", "")[:2]
        return remote, url, sys.stdin.buffer.read
    given = os.environ.get
    return given("PRE_COMMIT_REMOTE_NAME", ""), given("PRE_COMMIT_REMOTE_URL", ""), _of_framework


def _findings(name: str, args: list[str]) -> Found:
    if name == "commit-msg":
        if len(args) != 1:
            raise GitError("commit-msg needs the file of the message", hint="name that file")
        return commitmsg.findings(args[0])
    framework = bool(os.environ.get("PRE_COMMIT"))
    if name == "pre-push":
        remote, url, lines = _push(args)
        return prepush.findings(lines(), remote, url)
    if framework and os.environ.get("PRE_COMMIT_TO_REF"):
        return prepush.findings(_of_framework(), "", "")
    if framework and next(iter(Staging()), None) is None:
        empty = run_git(None, "hash-object", "-t", "tree", "/dev/null", inherit=True)
        return precommit.look_at_index(empty.decode().strip())
    return precommit.look_at_index()


def _of_framework() -> bytes:
    """The line that git gave the framework; it looks at the first reference of a push only."""
    given = os.environ.get
    names = (
        given("PRE_COMMIT_TO_REF") or given("PRE_COMMIT_LOCAL_BRANCH") or "HEAD",
        given("PRE_COMMIT_FROM_REF", ""),
    )
    oids = []
    for name in names:
        args = ("rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}")
        oid = run_git(None, *args, inherit=True, ok=(0, 1)).decode().strip() if name else ""
        oids.append(oid or _ZERO)
    if oids[0] == _ZERO:
        raise GitError(f"git knows no commit {names[0]}")
    ref = given("PRE_COMMIT_REMOTE_BRANCH") or "refs/heads/unknown"
    return f"{names[0]} {oids[0]} {ref} {oids[1]}\n".encode("utf-8", "surrogateescape")
