"""Use case: a profile's credentials as text, for a pipe or a new private file."""

import contextlib
import os

from credguard.app import environment as variables
from credguard.app import obtain, sessions
from credguard.app.context import Context
from credguard.app.mfa import Ask
from credguard.atomic import sync_dir
from credguard.errors import CredguardError
from credguard.report import environment as report
from credguard.secret import Secret
from credguard.store import events, exported

FORMATS = ("env", "json", "credentials", "process")


def text(profile: str, handed: sessions.Handed, form: str) -> Secret:
    """The credentials in `form`, one of FORMATS. Raises Unsupported: the form cannot hold them."""
    found = variables.of_handed(handed)
    if form == "process":
        return Secret(report.process(found, variables.expiration(handed)))
    found |= variables.of_region(profile)
    if form == "credentials":
        return Secret(report.section(profile, found))
    return Secret(report.lines("dotenv" if form == "env" else "json", found))


def obtained(ctx: Context, profile: str, code: Secret | None, ask: Ask | None) -> sessions.Handed:
    """The credentials, recorded as an export; see obtain.credentials_for."""
    return obtain.credentials_for(ctx, profile, how="export", code=code, ask=ask)


def check_place(path: str, *, force: bool) -> None:
    """Raise CredguardError when a key must not be written to `path`.

    It exists already, its folder does not, or it lies in a git work tree (without `force`).
    """
    if os.path.lexists(path):
        raise CredguardError(
            f"{path} exists already and is not overwritten", hint="name a new file"
        )
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise CredguardError(f"the folder of {path} does not exist", hint=f"mkdir -p {folder}")
    while not force:
        if os.path.lexists(os.path.join(folder, ".git")):
            raise CredguardError(
                f"{path} lies in the git work tree {folder}, where a key gets committed",
                hint="name a file elsewhere, or add --force",
            )
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def write(ctx: Context, profile: str, key_id: str, content: Secret, path: str) -> None:
    """Write `content` to the new file `path`, mode 0600, and remember that it is ours.

    A crash midway leaves a part of the file, and where it is in the table. Raises CredguardError
    (it exists, it cannot be written; then nothing is left), StoreError (it cannot be remembered).
    """
    real = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
    exported.add(ctx.db, real, key_id, ctx.now())
    shown = real.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    events.record(ctx.db, ctx.now(), "profile.exported", profile, key_id=key_id, path=shown)
    made = False
    try:
        # O_EXCL follows no symlink either.
        descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        made = True
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.reveal_bytes())
            file.flush()
            os.fsync(file.fileno())
        sync_dir(os.path.dirname(real))
    except OSError as exc:
        if made:
            with contextlib.suppress(OSError):
                os.unlink(real)
            exported.forget(ctx.db, real)
        raise CredguardError(
            f"cannot write {path}: {exc.strerror}", hint="check the free space and the folder"
        ) from exc
