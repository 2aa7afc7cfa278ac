"""botocore reads the same files the same way, and makes the same calls."""

from pathlib import Path
from typing import Any

import pytest
from botocore.configloader import load_config
from botocore.credentials import AssumeRoleProvider, Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credguard import paths
from credguard.awsfiles import files
from credguard.errors import CredguardError
from credguard.sessions.model import AssumeRole, Plan
from credguard.sessions.resolve import resolve
from tests.support import samples

ARN = "arn:aws:iam::123456789012:role/"
_NAMES = ["a", "b", "c", "default", "with space"]
_TEXT = st.text("abcXYZ019+=,.@-", min_size=2, max_size=20)


@st.composite
def _files(draw: st.DrawFn) -> tuple[dict[str, dict[str, str]], str]:
    """Mostly a chain that ends at "key"; odd ones lack something, branch off or run in circles."""
    chain = draw(st.permutations(_NAMES))[: draw(st.integers(1, len(_NAMES)))]
    odd = draw(st.integers(0, 3)) == 0
    profiles: dict[str, dict[str, str]] = {"key": {}}
    for name, source in zip(chain, [*chain[1:], "key"], strict=True):
        settings = {"role_arn": ARN + draw(_TEXT), "source_profile": source}
        if odd and draw(st.integers(0, 2)) == 0:
            settings["source_profile"] = draw(st.sampled_from(["key", "gone", *_NAMES]))
        if odd and draw(st.integers(0, 4)) == 0:
            del settings[draw(st.sampled_from(sorted(settings)))]
        for key in ("external_id", "role_session_name", "mfa_serial"):
            if draw(st.booleans()):
                settings[key] = draw(_TEXT)
        if draw(st.booleans()):
            settings["duration_seconds"] = str(draw(st.integers(900, 43200)))
        profiles[name] = settings
    return profiles, draw(st.sampled_from(chain)) if odd else chain[0]


class _Sts:
    """Stands for AWS, which is not botocore's part: notes what it is asked."""

    def __init__(self, calls: list[tuple[str, dict[str, Any]]], signer: str) -> None:
        self._calls = calls
        self._signer = signer

    def assume_role(self, **given: Any) -> dict[str, Any]:
        from datetime import UTC, datetime, timedelta

        self._calls.append((self._signer, given))
        ends = datetime.now(UTC) + timedelta(hours=1)
        made = {"AccessKeyId": given["RoleArn"], "SecretAccessKey": "x", "SessionToken": "x"}
        return {
            "Credentials": {**made, "Expiration": ends},
            "AssumedRoleUser": {"Arn": "a:b:c:d:e"},
        }


def _by_botocore(config: dict[str, Any], profile: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls of botocore's own provider; "key" is the only profile with credentials."""
    calls: list[tuple[str, dict[str, Any]]] = []

    class Source:
        METHOD = CANONICAL_NAME = "test"

        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> Credentials | None:
            return Credentials(self.name, "x") if self.name == "key" else None

    class Builder:
        def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Source]:
            return [Source(profile_name)]

    provider = AssumeRoleProvider(
        load_config=lambda: config,
        client_creator=lambda _service, **given: _Sts(calls, given["aws_access_key_id"]),
        cache={},
        profile_name=profile,
        prompter=lambda _text: "123456",
        profile_provider_builder=Builder(),
    )
    loaded = provider.load()
    if loaded is not None:
        loaded.get_frozen_credentials()
    return calls


def _write(profiles: dict[str, dict[str, str]]) -> Path:
    lines = []
    for name, each in profiles.items():
        lines.append("[default]" if name == "default" else f'[Profile "{name}"]'.replace("P", "p"))
        lines += [f"{key.upper()} = {value}" for key, value in each.items()]
    path = Path(paths.aws_config_file())
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=_files())
def test_botocore_makes_the_same_calls(drawn: tuple[dict[str, dict[str, str]], str]) -> None:
    profiles, asked = drawn
    path = _write(profiles)
    try:
        ours: Plan | None = resolve(files.aws_config(), asked, {"key"}, user="dev")
    except CredguardError:
        ours = None
    try:
        theirs = _by_botocore(load_config(str(path)), asked)
    except Exception:  # noqa: BLE001 - whatever botocore refuses with
        theirs = []
    roles = [step for step in ours.steps if isinstance(step, AssumeRole)] if ours else []
    assert [step.role_arn for step in roles] == [given["RoleArn"] for _, given in theirs]
    signer = "key"
    for step, (by, given_) in zip(roles, theirs, strict=True):
        assert by == signer
        signer = step.role_arn
        assert step.external_id == given_.get("ExternalId")
        wanted = given_.get("DurationSeconds")
        assert step.duration_s == (wanted and (wanted if step is roles[0] else min(wanted, 3600)))
        if not given_["RoleSessionName"].startswith("botocore-session-"):
            assert step.session_name == given_["RoleSessionName"]
    if roles:
        assert roles[0].serial == theirs[0][1].get("SerialNumber")


@pytest.mark.parametrize(
    "text",
    [
        "[default]\nregion = a\n[profile x]\nRegion: b\n",
        "[profile 'a b']\nregion = c ; not a comment\n# [profile z]\n",
        '[profile "q"]\ns3 =\n  max = 1\n  min = 2\nregion=d\n',
        "[DEFAULT]\nregion = all\noutput = json\n[profile x]\noutput = text\n[default]\n",
        "[profile x]\nregion = 1\n[profile 'x']\noutput = text\n",
        "[sso-session corp]\nsso_region = r\n[services s]\nsts =\n  x = u\n[preview]\na = b\n",
        "[profile a b]\nregion = x\n[profilé]\nregion = y\n[profile]\nregion = z\n",
    ],
)
def test_files_are_read_as_botocore_reads_them(text: str) -> None:
    path = Path(paths.aws_config_file())
    path.parent.mkdir()
    path.write_text(text)
    theirs, ours = load_config(str(path)), files.aws_config()
    flat = {
        name: {k: v for k, v in each.items() if isinstance(v, str)}
        for name, each in theirs["profiles"].items()
    }
    nested = {k for each in theirs["profiles"].values() for k, v in each.items() if v is not str(v)}
    got = {
        name: {k: v for k, v in each.items() if k not in nested}
        for name, each in ours.profiles.items()
    }
    assert got == flat
    assert ours.sso_sessions == theirs["sso_sessions"]


def test_the_credentials_file_goes_before_and_no_secret_is_kept() -> None:
    config, credentials = Path(paths.aws_config_file()), Path(paths.aws_credentials_file())
    config.parent.mkdir()
    secret, key_id = samples.aws_secret(), samples.aws_key_id()
    config.write_text("[profile a]\nregion = one\noutput = json\n")
    credentials.write_text(
        f"[a]\nregion = two\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
        f"aws_session_token = {secret}\n[only]\nrole_arn = x\n"
    )
    found = files.aws_config()
    assert found.profiles == {"a": {"region": "two", "output": "json"}, "only": {"role_arn": "x"}}
    assert found.plain == {"a"}
    assert secret not in repr(found)
