import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from credguard.aws import ec2, iam, sts
from credguard.aws.model import Credentials, identity_of
from credguard.errors import (
    AlreadyExists,
    AwsError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    QuotaExceeded,
)
from credguard.secret import Secret
from tests.support import samples
from tests.support.simulator import Simulator

PUBLIC = (
    Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    .decode()
)


def creds(simulator: Simulator) -> Credentials:
    return Credentials(simulator.key_id, simulator.secret)


def test_whole_life_of_a_key(simulator: Simulator) -> None:
    mine = creds(simulator)
    who = sts.caller_identity(mine)
    assert (who.kind, who.user_name, who.partition) == ("user", "dev", "aws")
    assert who.account == simulator.account
    assert iam.get_user(mine, "dev") == who.user_id
    new = iam.create_access_key(mine, "dev", "txn-1")
    assert iam.access_key_last_used(mine, new.key_id).at is None
    assert [(k.key_id, k.status) for k in iam.list_access_keys(mine, "dev")] == [
        (simulator.key_id, "Active"),
        (new.key_id, "Active"),
    ]
    with pytest.raises(QuotaExceeded):
        iam.create_access_key(mine, "dev", "txn-2")
    fresh = Credentials(new.key_id, new.secret)
    assert sts.caller_identity(fresh) == who
    used = iam.access_key_last_used(fresh, new.key_id)
    assert used.at is not None
    iam.set_access_key_status(fresh, "dev", simulator.key_id, active=False)
    assert simulator.iam().keys("dev")[0] == (simulator.key_id, "Inactive")
    with pytest.raises(InvalidKey):
        sts.caller_identity(mine)
    with pytest.raises(InvalidKey), ec2.in_region(mine, "us-east-1") as here:
        here.key_pairs()
    iam.set_access_key_status(fresh, "dev", simulator.key_id, active=True)
    assert sts.caller_identity(mine) == who
    iam.delete_access_key(fresh, "dev", simulator.key_id)
    with pytest.raises(NoSuchEntity, match=simulator.key_id):
        iam.delete_access_key(fresh, "dev", simulator.key_id)
    assert simulator.iam().keys("dev") == [(new.key_id, "Active")]


def test_a_wrong_secret_is_an_invalid_key_and_never_shown(simulator: Simulator) -> None:
    wrong = Secret(samples.aws_secret(9))
    with pytest.raises(InvalidKey, match="sts:GetCallerIdentity") as caught:
        sts.caller_identity(Credentials(simulator.key_id, wrong))
    assert wrong.reveal() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_policy_that_refuses_names_the_action(simulator: Simulator) -> None:
    simulator.iam().set_policy(
        "dev",
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}',
    )
    with pytest.raises(NotPermitted, match="iam:CreateAccessKey") as caught:
        iam.create_access_key(creds(simulator), "dev", "t")
    assert "iam:CreateAccessKey" in caught.value.hint


def test_key_pairs_are_regional(simulator: Simulator) -> None:
    mine = creds(simulator)
    with ec2.in_region(mine, "eu-west-1") as here, ec2.in_region(mine, "us-east-1") as elsewhere:
        here.import_key_pair("k", PUBLIC, {"owner": "dev"})
        with pytest.raises(AlreadyExists):
            here.import_key_pair("k", PUBLIC, {})
        (pair,) = here.key_pairs()
        assert (pair.name, pair.kind, pair.tags) == ("k", "ed25519", {"owner": "dev"})
        assert pair.public_key is not None
        assert pair.public_key.split()[:2] == PUBLIC.split()[:2]
        assert elsewhere.key_pairs() == []
        here.delete_key_pair("k")
        here.delete_key_pair("k")
        assert here.key_pairs() == []
    assert "eu-west-1" in ec2.regions(mine)


def test_ambient_credentials_and_profiles_are_not_read(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, poisoned: Path
) -> None:
    (poisoned / ".aws").mkdir()
    (poisoned / ".aws" / "config").write_text("not [ an ini file\n")
    (poisoned / ".aws" / "credentials").write_text("not [ either\n")
    monkeypatch.setenv("AWS_PROFILE", "absent")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", samples.aws_key_id(5))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", samples.aws_secret(5))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "x")
    assert sts.caller_identity(creds(simulator)).user_name == "dev"


class _Counting(http.server.ThreadingHTTPServer):
    agents: list[str]
    answer: bytes | None


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Counting]:
    """Counts requests; drops the connection, or answers 500 with `answer`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            server.agents.append(self.headers["User-Agent"])
            if server.answer is None:
                self.close_connection = True
                return
            self.send_response(500)
            self.send_header("Content-Length", str(len(server.answer)))
            self.end_headers()
            self.wfile.write(server.answer)

        def log_message(self, *args: object) -> None:
            pass

    server = _Counting(("127.0.0.1", 0), Handler)
    server.agents, server.answer = [], None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


SOME = Credentials(samples.aws_key_id(), Secret(samples.aws_secret()))


def test_create_is_sent_once_with_its_transaction(broken: _Counting) -> None:
    with pytest.raises(NetworkDown, match="iam:CreateAccessKey"):
        iam.create_access_key(SOME, "dev", "abc-1")
    assert len(broken.agents) == 1
    assert "txn/abc-1" in broken.agents[0]


def test_a_malformed_answer_is_an_error_without_its_text(broken: _Counting) -> None:
    broken.answer = b"<!doctype html><p>canary-body"
    with pytest.raises(AwsError) as caught:
        iam.create_access_key(SOME, "dev", "abc-2")
    assert "canary-body" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert len(broken.agents) == 1


def test_nobody_listening_is_network_down() -> None:
    with pytest.raises(NetworkDown):
        sts.caller_identity(SOME)


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:iam::1:user/a/b/eva", "user", "eva"),
        ("arn:aws-cn:iam::1:root", "root", None),
        ("arn:aws-us-gov:sts::1:assumed-role/r/s", "assumed-role", None),
        ("arn:aws:sts::1:federated-user/f", "federated", None),
        ("odd", "other", None),
    ],
)
def test_arns(arn: str, kind: str, name: str | None) -> None:
    who = identity_of("1", "U", arn)
    assert (who.kind, who.user_name) == (kind, name)
    assert who.partition == (arn.split(":")[1] if ":" in arn else "aws")
