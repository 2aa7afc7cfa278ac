"""Use case: OpenSSH's SSH_ASKPASS helper, which answers from the vault; the rest is a person's.

OpenSSH starts one program with the prompt as its only argument, and reads the answer from its
standard output (ssh-add(1)). That program is a script of two lines, which runs `credguard ssh
askpass`.
"""

import contextlib
import getpass
import os
import shlex
import shutil
import subprocess
import sys

from credguard import paths
from credguard.app.context import Context
from credguard.atomic import write_private
from credguard.errors import CredguardError, StoreError, VaultError
from credguard.keypairs.prompts import Asked, Question, read
from credguard.secret import Secret
from credguard.store import events
from credguard.vault.base import ssh_item

FOR_KEY = "CREDGUARD_SSH_KEY"
NEXT = "CREDGUARD_SSH_ASKPASS"
_DIALOG_S = 120.0
# Programs of the same contract that open a dialog, as distributions install them.
_DIALOGS = (
    "ssh-askpass",
    "ksshaskpass",
    "lxqt-openssh-askpass",
    "/usr/lib/openssh/gnome-ssh-askpass",
    "/usr/libexec/openssh/gnome-ssh-askpass",
    "/usr/lib/ssh/ssh-askpass",
    "/usr/lib/ssh/x11-ssh-askpass",
)


def program() -> str:
    """The helper's path; it is made, or brought up to date, when it is not as it should be.

    Raises StoreError.
    """
    text = f'#!/bin/sh\nexec {shlex.quote(python())} -I -m credguard ssh askpass "$@"\n'
    return written(_path(), text)


def python() -> str:
    """The interpreter that runs credguard, by a path that an upgrade keeps."""
    path = os.path.join(sys.prefix, "bin", "python")
    return path if os.path.exists(path) else sys.executable


def written(path: str, text: str) -> str:
    """`path`, a script in the data folder, with that `text`. Raises StoreError."""
    paths.private_dir(paths.data_dir())
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text and os.access(path, os.X_OK):
                return path
    except (OSError, UnicodeDecodeError):
        pass
    try:
        write_private(path, text.encode(), 0o700)
    except OSError as exc:
        raise StoreError(f"cannot write {path}: {exc.strerror}") from exc
    return path


def environment(for_key: str = "") -> dict[str, str]:
    """What a program of OpenSSH needs in its environment to ask us, at a terminal too.

    `for_key`: the key that it makes, when its prompts do not name it. Raises StoreError.
    """
    path = program()
    found = {"SSH_ASKPASS": path, "SSH_ASKPASS_REQUIRE": "force"}
    before = os.environ.get("SSH_ASKPASS")
    if before and before != path:
        found[NEXT] = before
    if for_key:
        found[FOR_KEY] = for_key
    return found


def dialog() -> str | None:
    """The program that can ask a person without a terminal; None: there is none."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    for name in (os.environ.get(NEXT), os.environ.get("SSH_ASKPASS"), *_DIALOGS):
        found = shutil.which(name) if name else None
        if found and os.path.realpath(found) != os.path.realpath(_path()):
            return found
    return None


def _path() -> str:
    return os.path.join(paths.data_dir(), "askpass")


def answer(ctx: Context, prompt: str) -> Secret | None:
    """What OpenSSH is to read; None: nothing, and that means yes.

    Raises CredguardError: no answer, which OpenSSH takes as a no.
    """
    from credguard.ssh import keys

    kind = os.environ.get("SSH_ASKPASS_PROMPT", "")
    asked = read(prompt, kind, os.environ.get(FOR_KEY, ""), keys.folder())
    match asked.asked:
        case Asked.OURS:
            found = ctx.vault.get(ssh_item(asked.name))
            if found is None and asked.name != os.environ.get(FOR_KEY):
                return _person(prompt, asked)  # a file that is called like ours
            if found is None:
                raise VaultError(f"the vault holds no passphrase for the SSH key {asked.name}")
            if asked.name != os.environ.get(FOR_KEY) and not asked.confirms:
                _ask_first(ctx, asked.name)
            with contextlib.suppress(StoreError):  # a full disk does not keep the key back
                events.record(ctx.db, ctx.now(), "ssh.unlocked", asked.name)
            return found
        case Asked.REFUSE:
            raise VaultError(
                f"the passphrase in the vault does not open the SSH key {asked.name}",
                hint="restore a backup: credguard vault restore FILE",
            )
        case Asked.NOTICE:
            print(prompt, file=sys.stderr)  # noqa: T201 - such as: touch the security key
            return None
        case Asked.CONFIRM:
            _confirm(prompt)
            return None
        case Asked.PERSON:
            return _person(prompt, asked)


def _ask_first(ctx: Context, name: str) -> None:
    """Where the key is one that asks: ssh reads the file itself, and no agent would ask.

    Where the state database cannot say so, a person does. Raises StoreError: nor can one.
    """
    from credguard.store import ssh

    try:
        key = ssh.key(ctx.db, name)
    except StoreError:
        if dialog() is None:
            raise
        _confirm(f"Allow use of SSH key {name}?\nThe state database cannot be read.")
        return
    if key is not None and key.confirm:
        _confirm(f"Allow use of SSH key {name}?\nKey fingerprint {key.fingerprint}.")


def _confirm(prompt: str) -> None:
    if (program := dialog()) is None:
        raise CredguardError(
            "nobody can be asked to confirm: there is no display, or no ssh-askpass",
            hint="take the asking away: credguard ssh add NAME --no-confirm",
        )
    os.environ["SSH_ASKPASS_PROMPT"] = "confirm"  # what makes a dialog a question of yes or no
    if _run(program, prompt).returncode != 0:
        raise CredguardError("a person said no")


def _person(prompt: str, asked: Question) -> Secret:
    """What a person types, at ssh's own terminal, or in a dialog where there is none."""
    if _terminal():
        if not asked.echo:
            return Secret(getpass.getpass(prompt))
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            terminal.write(prompt.encode())
            line = b""
            while not line.endswith(b"\n") and (byte := terminal.read(1)):
                line += byte
        return Secret(line.rstrip(b"\r\n"))
    if (program := dialog()) is not None:
        done = _run(program, prompt)
        if done.returncode == 0:
            return Secret(done.stdout.rstrip(b"\r\n"))
        raise CredguardError("a person said no")
    raise CredguardError(f"nobody is here to answer: {prompt.strip()}")


def _terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _run(program: str, prompt: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [program, prompt], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            timeout=_DIALOG_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise CredguardError(f"{program} gave no answer ({type(exc).__name__})") from None
