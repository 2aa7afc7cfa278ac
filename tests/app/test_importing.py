"""Import, end to end against IAM over HTTP; every crash point leaves a key that works."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import config
from credguard.app import importing, keys
from credguard.app.context import Context
from credguard.awsfiles import files
from credguard.errors import (
    ConfigError,
    CredguardError,
    InvalidKey,
    NetworkDown,
    RotationRefused,
    UnknownProfile,
)
from credguard.store import db, journal, profiles
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


def _resolved(*names: str) -> list[str]:
    """What a real botocore, in a process of its own, takes each profile's key from."""
    code = (
        "import sys, botocore.session as b\n"
        "for name in sys.argv[1:]:\n"
        "    found = b.Session(profile=name).get_credentials()\n"
        "    print(found.method, found.get_frozen_credentials().access_key)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.splitlines() or [done.stderr]


@pytest.fixture
def real(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """With the file vault, so that processes started by SDKs find the key."""
    word = poisoned / "passphrase"
    word.write_text(samples.text(20))
    word.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(word))
    config.set_value("vault.backend", "file")
    return Context()


def _section(simulator: Simulator, form: str = "[work]\n{id}\n{secret}\n") -> str:
    return form.format(
        id=f"aws_access_key_id = {simulator.key_id}",
        secret=f"aws_secret_access_key = {simulator.secret.reveal()}",
    )


@pytest.mark.parametrize(
    ("credentials", "configuration", "left"),
    [
        ("[work]\r\n# c\r\n{id}\r\n{secret}\r\n", "", "# c\r\n"),
        ("\ufeff# c\n[work]\n{id}\n{secret}\n", "", "# c\n"),
        ("[work]\n\t{id}\n\t{secret}\n\tregion = x\n", "", "[work]\n\tregion = x\n"),
        ("[work]\n{id}\n{secret} # mine\n", "", "# mine\n"),
        ("[work]\n{id}\n{secret}\ns3 =\n  a = b\n\n[z]\nx=1", "",
         "[work]\ns3 =\n  a = b\n\n[z]\nx=1"),
        ("", "[profile work]\n{id}\n{secret}\n", ""),
        ("", '[profile "work"]\nregion = x\n{id}\n{secret}\n', ""),
        ("[work]\n{id}\n{secret}\n", "[profile work]\n{id}\n{secret}\n", ""),
    ],
)  # fmt: skip
def test_botocore_asks_us_whatever_the_files_looked_like(
    real: Context,
    poisoned: Path,
    simulator: Simulator,
    credentials: str,
    configuration: str,
    left: str,
) -> None:
    folder = poisoned / ".aws"
    folder.mkdir()
    for name, form in (("credentials", credentials), ("config", configuration)):
        (folder / name).write_bytes(_section(simulator, form).encode())
    _import(real)
    assert (folder / "credentials").read_bytes().decode() == left
    assert _resolved("work") == [f"custom-process {simulator.key_id}"]
    assert importing.copies(files.PlainKey("", "", simulator.secret, False, None, "")) == []


def test_profiles_that_build_on_it_and_others_go_on(
    real: Context, poisoned: Path, simulator: Simulator
) -> None:
    folder = poisoned / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(_section(simulator))
    others = (
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = work\n"
        "[sso-session s]\nsso_start_url = https://x\n[profile sso]\nsso_session = s\n"
    )
    (folder / "config").write_text(others)
    (before,) = _resolved("role")
    assert before.startswith("assume-role ASIA")
    _import(real)
    assert (folder / "config").read_text().startswith(others)
    role, work = _resolved("role", "work")
    assert role.startswith("assume-role ASIA")
    assert work == f"custom-process {simulator.key_id}"


@pytest.mark.parametrize(
    ("more", "configuration", "said"),
    [
        ("credential_process = /bin/other\n", "", "another credential_process"),
        ("", "[profile work]\ncredential_process = /bin/other\n", "another credential_process"),
        ("", "[profile work]\nrole_arn = r\nsource_profile = work\n", "source_profile"),
        ("source_profile = work\nrole_arn = r\n", "", "source_profile"),
        ("", "[profile work]\naws_access_key_id = AKIDOTHER\n", "another in"),
        ("", "[profile work]\naws_secret_access_key = other\n", "another in"),
        ("  goes on\n", "", "white space"),
    ],
)
def test_what_would_break_or_be_lost_is_refused_before_anything(
    ctx: Context, file: Path, simulator: Simulator, more: str, configuration: str, said: str
) -> None:
    file.write_text(_section(simulator) + more)
    other = file.parent / "config"
    other.write_text(configuration)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=said) as caught:
        _import(ctx)
    assert caught.value.hint
    assert simulator.secret.reveal() not in str(caught.value)
    assert (file.read_bytes(), other.read_text()) == (before, configuration)
    assert profiles.profiles(ctx.db) == []


class Crash(BaseException):
    pass


class Steps:
    """Raises Crash before or after the `at`th step that leaves a trace, counted from 0."""

    def __init__(self, patch: pytest.MonkeyPatch, vault: MemoryVault, at: int, moment: str) -> None:
        self.done = 0
        self._at, self._moment = at, moment
        for place, name in (
            (os, "replace"), (os, "fsync"), (os, "unlink"), (vault, "put"),
            (db._Cursor, "execute"), (db._Cursor, "executemany"),
        ):  # fmt: skip
            patch.setattr(place, name, self._watched(getattr(place, name)))

    def _watched(self, real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            here, self.done = self.done == self._at, self.done + 1
            if here and self._moment == "before":
                raise Crash
            try:
                return real(*arguments, **options)
            finally:
                if here:  # also where it failed, as removing what is not there
                    raise Crash

        return step


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_step_leaves_a_key_that_works(
    file: Path, simulator: Simulator, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = file.read_bytes()
    at = 0
    while True:
        home = tmp_path / str(at)
        there = home / ".aws" / "credentials"
        there.parent.mkdir(parents=True)
        there.write_bytes(original)
        monkeypatch.setenv("HOME", str(home))
        vault = MemoryVault()
        with monkeypatch.context() as patch:
            steps = Steps(patch, vault, at, moment)
            try:
                _import(fresh(vault))
                break
            except Crash:
                pass
        ctx = fresh(vault)
        if simulator.secret.reveal() in there.read_text():
            _import(ctx)
        assert keys.secret_of(ctx, profiles.profile(ctx.db, "work").key) == simulator.secret
        assert files.process_of("work") == keys.command("work")
        left = [path for path in home.rglob("*") if path.is_file()]
        assert not any(simulator.secret.reveal_bytes() in path.read_bytes() for path in left)
        at += 1
    assert at == steps.done > 20


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
