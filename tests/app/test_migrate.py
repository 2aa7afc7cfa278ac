"""Moving the vault: every crash point leaves each secret somewhere, the settings pointing right."""

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credguard import config, paths
from credguard.app import items, keys, migrate, notes
from credguard.app.context import Context
from credguard.app.rotate_guard import alone
from credguard.errors import Busy, CredguardError, VaultError, VaultLocked
from credguard.secret import Secret
from credguard.store import journal, profiles, secrets, ssh
from credguard.vault.base import Vault, key_item, profile_item, secret_item, ssh_item
from credguard.vault.memory import MemoryVault
from tests.support import samples

SOURCE, TARGET = "keyring:secretservice", "file"


class Crash(BaseException):
    """The process ends here."""


class Fuse:
    """Counts effects; the one numbered `at` is not executed, or (`after`) is, then all ends."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.count = 0
        self._at = at
        self._after = after

    def act(self, do: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.count += 1
        if self.count == self._at and not self._after:
            raise Crash
        result = do(*arguments, **options)
        if self.count == self._at:
            raise Crash
        return result


class Fused:
    """A vault whose writes burn a fuse."""

    def __init__(self, vault: Vault, fuse: Fuse) -> None:
        self.name = vault.name
        self._vault = vault
        self._fuse = fuse

    def get(self, item: str) -> Secret | None:
        return self._vault.get(item)

    def put(self, item: str, secret: Secret) -> None:
        self._fuse.act(self._vault.put, item, secret)

    def delete(self, item: str) -> None:
        self._fuse.act(self._vault.delete, item)

    def names(self) -> list[str] | None:
        return self._vault.names()


def key(seed: int, user: str = "dev") -> profiles.Key:
    return profiles.Key(samples.aws_key_id(seed), "aws", "123456789012", user, "AIDA1", 1.0, "add")


def fill(ctx: Context, vault: Vault) -> dict[str, Secret]:
    """One of every kind of item; what the vault then holds."""
    ctx.__dict__["vault"] = vault
    profiles.add_profile(ctx.db, "work", key(1), 1.0, consent=True)
    secrets.add(ctx.db, "a-token", 1.0)
    ssh.add_key(ctx.db, ssh.SshKey("dev-box", "ed25519", "x", "SHA256:x", "/k", "dev", 1.0))
    new = key(2)
    row = {"old_id": key(1).key_id, "new_id": new.key_id, "state": "created"}
    journal.write(ctx.db, key(1).identity, row, 1.0)
    held = {
        key_item("aws", "123456789012", key(1).key_id): Secret(samples.aws_secret(1)),
        # Stored by a rotation that a crash kept from indexing it.
        key_item("aws", "123456789012", new.key_id): Secret(samples.aws_secret(2)),
        secret_item("a-token"): Secret(samples.text(30)),
        ssh_item("dev-box"): Secret(samples.text(43)),
    }
    for item, secret in held.items():
        vault.put(item, secret)
    notes.note_all(ctx)
    note = vault.get(profile_item("work"))
    assert note is not None
    return {**held, profile_item("work"): note}


def contents(vault: Vault, names: dict[str, Secret]) -> dict[str, Secret]:
    return {each: value for each in names if (value := vault.get(each)) is not None}


def opener(vaults: dict[str, Vault], fuse: Fuse) -> Callable[[str], Vault]:
    return lambda backend: Fused(vaults[backend], fuse)


def fresh(backend: str = SOURCE) -> tuple[Context, dict[str, Vault], dict[str, Secret]]:
    for path in (paths.database_file(), paths.config_file()):
        for each in (path, path + "-wal", path + "-shm"):
            Path(each).unlink(missing_ok=True)
    config.set_value("vault.backend", backend)
    vaults: dict[str, Vault] = {name: MemoryVault() for name in config.BACKENDS}
    ctx = Context()
    return ctx, vaults, fill(ctx, vaults[backend])


def run(vaults: dict[str, Vault], fuse: Fuse, to: str = TARGET, **options: Any) -> migrate.Migrated:
    return migrate.migrate(Context(), to, open_=opener(vaults, fuse), **options)


def burn(monkeypatch: pytest.MonkeyPatch, fuse: Fuse) -> None:
    """Renames and deletions of files burn the fuse too: settings and migration.json."""
    for name in ("replace", "unlink"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *arguments, _real=real: fuse.act(_real, *arguments), raising=True
        )


def crash_at(number: int | None, after: bool, to: str, vaults: dict[str, Vault]) -> int:
    """Run once with a crash at effect `number`; gives the number of effects when none came."""
    fuse = Fuse(number, after=after)
    with pytest.MonkeyPatch.context() as patch:
        burn(patch, fuse)
        try:
            run(vaults, fuse, to)
        except Crash:
            return 0
    return fuse.count


def test_everything_moves_and_the_old_vault_is_empty() -> None:
    _, vaults, held = fresh()
    seen: list[tuple[str, int, int]] = []
    done = run(vaults, Fuse(), on_item=lambda *each: seen.append(each))
    assert contents(vaults[TARGET], held) == held
    assert contents(vaults[SOURCE], held) == {}
    assert config.load().vault.backend == TARGET
    assert sorted(done.copied) == sorted(held)
    assert (done.missing, done.left) == ([], [])
    assert ("copied", len(held), len(held)) in seen
    assert not os.path.exists(os.path.join(paths.state_dir(), "migration.json"))


def test_every_crash_point_loses_nothing_and_is_taken_up() -> None:
    _, vaults, held = fresh()
    effects = crash_at(None, after=False, to=TARGET, vaults=vaults)
    assert effects >= 2 * len(held) + 3
    for number, after, back in itertools.product(
        range(1, effects + 1), (False, True), (False, True)
    ):
        _, vaults, held = fresh()
        crash_at(number, after, TARGET, vaults)
        where = f"effect {number}, after={after}, back={back}"
        both = contents(vaults[SOURCE], held) | contents(vaults[TARGET], held)
        assert both == held, where
        current = config.load().vault.backend
        assert contents(vaults[current], held) == held, where
        note = os.path.join(paths.state_dir(), "migration.json")
        # Going on with it, or back to where it came from.
        to = SOURCE if back else TARGET
        if to == current and not os.path.exists(note):
            continue
        run(vaults, Fuse(), to)
        other = TARGET if back else SOURCE
        assert contents(vaults[to], held) == held, where
        assert contents(vaults[other], held) == {}, where
        assert config.load().vault.backend == to, where
        assert not os.path.exists(note), where


def test_two_crashes_in_a_row_lose_nothing() -> None:
    _, vaults, held = fresh()
    effects = crash_at(None, after=False, to=TARGET, vaults=vaults)
    for first, second in itertools.product(range(1, effects + 1, 2), range(1, effects + 1, 3)):
        _, vaults, held = fresh()
        crash_at(first, True, TARGET, vaults)
        if config.load().vault.backend == SOURCE or os.path.exists(
            os.path.join(paths.state_dir(), "migration.json")
        ):
            crash_at(second, False, TARGET, vaults)
        assert contents(vaults[config.load().vault.backend], held) == held, (first, second)


@pytest.mark.parametrize("what", ["copied", "removed"])
def test_a_vault_that_locks_midway_says_where_everything_is(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, vaults, _ = fresh()
    locked = vaults[TARGET if what == "copied" else SOURCE]

    def lock(did: str, _done: int, _of: int) -> None:
        if did == what:
            for name in ("get", "put", "delete"):
                monkeypatch.setattr(locked, name, _refuse)

    with pytest.raises(VaultLocked) as caught:
        run(vaults, Fuse(), on_item=lock)
    now = SOURCE if what == "copied" else TARGET
    assert config.load().vault.backend == now
    assert f"everything is in {now}" in str(caught.value.hint)
    assert f"go on: credguard vault migrate --to {TARGET}" in str(caught.value.hint)


def _refuse(*_: object) -> None:
    raise VaultLocked("locked")


def test_a_dry_run_changes_nothing() -> None:
    _, vaults, held = fresh()
    fuse = Fuse()
    done = run(vaults, fuse, dry_run=True)
    assert fuse.count == 0
    assert sorted(done.copied) == sorted(held)
    assert config.load().vault.backend == SOURCE
    assert contents(vaults[TARGET], held) == {}


def test_keep_leaves_the_old_vault_as_it_is() -> None:
    _, vaults, held = fresh()
    done = run(vaults, Fuse(), keep=True)
    assert contents(vaults[SOURCE], held) == held == contents(vaults[TARGET], held)
    assert sorted(done.left) == sorted(held)
    assert config.load().vault.backend == TARGET


def test_a_value_that_is_there_already_is_not_replaced_unasked() -> None:
    _, vaults, held = fresh()
    item = secret_item("a-token")
    vaults[TARGET].put(item, Secret("the person's other one"))
    with pytest.raises(VaultError, match="another value of secret/a-token"):
        run(vaults, Fuse())
    assert config.load().vault.backend == SOURCE
    assert vaults[TARGET].get(item) == Secret("the person's other one")
    run(vaults, Fuse(), force=True)
    assert vaults[TARGET].get(item) == held[item]


def test_a_running_rotation_refuses_it() -> None:
    _, vaults, held = fresh()
    with alone(key(1).identity), pytest.raises(Busy, match="rotates"):
        run(vaults, Fuse())
    assert contents(vaults[SOURCE], held) == held
    assert config.load().vault.backend == SOURCE


def test_a_locked_new_vault_changes_nothing() -> None:
    _, vaults, held = fresh()

    class Locked(MemoryVault):
        def put(self, item: str, secret: Secret) -> None:
            raise VaultError("it is locked")

    vaults[TARGET] = Locked()
    with pytest.raises(VaultError, match="locked"):
        run(vaults, Fuse())
    assert config.load().vault.backend == SOURCE
    assert contents(vaults[SOURCE], held) == held


def test_what_is_in_neither_vault_is_told() -> None:
    _, vaults, _ = fresh()
    vaults[SOURCE].delete(secret_item("a-token"))
    done = run(vaults, Fuse())
    assert done.missing == [secret_item("a-token")]
    assert config.load().vault.backend == TARGET


def test_a_late_write_into_the_old_vault_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, vaults, held = fresh()
    item, late = secret_item("a-token"), Secret("written meanwhile")
    real = config.set_value

    def switch(name: str, value: str) -> config.Config:
        done = real(name, value)
        vaults[SOURCE].put(item, late)
        return done

    monkeypatch.setattr(config, "set_value", switch)
    done = run(vaults, Fuse())
    assert done.left == [item]
    assert vaults[SOURCE].get(item) == late
    assert vaults[TARGET].get(item) == held[item]


def test_a_command_that_opened_the_old_vault_writes_into_the_new_one() -> None:
    _, vaults, _ = fresh("file")
    ctx = Context()
    ctx.__dict__["vault"] = vaults["file"]
    assert ctx.config.vault.backend == "file"
    run(vaults, Fuse(), "pass")
    with ctx.writing():
        assert ctx.config.vault.backend == "pass"
        assert ctx.vault is not vaults["file"]
        with pytest.raises(Busy, match="migrates"):
            run(vaults, Fuse(), "file")


def test_a_lost_database_moves_what_the_notes_name(poisoned: Path) -> None:
    _, vaults, held = fresh()
    (poisoned / ".aws").mkdir()
    (poisoned / ".aws" / "config").write_text(
        f"[profile work]\ncredential_process = {keys.command('work')}\n"
    )
    for suffix in ("", "-wal", "-shm"):
        Path(paths.database_file() + suffix).unlink(missing_ok=True)
    run(vaults, Fuse())
    item = key_item("aws", "123456789012", key(1).key_id)
    assert contents(vaults[TARGET], held) == {
        item: held[item],
        profile_item("work"): held[profile_item("work")],
    }


def test_an_unindexed_ssh_key_on_disk_moves_too(poisoned: Path) -> None:
    ctx, _, _ = fresh()
    (poisoned / ".ssh").mkdir()
    for name in ("credguard_late", "credguard_late.pub", "id_ed25519"):
        (poisoned / ".ssh" / name).touch()
    assert ssh_item("late") in items.known(ctx).likely
    assert len([each for each in items.known(ctx).likely if each.startswith("ssh/")]) == 1


@pytest.mark.parametrize(
    ("note", "to", "message"),
    [
        ({"from": "pass", "to": "keyring:kwallet"}, "file", "the settings name"),
        ({"from": SOURCE, "to": "pass"}, "file", "is midway"),
        ("[", "file", "damaged"),
    ],
)
def test_an_unfinished_one_is_not_forgotten(note: object, to: str, message: str) -> None:
    _, vaults, held = fresh()
    text = note if isinstance(note, str) else json.dumps(note)
    Path(paths.state_dir(), "migration.json").write_text(text)
    with pytest.raises(CredguardError, match=message):
        run(vaults, Fuse(), to)
    assert contents(vaults[SOURCE], held) == held


def test_the_same_and_an_unknown_vault_are_refused() -> None:
    _, vaults, _ = fresh()
    with pytest.raises(CredguardError, match="already"):
        run(vaults, Fuse(), SOURCE)
    with pytest.raises(CredguardError, match="no vault"):
        run(vaults, Fuse(), "plaintext")


class ReadOnly(MemoryVault):
    def put(self, item: str, secret: Secret) -> None:
        raise VaultError("no entry can be made here")


def test_a_vault_that_takes_nothing_leaves_no_migration_midway() -> None:
    context, vaults, _ = fresh()
    context.db.close()
    with pytest.raises(VaultError, match="no entry"):
        run({**vaults, TARGET: ReadOnly()}, Fuse())
    assert config.load().vault.backend == SOURCE
    assert not os.path.exists(os.path.join(paths.state_dir(), "migration.json"))


def test_what_is_midway_says_how_it_is_undone() -> None:
    context, vaults, _ = fresh()
    context.db.close()
    with pytest.raises(Crash):
        run(vaults, Fuse(4))
    with pytest.raises(CredguardError, match="is midway") as caught:
        run(vaults, Fuse(), "pass")
    assert f"credguard vault migrate --to {TARGET}" in caught.value.hint
    assert f"credguard vault migrate --to {SOURCE}" in caught.value.hint
