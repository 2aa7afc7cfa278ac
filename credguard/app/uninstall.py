"""Use case: undo every change credguard made outside its own folders, before the program goes."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.atomic import remove
from credguard.errors import CredguardError, RotationRefused, Unsupported
from credguard.store import passwords, profiles


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person decided: keys back into ~/.aws/credentials, and whether the vault goes."""

    write_back: bool
    delete_vault: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What only the vault can open: `secrets` by name, `ssh_keys`: what of SSH keys, in words.

    `passwords`: the identities whose console password it holds, often as the only copy.
    """

    secrets: list[str]
    ssh_keys: list[str]
    passwords: list[str]


def held(ctx: Context) -> Held:
    """What is lost with the vault, access keys left out. Raises StoreError."""
    if not os.path.exists(paths.database_file()):
        return Held([], [], [])
    from credguard.store import secrets, ssh

    kept = {each.identity for each in passwords.passwords(ctx.db)} | set(passwords.changes(ctx.db))
    ssh_keys = [
        f"the passphrase of {key.path}" if key.path else f"the private key {key.name}, in no file"
        for key in ssh.keys(ctx.db)
        if key.state != ssh.REVOKED
    ]
    return Held(secrets.names(ctx.db), ssh_keys, sorted(kept))


def used() -> bool:
    """Whether anything was ever set up here, so that there is something to ask about."""
    return os.path.exists(paths.database_file()) or os.path.exists(paths.vault_file())


def installed_profiles(ctx: Context) -> list[str]:
    """The profiles whose keys only the vault holds; empty where credguard was never used."""
    if not os.path.exists(paths.database_file()):
        return []
    return [profile.name for profile in profiles.profiles(ctx.db)]


def refuse_midway(ctx: Context) -> None:
    """Raise RotationRefused while a rotation is on the way: its second key would be orphaned."""
    from credguard.app.rotate import rotation_midway

    if not os.path.exists(paths.database_file()):
        return
    midway = rotation_midway(ctx)
    if midway:
        raise RotationRefused(
            f"a rotation is midway: {', '.join(midway)}",
            hint="see when it ends: credguard rotate --status; to end it now, when nothing uses the"
            " old key any more: credguard config set rotation.grace 0s && credguard config set"
            " rotation.soak 0s && credguard rotate; then uninstall again",
        )


def uninstall(ctx: Context, plan: Plan, on_step: Callable[[str], None]) -> None:
    """Stop the service, put keys back, restore hooks, and delete the vault when planned.

    `on_step` gets one line for each thing done. Safe to repeat: what fails or is interrupted
    leaves the later parts as they were. Raises RotationRefused before anything is changed, and
    what the parts raise.
    """
    refuse_midway(ctx)
    _stop_service(on_step)
    if os.path.exists(paths.database_file()):
        if plan.write_back:
            _write_back(ctx, on_step)
        from credguard.app import hook

        for note in hook.uninstall_all(ctx):
            on_step(note)
        _undo_ssh(on_step)
        if plan.delete_vault:
            _empty_vault(ctx, on_step)
            ctx.db.close()
    _delete_cache()
    if plan.delete_vault:
        _delete_files()
        on_step("deleted the settings and the state")
    elif used():
        on_step(f"the vault and {paths.state_dir()} stay; a later installation takes them up")


def _stop_service(on_step: Callable[[str], None]) -> None:
    from credguard.app import service
    from credguard.app.status import daemon_state

    try:
        if service.status() != "not installed":
            service.uninstall()
            on_step("stopped and removed the background service")
    except Unsupported:
        pass  # no service manager here, so none was installed
    if daemon_state() == "running":
        raise CredguardError(
            "credguard daemon run is still running", hint="stop it, then uninstall again"
        )


def _undo_ssh(on_step: Callable[[str], None]) -> None:
    from credguard.app import ssh_agent
    from credguard.ssh import config

    for note in config.remove():
        on_step(note)
    if ssh_agent.stop():
        on_step("ended the ssh-agent")
    for name in ("askpass", "ssh-unlock"):
        remove(os.path.join(paths.data_dir(), name))


def _write_back(ctx: Context, on_step: Callable[[str], None]) -> None:
    from credguard.app.keys import write_back_all

    if not installed_profiles(ctx):
        return
    for name in write_back_all(ctx):
        on_step(f"wrote the key of profile {name} back to {paths.aws_credentials_file()}")


def _empty_vault(ctx: Context, on_step: Callable[[str], None]) -> None:
    from credguard.app.items import known

    items = known(ctx).all
    if ctx.config.vault.backend == "file":
        remove(paths.vault_file())
    else:
        for item in items:
            ctx.vault.delete(item)
    on_step(f"deleted the vault: {len(items)} secrets")


_OURS = (
    "credguard.log",
    "state.db",
    "config.toml",
    "fingerprint.key",
    "own.bin",
    "vault.json",
    "migration.json",
)


def _delete_cache() -> None:
    _delete_in(paths.cache_dir(), ("",))


def _delete_files() -> None:
    """Our own files by name: the folders may hold something a person put there."""
    _delete_in(paths.inbox_dir(), ("commits", "skips"))
    for folder in (paths.state_dir(), paths.config_dir(), paths.data_dir()):
        _delete_in(folder, _OURS)


def _delete_in(folder: str, prefixes: tuple[str, ...]) -> None:
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        # install.sh holds its own lock while this runs.
        lock = name.endswith(".lock") and name != "install.lock"
        if os.path.isfile(path) and (name.startswith(prefixes) or lock):
            remove(path)
    if not os.listdir(folder) and sys.platform != "win32":
        os.rmdir(folder)
