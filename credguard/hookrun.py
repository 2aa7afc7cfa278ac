"""Do what one of the git hooks does, also inside the pre-commit framework.

https://pre-commit.com: it gives pre-push no standard input but PRE_COMMIT_FROM_REF and the like,
and runs us on nothing staged only for `run --all-files`.
"""

import os
import sys

from credguard import commitmsg, precommit, prepush
from credguard.errors import GitError
from credguard.sources.git import run as run_git
from credguard.sources.staging import Staging

_ZERO = "0" * 40

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.precommit import Found


def findings(name: str, args: list[str]) -> Found:
    """What hook `name` would block, `args` and standard input as git gives them to it.

    And what could not be read to its end, with why, and the number of files. Raises CredguardError.
    """
    found, problems, scanned = _findings(name, args)
    return precommit.kept(found), problems, scanned


def run(name: str, args: list[str]) -> int:
    """As the hook: tells a person on standard error, gives the exit code."""
    what = {"commit-msg": precommit.MESSAGE, "pre-push": precommit.PUSH}.get(name)
    return precommit.guarded(what or precommit.COMMIT, lambda: _findings(name, args))


def _findings(name: str, args: list[str]) -> Found:
    if name == "commit-msg":
        if len(args) != 1:
            raise GitError("commit-msg needs the file of the message", hint="name that file")
        return commitmsg.findings(args[0])
    framework = bool(os.environ.get("PRE_COMMIT"))
    if name == "pre-push":
        remote, url = (*args, "", "")[:2]
        if framework:
            remote = os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
            url = os.environ.get("PRE_COMMIT_REMOTE_URL", "")
        lines = _of_framework() if framework else sys.stdin.buffer.read()
        return prepush.findings(lines, remote, url)
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
