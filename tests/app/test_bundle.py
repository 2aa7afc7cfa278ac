"""The bundle for a bug report: what is in it, and that no secret and no name gets in."""

import base64
import json
import zipfile
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import own
from credguard.app.context import Context
from credguard.app.doctor.bundle import bundle
from credguard.store import events, profiles, watches
from tests.cli.test_main import run
from tests.e2e.test_canary import forms
from tests.support import samples
from tests.support.person import credguard, file_vault

pytestmark = pytest.mark.usefixtures("compiled_rules")

NAMES = (
    "zaphod-profile", "zaphod.beeblebrox", "zaphod-token", "424242424242", "zaphod-folder",
    "Zaphod-Elsewhere", "zaphod-plain", "zaphod-sso",
)  # fmt: skip


def texts(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


class Planted:
    """Secrets and names in everything that a bundle is made of."""

    def __init__(self, home: Path) -> None:
        self.aws, self.kept = samples.aws_secret(3), samples.text(40, 9)
        self.token, self.word = samples.text(36, 4), samples.text(12, 6)
        self.key_id = samples.aws_key_id(5)
        credguard("secret", "add", "zaphod-token", stdin=self.kept)
        ctx = Context()
        own.refresh(ctx)
        key = profiles.Key(
            self.key_id, "aws", "424242424242", "zaphod.beeblebrox", "AIDAZAPHOD", 1e9, "add"
        )
        profiles.add_profile(ctx.db, "zaphod-profile", key, 1e9, consent=True)
        aws = Path(paths.aws_config_file())
        aws.parent.mkdir(exist_ok=True)
        aws.write_text(
            "[profile Zaphod-Elsewhere]\nsource_profile = nobody\n"
            "[profile second]\nsso_session = zaphod-sso\n[profile third]\nrole_arn = r\n"
        )
        Path(paths.aws_credentials_file()).write_text(
            f"[zaphod-plain]\naws_access_key_id = {self.key_id}\n"
            f"aws_secret_access_key = {self.aws}\n"
        )
        self.folder = home / "zaphod-folder"
        self.folder.mkdir()
        watches.add(ctx.db, str(self.folder), 1e9)
        ctx.db.execute(
            "INSERT INTO finding (fingerprint, path, line, rule_id, masked, first_seen, last_seen)"
            " VALUES ('f', ?, 1, 'r', ?, 1e9, 1e9)",
            (f"{self.folder}/a.env", self.aws[:4] + "****"),
        )
        what = f"said {self.kept} to {self.aws}"
        events.record(ctx.db, 1e9, "problem.raised", "zaphod-profile", what=what)
        settings = Path(paths.config_file())
        settings.write_text(settings.read_text() + f"# my token: {self.token} and {self.kept}\n")
        Path(paths.log_file()).write_text("\n".join(self.lines()) + "\n")

    def lines(self) -> list[str]:
        """The log."""
        encoded = base64.b64encode(self.kept.encode()).decode()
        halves = f"{self.kept[:20]}\\n{self.kept[20:]}"
        said = [
            f"secret {self.aws} of {self.key_id}",
            f"value {self.kept}",
            f"value {encoded}",
            f"value {halves} reversed {self.kept[::-1]}",
            f"password={self.word} for zaphod.beeblebrox@example.com",
            f"clone https://zaphod:{self.word}@example.com/x",
            f"token ghp_{self.token}",
            f"cannot read {self.folder}/a.env: Permission denied",
        ]
        return [f"2026-11-26 WARNING credguard {each}" for each in said]


def test_no_secret_and_no_name_gets_in(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_vault(poisoned, monkeypatch)
    planted = Planted(poisoned)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", planted.aws)
    file = tmp_path / "bundle.zip"
    done = credguard("doctor", "--bundle", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    found = texts(file)
    everything = "\n".join(found.values()) + done.stderr
    for secret in (planted.aws, planted.kept, planted.token, planted.word):
        for form in forms(secret):
            assert form not in everything.encode(), secret
    names = (*NAMES, planted.key_id, "AIDAZAPHOD", str(poisoned), planted.aws[:4] + "*")
    for name in names:
        assert name not in everything, name
    # What a maintainer needs is still there, and tells the same thing from the other.
    assert "WARNING credguard cannot read /file-1.env: Permission denied" in found["log.txt"]
    assert found["log.txt"].count("\n") == len(planted.lines())
    assert "problem.raised" in found["events.jsonl"]
    status = json.loads(found["status.json"])
    assert status["keys"][0]["identity"] == "aws/account-1/user-1"
    assert status["watched"][0]["path"] == "/folder-1"
    about = json.loads(found["about.json"])
    assert about["packages"]["hyperscan"]
    assert any(each["name"] == "git" for each in json.loads(found["checks.json"]))
    assert json.loads(found["database.json"])["check"] == "ok"
    assert "Look through every file" in found["README.txt"]


def test_what_cannot_be_read_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    Path(paths.state_dir()).mkdir(parents=True, mode=0o700)
    Path(paths.database_file()).write_bytes(bytes(range(256)) * 20)
    Path(paths.config_dir()).mkdir(parents=True, mode=0o700)
    Path(paths.config_file()).write_text("[vault\n")
    made = bundle(Context())
    assert {"about.json", "checks.json", "status.json", "config.toml"} <= set(made.names)
    assert "database.json" not in made.names
    assert any("it is damaged" in each for each in made.missing)


def test_it_is_said_when_the_vault_s_values_cannot_be_looked_for() -> None:
    config.set_value("vault.backend", "file")
    Path(paths.state_dir()).mkdir(parents=True, mode=0o700, exist_ok=True)
    (Path(paths.state_dir()) / "own.bin").write_bytes(b"damaged")
    made = bundle(Context())
    assert any("a look for the vault's own values" in each for each in made.missing)


def test_it_goes_alone_and_only_into_a_plain_file() -> None:
    assert "goes alone" in run("doctor", "--bundle", "x", "--json").stderr
    done = run("doctor", "--bundle", "/dev/null")
    assert (done.returncode, "no plain file" in done.stderr) == (2, True)
