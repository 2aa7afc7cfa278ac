"""Import, end to end against IAM over HTTP; every crash point leaves a key that works."""

from pathlib import Path

import pytest

from credguard.app import importing, keys
from credguard.app.context import Context
from credguard.atomic import write_private
from credguard.awsfiles import files
from credguard.errors import (
    ConfigError,
    CredguardError,
    InvalidKey,
    NetworkDown,
    RotationRefused,
    UnknownProfile,
)
from credguard.store import journal, profiles
from credguard.vault.memory import MemoryVault
from tests.support import samples
from tests.support.simulator import Simulator


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def ctx(vault: MemoryVault) -> Context:
    return fresh(vault)


def fresh(vault: MemoryVault) -> Context:
    context = Context()
    context.__dict__["vault"] = vault
    return context


@pytest.fixture
def file(poisoned: Path, simulator: Simulator) -> Path:
    path = poisoned / ".aws" / "credentials"
    path.parent.mkdir()
    path.write_text(
        f"# keep me\n[work]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
        f"\n[bad]\naws_access_key_id = {samples.aws_key_id()}\n"
        f"aws_secret_access_key = {samples.aws_secret()}\n"
    )
    return path


def _import(ctx: Context, name: str = "work") -> None:
    (plain,) = importing.chosen([name], all_=False)
    importing.import_key(ctx, plain, used_elsewhere=False)


def test_the_key_moves(ctx: Context, file: Path, simulator: Simulator) -> None:
    _import(ctx)
    profile = profiles.profile(ctx.db, "work")
    assert profile.key.key_id == simulator.key_id
    assert profile.key.identity == "aws/123456789012/dev"
    assert profile.key.created is not None
    assert not profile.consent
    assert keys.secret_of(ctx, profile.key) == simulator.secret
    assert simulator.secret.reveal() not in file.read_text()
    assert "# keep me" in file.read_text()
    assert samples.aws_secret() in file.read_text()
    assert files.process_of("work") == keys.command("work")


def test_a_refused_key_stays_where_it_is(ctx: Context, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(InvalidKey):
        _import(ctx, "bad")
    assert file.read_bytes() == before
    assert profiles.profiles(ctx.db) == []


def test_no_network(ctx: Context, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NetworkDown):
        _import(ctx)
    assert file.read_bytes() == before


def test_temporary_credentials_are_refused(ctx: Context, file: Path) -> None:
    file.write_text(file.read_text().replace("[work]\n", "[work]\naws_session_token = abc\n"))
    with pytest.raises(CredguardError, match="temporary"):
        _import(ctx)


def test_a_name_that_is_not_there(file: Path) -> None:
    with pytest.raises(UnknownProfile) as caught:
        importing.chosen(["nope"], all_=False)
    assert "work" in caught.value.hint
    with pytest.raises(CredguardError, match="several"):
        importing.chosen([], all_=False)


def test_a_foreign_process_stops_it_with_the_plaintext_kept(
    ctx: Context, file: Path, simulator: Simulator
) -> None:
    (file.parent / "config").write_text("[profile work]\ncredential_process = /bin/other\n")
    with pytest.raises(ConfigError):
        _import(ctx)
    assert simulator.secret.reveal() in file.read_text()


def test_during_a_rotation_it_is_refused(ctx: Context, file: Path) -> None:
    journal.write(ctx.db, "aws/123456789012/dev", {}, 1.0)
    with pytest.raises(RotationRefused):
        _import(ctx)


def test_two_profiles_share_one_key(ctx: Context, file: Path, simulator: Simulator) -> None:
    text = file.read_text()
    work = text.split("# keep me\n")[1].split("\n\n")[0]
    file.write_text(text + work.replace("work", "same"))
    _import(ctx)
    _import(ctx, "same")
    assert [each.name for each in profiles.profiles(ctx.db)] == ["same", "work"]
    assert len(profiles.keys(ctx.db)) == 1
    assert not keys.remove(ctx, "same", write_back_first=False)
    assert keys.secret_of(ctx, profiles.profile(ctx.db, "work").key) == simulator.secret
    assert keys.remove(ctx, "work", write_back_first=False)


class Crash(BaseException):
    pass


POINTS = ("put", "add_profile", "set_process", "remove_plain", "write")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_anywhere_leaves_a_key_that_works(
    vault: MemoryVault,
    file: Path,
    simulator: Simulator,
    point: str,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = {
        "put": (vault, "put", vault.put),
        "add_profile": (profiles, "add_profile", profiles.add_profile),
        "set_process": (files, "set_process", files.set_process),
        "remove_plain": (files, "remove_plain", files.remove_plain),
        "write": (files, "write_private", write_private),
    }[point]

    def crashing(*arguments: object, **options: object) -> None:
        if moment == "after":
            place[2](*arguments, **options)  # type: ignore[operator]
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(place[0], place[1], crashing)
        with pytest.raises(Crash):
            _import(fresh(vault))
    ctx = fresh(vault)
    in_file = simulator.secret.reveal() in file.read_text()
    in_vault = any(each.name == "work" for each in profiles.profiles(ctx.db))
    if not in_file:
        assert in_vault
        assert files.process_of("work") == keys.command("work")
    if in_file:
        _import(ctx)
    assert keys.secret_of(ctx, profiles.profile(ctx.db, "work").key) == simulator.secret
    assert simulator.secret.reveal() not in file.read_text()


def test_writing_back_and_removing(ctx: Context, file: Path, simulator: Simulator) -> None:
    _import(ctx)
    assert keys.write_back_all(ctx) == ["work"]
    assert files.process_of("work") is None
    (plain,) = importing.chosen(["work"], all_=False)
    assert plain.secret == simulator.secret
    _import(ctx)
    assert keys.remove(ctx, "work", write_back_first=True)
    assert importing.chosen(["work"], all_=False)[0].key_id == simulator.key_id
    with pytest.raises(UnknownProfile):
        profiles.profile(ctx.db, "work")


def test_a_profile_whose_rotation_is_midway_stays(ctx: Context, file: Path) -> None:
    _import(ctx)
    journal.write(ctx.db, "aws/123456789012/dev", {}, 1.0)
    for write_back in (True, False):
        with pytest.raises(RotationRefused):
            keys.remove(ctx, "work", write_back_first=write_back)
    with pytest.raises(RotationRefused):
        keys.write_back_all(ctx)
