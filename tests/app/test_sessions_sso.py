"""IAM Identity Center profiles, with the token cache of the AWS CLI, over HTTP."""

import hashlib
import json
import logging
import time
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import sessions
from credguard.app.context import Context
from credguard.errors import ConfigError, InvalidKey, NetworkDown, NotPermitted
from credguard.store import profiles
from tests.support.portals import Portal

START = "https://corp.awsapps.com/start"
PROFILE = "sso_account_id = 123456789012\nsso_role_name = dev\n"
WHERE = f"sso_start_url = {START}\nsso_region = eu-west-1\n"
MODERN = f"[profile corp]\nsso_session = here\n{PROFILE}[sso-session here]\n{WHERE}"
LEGACY = f"[profile corp]\n{PROFILE}{WHERE}"


@pytest.fixture
def ctx() -> Context:
    assert profiles.profiles(Context().db) == []
    return Context()


def configure(text: str) -> None:
    file = Path(paths.aws_config_file())
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def signed_in(by: str, ends_in: float, **more: str) -> Path:
    """What `aws sso login` leaves behind."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ends_in))
    name = hashlib.sha1(by.encode()).hexdigest() + ".json"
    file = Path.home() / ".aws" / "sso" / "cache" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    token = {"startUrl": START, "region": "eu-west-1", "accessToken": "good", "expiresAt": stamp}
    file.write_text(json.dumps(token | more))
    return file


@pytest.mark.parametrize(("config", "by"), [(MODERN, "here"), (LEGACY, START)])
def test_a_signed_in_profile(ctx: Context, portal: Portal, config: str, by: str) -> None:
    configure(config)
    signed_in(by, 7200)
    portal.tokens = {"good"}
    handed = sessions.obtain(ctx, "corp", None)
    assert handed.credentials.key_id == portal.key_id
    assert handed.credentials.secret.reveal() == portal.secret
    assert handed.credentials.token is not None
    assert handed.credentials.token.reveal() == portal.token
    assert handed.expiration == pytest.approx(portal.ends, abs=1)
    assert (handed.account, handed.source, handed.key_id_of_long_term, handed.note) == (
        "123456789012", "IAM Identity Center", None, "",
    )  # fmt: skip
    assert portal.asked == ["/federation/credentials"]


@pytest.mark.parametrize(("config", "by"), [(MODERN, "here"), (LEGACY, START)])
@pytest.mark.parametrize("state", ["never", "ended", "revoked", "damaged"])
def test_a_profile_that_is_not_signed_in(
    ctx: Context,
    portal: Portal,
    config: str,
    by: str,
    state: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, "credguard")
    configure(config)
    if state != "never":
        file = signed_in(by, -10 if state == "ended" else 7200)
        if state == "damaged":
            file.write_text("{")
    with pytest.raises(InvalidKey) as caught:
        sessions.obtain(ctx, "corp", None)
    assert caught.value.hint == "run: aws sso login --profile corp"
    assert "good" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_token_that_ends_is_renewed_as_the_cli_does(ctx: Context, portal: Portal) -> None:
    configure(MODERN)
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 90000))
    file = signed_in(
        "here", -10, refreshToken="again", clientId="c", clientSecret="s",
        registrationExpiresAt=later,
    )  # fmt: skip
    portal.refresh = "again"
    assert sessions.obtain(ctx, "corp", None).credentials.key_id == portal.key_id
    assert portal.asked == ["/token", "/federation/credentials"]
    assert json.loads(file.read_text())["accessToken"] == "renewed"
    portal.refresh = "other"
    file.write_text(
        file.read_text().replace(json.loads(file.read_text())["expiresAt"], "2020-01-01T00:00:00Z")
    )
    with pytest.raises(InvalidKey, match="not signed in"):
        sessions.obtain(ctx, "corp", None)


def test_a_role_that_the_person_does_not_have(ctx: Context, portal: Portal) -> None:
    configure(MODERN)
    signed_in("here", 7200)
    portal.tokens, portal.denied = {"good"}, True
    with pytest.raises(NotPermitted, match="profile corp") as caught:
        sessions.obtain(ctx, "corp", None)
    assert "sso_role_name" in caught.value.hint


def test_a_session_near_its_end_is_said(ctx: Context, portal: Portal) -> None:
    configure(MODERN)
    signed_in("here", 7200)
    portal.tokens, portal.ends = {"good"}, time.time() + 630
    assert sessions.obtain(ctx, "corp", None).note == "the session of corp lasts 10 minutes only"


def test_a_sso_session_that_is_not_there(ctx: Context, portal: Portal) -> None:
    configure(MODERN.replace("[sso-session here]", "[sso-session there]"))
    with pytest.raises(ConfigError, match="sso-session here"):
        sessions.obtain(ctx, "corp", None)
    assert portal.asked == []


def test_no_answer(ctx: Context, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _s: None))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", "http://127.0.0.1:9")
    configure(MODERN)
    signed_in("here", 7200)
    with pytest.raises(NetworkDown):
        sessions.obtain(ctx, "corp", None)
