"""The text of our git hooks: the templates of hooks/ with this installation's paths filled in."""

import os
import shlex
import sys
import sysconfig

from credguard import paths
from credguard.errors import StoreError
from credguard.sources.notes import COMMITS, PUSHES

# Each hook that looks for secrets, and the module whose `main` does it.
_ENTRIES = {
    "pre-commit": "precommit",
    "pre-merge-commit": "precommit",
    "commit-msg": "commitmsg",
    "pre-push": "prepush",
}
CHECKED = tuple(_ENTRIES)
# Git runs these after commits that no hook above saw: --no-verify, cherry-pick, revert, rebase, am.
NOTED = ("post-commit", "post-merge", "post-applypatch", "post-rewrite")
INSTALLED = CHECKED + NOTED
# Git runs it in the repository that a push goes to, which may be on this machine.
_RECEIVED = "post-update"
KEPT = ".before-credguard"
_SECTIONS = (
    f"for name in {' '.join(INSTALLED)}; do"
    " git config --global --remove-section hook.credguard-$name; done"
)
MARK = b"# credguard hook shim"


def _templates() -> str:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "_hooks"), os.path.join(package, "..", "hooks")):
        if os.path.isfile(os.path.join(folder, "check.sh")):
            return folder
    raise StoreError("the hook templates are missing", hint="run ./install.sh again")


def _template(name: str) -> str:
    with open(os.path.join(_templates(), name), encoding="utf-8") as file:
        return file.read()


def _kept_lines(name: str, chain_to: str | None, *, global_: bool) -> str:
    if not global_:
        return f'kept="${{0%/*}}/{name}{KEPT}"\n'
    if chain_to is not None:
        return f"kept={shlex.quote(os.path.join(chain_to, name))}\n"
    # While it makes a repository, git runs reference-transaction in what is none yet (2.55 does).
    ask, fail = "git rev-parse --git-common-dir", "exit 2"
    if name not in CHECKED:
        ask, fail = f"{ask} 2>/dev/null", "common=${GIT_DIR:-.git}"
    return (
        'if [ -z "$GIT_DIR" ] && [ -d .git ]; then common=.git\n'
        f"else common=$({ask}) || {fail}; fi\n"
        f"kept=$common/hooks/{name}\n"
    )


def shim(name: str, *, global_: bool = False, chain_to: str | None = None) -> bytes:
    """The text of our hook `name`, this interpreter and its site-packages filled in.

    `chain_to`: the folder whose hook runs after ours; None with `global_`: the repository's own.
    """
    removal = _removal(global_=global_, chain_to=chain_to)
    return _shim(name, _kept_lines(name, chain_to, global_=global_), removal)


def configured_shim(name: str) -> bytes:
    """The text of our hook `name` for git's configuration.

    It runs no other hook, and leaves all to the one in git's hooks folder where that is ours.
    """
    lines = [
        "second=",
        f"ours=$(git rev-parse --git-path hooks)/{name}",
        '{ read -r first; read -r second; } 2>/dev/null <"$ours"',
        f"case $second in '{MARK.decode()}'*) [ ! -x \"$ours\" ] || exit 0 ;; esac",
        "kept=",
    ]
    return _shim(name, "\n".join(lines) + "\n", f"  remove={shlex.quote(_SECTIONS)}\n")


def _shim(name: str, kept: str, removal: str) -> bytes:
    chain = _template("chain.sh")
    if name in (*NOTED, _RECEIVED):
        received = name == _RECEIVED
        kind = PUSHES if received else COMMITS
        inbox = shlex.quote(os.path.join(paths.inbox_dir(), kind))
        template = _template("received.sh" if received else "note.sh")
        text = template.replace("kept=@KEPT@\n", kept)
        text = text.replace("@NAME@", name).replace("@INBOX@", inbox)
        return (text + chain).encode("utf-8", "surrogateescape")
    if name not in CHECKED:
        head = f"#!/bin/sh\n{MARK.decode()}: {name}. Runs the hook that git would run without us.\n"
        extra = _template("push-to-checkout.sh") if name == "push-to-checkout" else ""
        return (head + kept + extra + chain).encode("utf-8", "surrogateescape")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = (root, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    folders = list(dict.fromkeys(os.path.abspath(folder) for folder in found))
    entry = _ENTRIES[name]
    code = f"import sys;sys.path+={folders!r};from credguard.{entry} import main;main()"
    look = '@PYTHON@ -I -S -c @CODE@ "$@" </dev/null || exit $?\n'
    text = _template("check.sh").replace("kept=@KEPT@\n", kept)
    for word, value in (
        ("@LOOK@\n", _template("push.sh") if name == "pre-push" else look),
        ("@ALONE@", "" if name == "pre-push" else " </dev/null"),
        ("@NAME@", name),
        ("@PYTHON@", shlex.quote(sys.executable)),
        ("@ENTRY@", shlex.quote(os.path.join(root, "credguard", f"{entry}.py"))),
        ("@CODE@", shlex.quote(code)),
        ("@REMOVE@\n", removal),
    ):
        text = text.replace(word, value)
    return (text + chain).encode("utf-8", "surrogateescape")


def _removal(*, global_: bool, chain_to: str | None) -> str:
    """Shell lines that set `remove`: what to type once our program is gone, from any folder."""
    if not global_:
        # Git starts a repository's own hooks at its top, by a relative path.
        return (
            '  folder=$(cd "${0%/*}" && pwd) remove=\n'
            f"  for name in {' '.join(INSTALLED)}; do\n"
            f"    grep -qs '^{MARK.decode()}' \"$folder/$name\" || continue\n"
            f'    file=\\"$folder/$name\\" kept=$folder/$name{KEPT}\n'
            '    [ -e "$kept" ] && remove="${remove:+$remove && }mv \\"$kept\\" $file" ||\n'
            '      remove="${remove:+$remove && }rm $file"\n'
            "  done\n"
        )
    setting = "--unset core.hooksPath"
    if chain_to is not None:
        setting = f"core.hooksPath {shlex.quote(chain_to)}"
    return (
        f"  remove={shlex.quote('git config --global ' + setting)}\n"
        f"  git config --global hook.credguard-{CHECKED[0]}.event >/dev/null &&\n"
        f"    remove=$remove{shlex.quote('; ' + _SECTIONS)}\n"
    )
