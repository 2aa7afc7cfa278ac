"""The record of a machine, and how it gets to S3."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credguard import config as settings
from credguard.app import hook, posture, tick
from credguard.app.context import Context
from credguard.app.jobs import JOBS
from credguard.errors import AlreadyExists, ConfigError, NotPermitted
from credguard.report import posture as report
from credguard.store import audits, profiles, ssh
from tests.support import in_memory, samples
from tests.support.simulator import ACCOUNT, Simulator

NOW, DAY = 1767225600.0, 86400.0


class At(Context):
    def now(self) -> float:
        return NOW


@pytest.fixture
def ctx() -> Iterator[Context]:
    made = At()
    yield made
    made.close()


def key(name: str, key_id: str, created: float | None) -> profiles.Key:
    return profiles.Key(key_id, "aws", ACCOUNT, name, "AIDA", created, "import")


def test_an_empty_machine_is_told_as_one(ctx: Context) -> None:
    made = posture.posture(ctx)
    assert (made.vault, made.keys, made.hooks, made.ssh, made.last_audit) == ("", (), (), (), None)
    assert made.service == "stopped"
    assert made.unknown == ()
    assert report.from_json(report.to_json(made).encode(), "f") == made


def test_what_is_kept_is_told_with_its_age(ctx: Context, tmp_path: Path) -> None:
    one, other = samples.aws_key_id(1), samples.aws_key_id(2)
    profiles.add_profile(ctx.db, "default", key("ada", one, NOW - 40 * DAY), NOW, consent=True)
    profiles.add_profile(ctx.db, "new", key("bob", other, None), NOW, consent=True)
    ssh.add_key(
        ctx.db, ssh.SshKey("laptop", "ed25519", "ssh-ed25519 AAAA", "SHA256:x", "/p", "ada",
                           NOW - 2 * DAY)
    )  # fmt: skip
    for state in (ssh.MAKING, ssh.REPLACED, ssh.REVOKED):
        ssh.add_key(
            ctx.db, ssh.SshKey(state, "ed25519", "", "", "/p", "ada", NOW, state=state)
        )  # fmt: skip
    audits.add(
        ctx.db, audits.Run(ACCOUNT, "account", NOW - DAY, 1, 7, 0, 0, 9, 1.0, ("r",), {})
    )  # fmt: skip
    for name in ("web", "gone", "cut"):
        subprocess.run(["git", "init", "-q", str(tmp_path / name)], check=True)
        hook.install(ctx, str(tmp_path / name), global_=False)
    (tmp_path / "gone" / ".git").rename(tmp_path / "elsewhere")
    (tmp_path / "cut" / ".git" / "hooks" / "pre-commit").unlink()
    made = posture.posture(ctx)
    assert [(k.profile, k.user, k.key, k.age_days, k.due_days) for k in made.keys] == [
        ("default", "ada", f"AKIA...{one[-4:]}", 40.0, -10.0),
        ("new", "bob", f"AKIA...{other[-4:]}", None, None),
    ]
    assert {each.repository: each.state for each in made.hooks} == {
        "web": "installed", "cut": "partly",
    }  # fmt: skip
    assert [(each.name, each.age_days, each.regions) for each in made.ssh] == [("laptop", 2.0, 0)]
    assert (made.last_audit, made.last_audit_failed) == (NOW - DAY, 7)
    text = report.to_json(made)
    assert one not in text
    assert str(tmp_path) not in text


def test_settings_that_cannot_be_read_are_told_and_the_rest_is_there(ctx: Context) -> None:
    from credguard import paths

    profiles.add_profile(
        ctx.db, "default", key("ada", samples.aws_key_id(), NOW), NOW, consent=True
    )
    os.makedirs(os.path.dirname(paths.config_file()), exist_ok=True)
    Path(paths.config_file()).write_text("[vault]\nbackend = 7\n")
    made = posture.posture(ctx)
    assert made.vault == "UNKNOWN"
    assert len(made.keys) == 1
    assert made.unknown[0].startswith("settings: ")


@pytest.mark.parametrize("place", ["bucket", "s3://B/x", "s3://a", "https://s3/x", "s3://buck/a b"])
def test_a_place_that_is_none_in_s3_is_refused_as_it_is_set(place: str) -> None:
    with pytest.raises(ConfigError, match="no place in S3"):
        settings.set_value("posture.s3", place)


def test_without_a_place_it_says_how_to_set_one(ctx: Context) -> None:
    with pytest.raises(ConfigError) as raised:
        posture.upload(ctx)
    assert "posture.s3" in raised.value.hint


class Bucket:
    """A bucket that the user may write into, below its own prefix, and nothing else."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._seeding().create_bucket(Bucket="team-posture")
        self.allow("s3:PutObject")

    def _seeding(self) -> Any:
        import boto3

        self._simulator.enforce(False)
        return boto3.client(
            "s3", "us-east-1", endpoint_url=self._simulator.url, aws_access_key_id="seed",
            aws_secret_access_key="seed",
        )  # fmt: skip

    def allow(self, action: str) -> None:
        place = "arn:aws:s3:::team-posture/machines/dev/*"
        statement = {"Effect": "Allow", "Action": action, "Resource": place}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._simulator.iam().set_policy("dev", document)
        self._simulator.enforce(True)

    def stored(self) -> dict[str, bytes]:
        s3 = self._seeding()
        found = s3.list_objects_v2(Bucket="team-posture").get("Contents", [])
        made = {
            each["Key"]: s3.get_object(Bucket="team-posture", Key=each["Key"])["Body"].read()
            for each in found
        }
        self._simulator.enforce(True)
        return made


@pytest.fixture
def bucket(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    settings.set_value("posture.s3", "s3://team-posture/machines/")
    monkeypatch.setattr(Context, "now", lambda _: NOW)
    return Bucket(simulator)


@pytest.fixture
def sender(simulator: Simulator) -> Iterator[Context]:
    made = in_memory.context(simulator, "default")
    yield made
    made.close()


def test_it_is_written_below_the_users_own_prefix_and_never_over_another(
    sender: Context, simulator: Simulator, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "../my laptop")
    place = posture.upload(sender)
    assert place == "s3://team-posture/machines/dev/..-my-laptop/20260101T000000Z.json"
    before = bucket.stored()
    ((name, data),) = before.items()
    assert place.endswith(name)
    assert json.loads(data)["keys"][0]["user"] == "dev"
    assert simulator.secret.reveal().encode() not in data
    with pytest.raises(AlreadyExists):
        posture.upload(sender)
    assert bucket.stored() == before


def test_the_service_writes_it_once_a_day_where_a_place_is_set(
    sender: Context, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [each for each in JOBS if each.name == "posture"]
    settings.set_value("posture.s3", "")
    assert tick.tick(sender, jobs) == []
    assert bucket.stored() == {}
    settings.set_value("posture.s3", "s3://team-posture/machines")
    sender.__dict__.pop("config")
    for days, number in ((0.0, 0), (1.2, 1), (1.5, 1), (2.6, 2)):
        monkeypatch.setattr(Context, "now", lambda _, at=NOW + days * DAY: at)
        assert tick.tick(sender, jobs) == []
        assert len(bucket.stored()) == number


def test_a_refusal_names_the_permission(sender: Context, bucket: Bucket) -> None:
    bucket.allow("s3:GetObject")
    with pytest.raises(NotPermitted, match="s3:PutObject on s3://team-posture/machines/dev/"):
        posture.upload(sender)
    assert bucket.stored() == {}
