import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from credguard import paths
from credguard.app import keys, password, vaults
from credguard.app.context import Context
from credguard.app.rotate_guard import PASSWORD, alone
from credguard.errors import (
    Busy,
    CredguardError,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    PasswordPolicyViolation,
    PasswordRefused,
    RotationRefused,
    StoreError,
    TemporarilyUnmodifiable,
)
from credguard.rotation import password_driver
from credguard.secret import Secret
from credguard.store import events, passwords, profiles
from credguard.vault.base import key_item
from credguard.vault.memory import MemoryVault
from tests.support import passwords as aws
from tests.support import samples
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
TYPED = samples.text(20, 7)
POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": %s, "Resource": "*"}]}'
)


class Keeping(MemoryVault):
    """Remembers every value it was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[str] = []

    def put(self, item: str, secret: Secret) -> None:
        self.ever.append(secret.reveal())
        super().put(item, secret)


@pytest.fixture
def ctx(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(password_driver, "_PAUSE_S", 0.0)
    context = Context()
    vault = Keeping()
    context.__dict__["vault"] = vault
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = keys.prove(simulator.key_id, simulator.secret, None, "import")
    profiles.add_profile(context.db, "work", key, 1.0, consent=False)
    aws.user("dev").password = TYPED
    return context


def in_force() -> str:
    return str(aws.user("dev").password)


def test_first_and_second_change(ctx: Context) -> None:
    assert password.needs_current(ctx, "work")
    first = password.rotate(ctx, "work", Secret(TYPED))
    assert (first.state, first.error, first.profiles) == ("done", None, ["work"])
    assert first.changed is not None
    assert abs(first.changed - ctx.now()) < 60
    assert in_force() == password.current(ctx, "work").reveal() != TYPED
    assert not password.needs_current(ctx, "work")
    second = password.rotate(ctx, "work")
    assert second.state == "done"
    assert second.generation != first.generation
    assert in_force() == password.current(ctx, "work").reveal()
    assert len(aws.script.calls) == 2
    assert len(password.items(ctx)) == 1
    assert passwords.changes(ctx.db) == {}
    kinds = [each.kind for each in events.recent(ctx.db)]
    assert kinds.count("password.switched") == 2
    assert "password.read" in kinds


def test_no_password_is_in_the_database(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    ctx.db.execute("PRAGMA wal_checkpoint(FULL)")
    written = b""
    for suffix in ("", "-wal"):
        with open(paths.database_file() + suffix, "rb") as file:
            written += file.read()
    assert isinstance(ctx.vault, Keeping)
    assert len(ctx.vault.ever) > 4
    assert b"password_change" in written
    for value in ctx.vault.ever:
        assert value.encode() not in written


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidInput", "SomethingNew"])
def test_a_mistyped_password_leaves_nothing(ctx: Context, code: str) -> None:
    aws.script.wrong_code = code
    outcome = password.rotate(ctx, "work", Secret("mistyped"))
    assert outcome.state == "refused"
    assert isinstance(outcome.error, PasswordRefused)
    assert "--current-stdin" in outcome.error.hint
    assert in_force() == TYPED
    assert password.items(ctx) == []
    assert password.needs_current(ctx, "work")


@pytest.mark.parametrize("reuse", [None, True, False])
def test_a_lost_answer_is_found_out(ctx: Context, reuse: bool | None) -> None:
    aws.script.faults, aws.script.reuse_first = ["lost"], reuse
    assert password.rotate(ctx, "work", Secret(TYPED)).state == "done"
    assert in_force() == password.current(ctx, "work").reveal()
    assert len(password.items(ctx)) == 1
    assert len(aws.script.calls) == 3  # none was sent a second time by the SDK


def test_a_change_midway_is_said_and_finished_by_the_next_run(ctx: Context) -> None:
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work", Secret(TYPED))
    (row,) = password.statuses(ctx)
    assert (row.state, row.changed, row.due_at) == ("midway", None, None)
    assert len(row.candidates) == 2
    with pytest.raises(CredguardError, match="midway") as caught:
        password.current(ctx, "work")
    assert "--generation" in caught.value.hint
    assert password.current(ctx, "work", row.candidates[0]).reveal() == in_force()
    assert not password.needs_current(ctx, "work")
    assert password.rotate(ctx, "work").state == "done"
    assert in_force() == password.current(ctx, "work").reveal()


def test_when_it_cannot_be_told_all_are_kept_and_a_person_resolves_it(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    aws.user("dev").password = "set by an administrator"
    outcome = password.rotate(ctx, "work")
    assert outcome.state == "unknown"
    assert outcome.error is not None
    assert "cannot be told" in str(outcome.error)
    assert len(outcome.candidates) == 2
    for each in outcome.candidates:
        assert password.current(ctx, "work", each)
    (row,) = password.statuses(ctx)
    assert row.state == "unknown"
    done = password.rotate(ctx, "work", Secret("set by an administrator"))
    assert done.state == "done"
    assert len(password.items(ctx)) == 1


def test_a_password_changed_at_the_console(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    kept = password.current(ctx, "work").reveal()
    aws.user("dev").password = "changed there"
    outcome = password.rotate(ctx, "work")
    assert outcome.state == "refused"
    assert password.current(ctx, "work").reveal() == kept
    assert password.rotate(ctx, "work", Secret("changed there")).state == "done"


def test_the_account_policy_sets_the_length(ctx: Context) -> None:
    from moto.iam.models import iam_backends

    backend = iam_backends[aws.ACCOUNT]["aws"]
    backend.update_account_password_policy(True, False, 90, 40, 5, True, True, True, True)
    password.rotate(ctx, "work", Secret(TYPED))
    assert len(in_force()) == 40


def test_a_policy_that_may_not_be_read_means_a_strong_one(
    ctx: Context, simulator: Simulator
) -> None:
    simulator.iam().set_policy("dev", POLICY % '["iam:ChangePassword"]')
    assert password.rotate(ctx, "work", Secret(TYPED)).state == "done"
    assert len(in_force()) >= 32


def test_a_missing_permission_names_the_policy_to_ask_for(
    ctx: Context, simulator: Simulator
) -> None:
    simulator.iam().set_policy("dev", POLICY % '["iam:Get*"]')
    outcome = password.rotate(ctx, "work", Secret(TYPED))
    assert isinstance(outcome.error, NotPermitted)
    assert "iam:ChangePassword" in outcome.error.hint
    assert "arn:aws:iam::*:user/${aws:username}" in outcome.error.hint
    assert password.items(ctx) == []


def test_a_policy_violation_and_an_unmodifiable_user(ctx: Context) -> None:
    aws.script.policy_refuses = True
    outcome = password.rotate(ctx, "work", Secret(TYPED))
    assert isinstance(outcome.error, PasswordPolicyViolation)
    assert password.items(ctx) == []
    aws.script.policy_refuses, aws.script.unmodifiable = False, True
    with pytest.raises(TemporarilyUnmodifiable, match="dev"):
        password.rotate(ctx, "work", Secret(TYPED))
    assert in_force() == TYPED
    assert password.items(ctx) == []


def test_no_console_password_is_found_before_anything_is_made(ctx: Context) -> None:
    aws.user("dev").password = None
    with pytest.raises(NoSuchEntity, match="no console password"):
        password.rotate(ctx, "work", Secret(TYPED))
    assert aws.script.calls == []
    assert passwords.changes(ctx.db) == {}


def test_root_is_refused(ctx: Context) -> None:
    from dataclasses import replace

    key = replace(profiles.profile(ctx.db, "work").key, user_name="<root>")
    profiles.add_profile(ctx.db, "work", key, 1.0, consent=False)
    with pytest.raises(RotationRefused, match="root"):
        password.rotate(ctx, "work", Secret(TYPED))


def test_two_at_once_are_kept_apart(ctx: Context) -> None:
    with alone(IDENTITY, kind=PASSWORD), pytest.raises(Busy):
        password.rotate(ctx, "work", Secret(TYPED))


def test_age_and_due(ctx: Context) -> None:
    (row,) = password.statuses(ctx)
    assert (row.state, row.changed, row.due_at) == ("not kept", None, None)
    assert password.due(ctx) == []
    password.rotate(ctx, "work", Secret(TYPED))
    (row,) = password.statuses(ctx)
    assert row.changed is not None
    assert row.due_at == row.changed + 90 * 86400
    assert password.due(ctx) == []
    ctx.db.execute("UPDATE console_password SET changed = changed - 91 * 86400")
    assert password.due(ctx) == [IDENTITY]


def test_a_password_outlives_its_profile(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    keys.remove(ctx, "work", write_back_first=False)
    (row,) = password.statuses(ctx)
    assert row.profiles == []
    assert password.current(ctx, row.identity).reveal() == in_force()


def test_backup_and_restore_keep_passwords_and_a_change_midway(
    ctx: Context, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("backup")
    secret = folder / "passphrase"
    secret.write_text(samples.text(24, 3))
    secret.chmod(0o600)
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    vaults.backup(ctx, str(folder / "copy"), str(secret))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    other = Context()
    other.__dict__["vault"] = MemoryVault()
    vaults.restore(other, str(folder / "copy"), str(secret))
    assert password.items(other) == password.items(ctx)
    assert password.rotate(other, "work").state == "done"
    assert password.current(other, "work").reveal() == in_force()


def test_a_damaged_journal_is_one_clear_error(ctx: Context) -> None:
    passwords.write_change(ctx.db, IDENTITY, {"state": "no"}, 1.0)
    with pytest.raises(CredguardError, match="damaged"):
        password.rotate(ctx, "work")
    assert isinstance(ctx.db, sqlite3.Connection)


def test_deleting_the_vault_deletes_passwords_too(ctx: Context) -> None:
    from credguard.app import uninstall

    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    names = password.items(ctx)
    assert len(names) == 2
    assert uninstall.held(ctx).passwords == [IDENTITY]
    uninstall._empty_vault(ctx, lambda _line: None)
    assert [name for name in names if ctx.vault.get(name) is not None] == []


def test_the_status_screen_names_what_is_due(ctx: Context) -> None:
    from credguard.app.status import status

    password.rotate(ctx, "work", Secret(TYPED))
    assert status(ctx).passwords_due == []
    ctx.db.execute("UPDATE console_password SET changed = changed - 91 * 86400")
    assert status(ctx).passwords_due == [IDENTITY]


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "not an object": lambda _r: [1],
    "null": lambda _r: None,
    "a newer state": lambda r: {**r, "state": "zz"},
    "a newer field": lambda r: {**r, "x": 1},
    "target is a text": lambda r: {**r, "target": "x"},
    "target is an old one": lambda r: {**r, "target": r["known"][0]},
    "known is a text": lambda r: {**r, "known": "12"},
    "given is a text": lambda r: {**r, "given": "y"},
    "pending is unknown": lambda r: {**r, "pending": 99},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_loses_no_password_and_has_a_way_out(ctx: Context, damage: str) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    (record,) = passwords.changes(ctx.db).values()
    ctx.db.execute("UPDATE password_change SET record=?", (json.dumps(DAMAGE[damage](record)),))
    calls = len(aws.script.calls)
    with pytest.raises(StoreError) as caught:
        password.rotate(ctx, "work")
    assert "--current-stdin" in caught.value.hint
    assert len(aws.script.calls) == calls
    (row,) = password.statuses(ctx)
    assert row.state == "unknown"
    assert {item[-1] for item in password.items(ctx)} == {"2", "3"}  # a backup takes both
    # The lost request was executed: the value that is in force is still to be had.
    assert password.current(ctx, "work", 3).reveal() == in_force()
    outcome = password.rotate(ctx, "work", Secret("another one"))
    assert outcome.state == "refused"
    assert password.current(ctx, "work", 3).reveal() == in_force()
    outcome = password.rotate(ctx, "work", password.current(ctx, "work", 3))
    assert outcome.state == "done"
    assert password.current(ctx, "work").reveal() == in_force()


def test_a_journal_deleted_by_hand_overwrites_no_password(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(NetworkDown):
        password.rotate(ctx, "work")
    ctx.db.execute("DELETE FROM password_change")
    assert password.rotate(ctx, "work").state == "refused"
    assert password.current(ctx, "work", 3).reveal() == in_force()
