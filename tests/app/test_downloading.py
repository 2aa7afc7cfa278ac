"""A key file of the console's, into the vault and gone, end to end against IAM over HTTP."""

from pathlib import Path

import pytest

from credguard.app import downloading, keys
from credguard.app.context import Context
from credguard.awsfiles import downloaded
from credguard.errors import ConfigError, CredguardError, InvalidKey
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault.memory import MemoryVault
from tests.support import person, samples
from tests.support.simulator import Simulator


@pytest.fixture
def ctx() -> Context:
    made = Context()
    made.__dict__["vault"] = MemoryVault()
    return made


HEADS = {
    "accessKeys.csv": "\ufeffAccess key ID,Secret access key\r\n{id},{secret}\r\n",
    "older.csv": 'User Name,Access key ID,Secret access key\n"dev",{id},{secret}\n',
    "rootkey.csv": "AWSAccessKeyId={id}\nAWSSecretKey={secret}\n",
}


def write(folder: Path, name: str, key_id: str, secret: Secret, text: str = "") -> str:
    file = folder / name
    text = text or HEADS[name]
    file.write_text(text.format(id=key_id, secret=secret.reveal()), newline="")
    return str(file)


@pytest.mark.parametrize("name", HEADS)
def test_each_kind_of_file_is_moved_and_deleted(
    ctx: Context, simulator: Simulator, tmp_path: Path, name: str
) -> None:
    file = write(tmp_path, name, simulator.key_id, simulator.secret)
    moved = downloading.move(ctx, file, None, keep=False)
    assert moved.names == ["dev"]
    assert (moved.deleted, moved.kept, moved.copies) == (True, "", [])
    assert list(tmp_path.iterdir()) == []
    key = profiles.profile(ctx.db, "dev").key
    assert keys.secret_of(ctx, key) == simulator.secret


def test_a_second_download_beside_it_is_pointed_out(
    ctx: Context, simulator: Simulator, tmp_path: Path
) -> None:
    file = write(tmp_path, "accessKeys.csv", simulator.key_id, simulator.secret)
    again = tmp_path / "accessKeys (1).csv"
    again.write_bytes(Path(file).read_bytes())
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    moved = downloading.move(ctx, file, "work", keep=False)
    assert (moved.names, moved.copies) == (["work"], [str(again)])


def test_a_refused_key_stays_where_it_is(
    ctx: Context, simulator: Simulator, tmp_path: Path
) -> None:
    file = write(tmp_path, "accessKeys.csv", samples.aws_key_id(), Secret(samples.aws_secret()))
    with pytest.raises(InvalidKey):
        downloading.move(ctx, file, None, keep=False)
    assert Path(file).exists()
    assert profiles.profiles(ctx.db) == []


def test_a_console_password_beside_the_key_keeps_the_file(
    ctx: Context, simulator: Simulator, tmp_path: Path
) -> None:
    text = "User name,Password,Access key ID,Secret access key,Console login link\n"
    text += "dev,{secret}x,{id},{secret},https://x.example.invalid/console\n"
    file = write(tmp_path, "credentials.csv", simulator.key_id, simulator.secret, text)
    moved = downloading.move(ctx, file, None, keep=False)
    assert not moved.deleted
    assert "password" in moved.kept
    assert Path(file).exists()


def test_a_profile_of_another_user_is_not_overwritten(
    ctx: Context, simulator: Simulator, tmp_path: Path
) -> None:
    key = keys.prove(simulator.key_id, simulator.secret, None, "add")
    other = profiles.Key("AKIA" + "Z" * 16, "aws", key.account, "eve", "U", None, "add")
    profiles.add_profile(ctx.db, "dev", other, 1.0, consent=False)
    file = write(tmp_path, "accessKeys.csv", simulator.key_id, simulator.secret)
    with pytest.raises(CredguardError, match="another user") as caught:
        downloading.move(ctx, file, None, keep=False)
    assert "--as" in caught.value.hint
    assert Path(file).exists()


def test_a_file_that_was_replaced_meanwhile_stays(tmp_path: Path) -> None:
    file = write(tmp_path, "accessKeys.csv", "AKIA" + "A" * 16, Secret(samples.aws_secret(1)))
    found = downloaded.read(file)
    write(tmp_path, "accessKeys.csv", "AKIA" + "B" * 16, Secret(samples.aws_secret(2)))
    with pytest.raises(CredguardError, match="changed meanwhile"):
        downloaded.remove(file, found)
    assert Path(file).exists()


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "Access key ID,Secret access key\n,\n", "a=b\n"]
)
def test_what_is_no_key_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ConfigError, match="holds no access key"):
        downloaded.read(str(tmp_path / "x.csv"))


def test_a_link_to_the_file_goes_with_it(tmp_path: Path) -> None:
    file = write(tmp_path, "accessKeys.csv", "AKIA" + "A" * 16, Secret(samples.aws_secret()))
    (tmp_path / "link.csv").symlink_to(file)
    downloaded.remove(str(tmp_path / "link.csv"), downloaded.read(file))
    assert list(tmp_path.iterdir()) == []


def test_the_command_moves_it_and_says_what_is_next(
    simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person.file_vault(poisoned, monkeypatch)
    file = write(tmp_path, "accessKeys.csv", simulator.key_id, simulator.secret)
    mixed = person.credguard("import", file, "work", ok=2)
    assert "profiles and files together" in mixed.stderr
    done = person.credguard("import", file, "--as", "work")
    assert done.stderr.splitlines() == [
        f"profile work: key {simulator.key_id} is in the vault",
        f"{file} is deleted",
        "next, since it lay in a file: credguard rotate work",
    ]
    gone = person.credguard("import", file, ok=2)
    assert "cannot read" in gone.stderr
    assert "need a file" in person.credguard("import", "work", "--keep", ok=2).stderr
