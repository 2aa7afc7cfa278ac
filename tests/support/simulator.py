"""The `simulator` fixture: moto over HTTP with one seeded user, fresh for each test."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from credguard.demo import simulator as local_aws
from credguard.secret import Secret
from tests.support import passwords

ACCOUNT = "123456789012"


class Admin:
    """Looks into and edits IAM in process, past every permission."""

    def _user(self, user_name: str) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[ACCOUNT]["aws"].get_user(user_name)

    def _key(self, key_id: str) -> Any:
        from moto.iam.models import iam_backends

        backend = iam_backends[ACCOUNT]["aws"]
        for user in backend.list_users("/", None, None):
            for key in user.access_keys:
                if key.access_key_id == key_id:
                    return key
        raise KeyError(key_id)

    def find(self, key_id: str) -> Any | None:
        """moto's own record of the key; None: no such key."""
        try:
            return self._key(key_id)
        except KeyError:
            return None

    def keys(self, user_name: str) -> list[tuple[str, str]]:
        """(key id, status) of each key of the user."""
        return [(key.access_key_id, key.status) for key in self._user(user_name).access_keys]

    def last_used(self, key_id: str) -> float | None:
        """When the key was last used, Unix seconds; None: never."""
        used = self._key(key_id).last_used
        return None if used is None else used.timestamp.timestamp()

    def set_last_used(self, key_id: str, at: float | None) -> None:
        """Pretend the key was last used at `at` (service s3); None: never."""
        from moto.iam.models import AccessKeyLastUsed

        self._key(key_id).last_used = (
            None if at is None else AccessKeyLastUsed(_naive(at), "s3", "us-east-1")
        )

    def set_created(self, key_id: str, at: float) -> None:
        """Pretend the key was made at `at`, Unix seconds."""
        self._key(key_id).create_date = _naive(at)

    def create_key(self, user_name: str) -> tuple[str, Secret]:
        """A further key of the user, as another device would make it."""
        from moto.iam.models import iam_backends

        key = iam_backends[ACCOUNT]["aws"].create_access_key(user_name)
        return key.access_key_id, Secret(key.secret_access_key)

    def set_status(self, key_id: str, status: str) -> None:
        """Set Active or Inactive."""
        self._key(key_id).status = status

    def add_role(self, name: str) -> None:
        """A role that may do everything and that anyone may assume."""
        from moto.iam.models import iam_backends

        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        backend = iam_backends[ACCOUNT]["aws"]
        backend.create_role(name, trust, "/", None, "", {}, "3600")
        backend.put_role_policy(name, "everything", local_aws._ALLOW_ALL)

    def set_policy(self, user_name: str, document: str) -> None:
        """Replace the user's only inline policy by this JSON."""
        from moto.iam.models import iam_backends

        iam_backends[ACCOUNT]["aws"].put_user_policy(user_name, "everything", document)


def _naive(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


@dataclass
class Simulator:
    """`url` is in AWS_ENDPOINT_URL; the user may do everything; enforcement is on."""

    url: str
    user_name: str
    key_id: str
    secret: Secret
    account: str = ACCOUNT

    def iam(self) -> Admin:
        return Admin()

    def enforce(self, on: bool) -> None:
        local_aws.enforce(self.url, on)

    def seed_user(self, user_name: str) -> tuple[str, Secret]:
        key_id, secret = local_aws.seed_user(self.url, user_name)
        return key_id, Secret(secret)

    def elsewhere(self, account: str, user_name: str) -> tuple[str, Secret]:
        """The same user in another account, with a key of its own."""
        import boto3

        self.enforce(False)
        mine = {"endpoint_url": self.url, "region_name": "us-east-1"}
        role = f"arn:aws:iam::{account}:role/way-in"
        sts = boto3.client(
            "sts", aws_access_key_id=self.key_id, aws_secret_access_key=self.secret.reveal(), **mine
        )
        handed = sts.assume_role(RoleArn=role, RoleSessionName="seed")["Credentials"]
        iam = boto3.client(
            "iam", aws_access_key_id=handed["AccessKeyId"],
            aws_secret_access_key=handed["SecretAccessKey"],
            aws_session_token=handed["SessionToken"], **mine,
        )  # fmt: skip
        iam.create_user(UserName=user_name)
        iam.put_user_policy(
            UserName=user_name, PolicyName="everything", PolicyDocument=local_aws._ALLOW_ALL
        )
        made = iam.create_access_key(UserName=user_name)["AccessKey"]
        sts.close()
        iam.close()
        self.enforce(True)
        return made["AccessKeyId"], Secret(made["SecretAccessKey"])


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[local_aws.Server]:
    passwords.install()
    server = local_aws.start()
    yield server
    server.stop()


@pytest.fixture
def simulator(
    simulator_server: local_aws.Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    url = simulator_server.url
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    local_aws.reset(url)
    passwords.fresh()
    key_id, secret = local_aws.seed_user(url, "dev")
    yield Simulator(url, "dev", key_id, Secret(secret))
    local_aws.reset(url)
