import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import keys, recover, rotate, secrets
from credguard.app.context import Context
from credguard.app.doctor.rotation import rotation as rotation_checks
from credguard.app.rotate import Wanted
from credguard.app.status import status
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault.base import key_item, profile_item
from credguard.vault.memory import MemoryVault
from tests.support import samples
from tests.support.person import credguard
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    for name in ("grace", "soak", "prove_interval"):
        config.set_value(f"rotation.{name}", "0s")
    context = Context()
    context.__dict__["vault"] = MemoryVault()
    keys.add(context, "work", simulator.key_id, simulator.secret)
    return context


def _without_database(ctx: Context) -> Context:
    ctx.db.close()
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(paths.database_file() + ending):
            os.unlink(paths.database_file() + ending)
    again = Context()
    again.__dict__["vault"] = ctx.vault
    return again


def test_the_keys_are_found_again(ctx: Context, simulator: Simulator) -> None:
    keys.add(ctx, "same", simulator.key_id, simulator.secret)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.state == "done"
    ctx = _without_database(ctx)
    found = recover.recover(ctx)
    assert {(each.profile, each.key_id, each.problem) for each in found} == {
        ("work", outcome.new_id, ""), ("same", outcome.new_id, ""),
    }  # fmt: skip
    profile = profiles.profile(ctx.db, "work")
    assert (profile.key.key_id, profile.consent) == (outcome.new_id, False)
    assert keys.credentials(ctx, "work").key_id == outcome.new_id
    assert recover.recover(ctx) == []


def test_in_the_middle_of_a_rotation_the_key_in_use_is_found(
    ctx: Context, simulator: Simulator
) -> None:
    config.set_value("rotation.grace", "1d")
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    ctx = _without_database(ctx)
    (found,) = recover.recover(ctx)
    assert found.key_id == outcome.new_id
    assert ctx.vault.get(key_item("aws", simulator.account, simulator.key_id)) is not None


def test_what_cannot_be_found_is_said(ctx: Context, simulator: Simulator) -> None:
    ctx = _without_database(ctx)
    ctx.vault.delete(key_item("aws", simulator.account, simulator.key_id))
    (found,) = recover.recover(ctx)
    assert "no secret" in found.problem
    ctx.vault.delete(profile_item("work"))
    (found,) = recover.recover(ctx)
    assert "no note" in found.problem


def test_a_removed_profile_leaves_no_note(ctx: Context) -> None:
    keys.remove(ctx, "work", write_back_first=False)
    assert ctx.vault.get(profile_item("work")) is None


def _states(ctx: Context) -> dict[str, str]:
    return {each.name: each.state for each in rotation_checks(ctx, "work", Wanted())}


def test_the_doctor_sees_what_a_rotation_needs(ctx: Context, simulator: Simulator) -> None:
    states = _states(ctx)
    assert states.pop("consent") == "FAIL"
    assert states.pop("iam:CreateAccessKey") == "UNKNOWN"  # the simulator has no simulator
    assert set(states.values()) == {"ok"}
    profiles.set_consent(ctx.db, "work")
    assert _states(ctx)["consent"] == "ok"
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_the_doctor_names_what_is_denied(ctx: Context, simulator: Simulator) -> None:
    simulator.iam().set_policy(
        "dev",
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":'
        '["iam:List*","iam:Update*","sts:*"],"Resource":"*"}]}',
    )
    checks = {each.name: each for each in rotation_checks(ctx, "work", Wanted())}
    assert checks["iam:UpdateAccessKey"].state == "ok"
    for action in ("iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed"):
        assert checks[action].state == "FAIL"
        assert "ReplaceOwnAccessKeys" in checks[action].fix
    simulator.iam().create_key("dev")
    assert _states(ctx)["slot"] == "FAIL"
    simulator.iam().set_status(simulator.key_id, "Inactive")
    assert _states(ctx)["key"] == "FAIL"


class WithoutList(MemoryVault):
    """As the keyrings of macOS and Windows."""

    def names(self) -> None:  # type: ignore[override]
        return None


def test_the_names_of_secrets_come_back_from_the_vault(ctx: Context) -> None:
    for name in ("token", "db/password"):
        secrets.add(ctx, name, Secret(samples.text(30)))
    ctx.vault.put("canary/0", Secret("x"))
    ctx.vault.put("ssh-key/dev-box", Secret("x"))
    ctx.vault.put("secret/no name", Secret("x"))
    ctx = _without_database(ctx)
    assert secrets.names(ctx) == []
    recover.recover(ctx)
    others = ["secret/no name", "ssh-key/dev-box"]
    assert recover.names(ctx) == recover.Names(["db/password", "token"], [], others, told=True)
    assert secrets.get(ctx, "token") == Secret(samples.text(30))
    assert recover.names(ctx) == recover.Names([], [], others, told=True)


def test_where_the_vault_has_no_list_each_is_named_by_a_person(ctx: Context) -> None:
    vault = WithoutList()
    ctx.__dict__["vault"] = vault
    for name in ("token", "other"):
        secrets.add(ctx, name, Secret(samples.text(30)))
    ctx = _without_database(ctx)
    assert recover.names(ctx) == recover.Names([], [], [], told=False)
    found = recover.names(ctx, ["token", "never"])
    assert found == recover.Names(["token"], ["never"], [], told=False)
    assert secrets.names(ctx) == ["token"]


def test_the_command_says_what_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(samples.text(20))
    passphrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(passphrase))

    def credguard(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "credguard", *words],
            input=given, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert credguard("vault", "recover").stderr == "no profile is missing\n"  # before any vault
    config.set_value("vault.backend", "file")
    assert credguard("secret", "add", "token", given=samples.text(30)).returncode == 0
    for ending in ("", "-wal", "-shm"):
        Path(paths.database_file() + ending).unlink(missing_ok=True)
    done = credguard("vault", "recover")
    assert done.stderr == "no profile is missing\nsecret token: its name is back\n"
    assert credguard("secret", "list").stdout == "token\n"
    done = credguard("vault", "recover", "--json", "--secret", "other")
    assert json.loads(done.stdout) == {
        "profiles": [], "secrets": [], "absent": ["other"], "others": [], "told": True,
    }  # fmt: skip
    assert done.returncode == 2


def test_a_rebuild_is_told_until_the_vault_was_asked_for_names_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_value("vault.backend", "file")
    phrase = tmp_path / "passphrase"
    right, wrong = samples.text(20), samples.text(21)
    phrase.write_text(right)
    phrase.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(phrase))
    credguard("secret", "add", "mine", stdin=samples.text(30))
    Path(paths.database_file()).write_bytes(b"")
    phrase.write_text(wrong)
    credguard("vault", "recover", ok=2)
    assert status(Context()).problems
    phrase.write_text(right)
    assert "mine: its name is back" in credguard("vault", "recover").stderr
    assert status(Context()).problems == []
