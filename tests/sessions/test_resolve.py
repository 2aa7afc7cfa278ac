"""What a profile's credentials come from; and that botocore reads the same files the same way."""

from typing import Any

import pytest

from credguard.errors import ConfigError, CredguardError, UnknownProfile, Unsupported
from credguard.sessions.model import (
    AssumeRole,
    AwsConfig,
    LongTerm,
    Plan,
    SessionToken,
    Sso,
    WebIdentity,
    partition_of_region,
)
from credguard.sessions.resolve import resolve

ARN = "arn:aws:iam::123456789012:role/"
SERIAL = "arn:aws:iam::123456789012:mfa/dev"


def role(source: str = "base", name: str = "r", **more: str) -> dict[str, str]:
    return {"role_arn": ARN + name, "source_profile": source, **more}


def plan(profiles: dict[str, dict[str, str]], name: str = "p", **more: Any) -> Plan:
    known = more.pop("known", {"base"})
    config = AwsConfig(profiles, more.pop("sso", {}), frozenset(more.pop("plain", ())))
    return resolve(config, name, known, user="dev", **more)


def test_a_profile_that_only_the_vault_knows() -> None:
    assert plan({}, "base") == Plan("base", (LongTerm("base"),), None, ("base",))


def test_a_role_takes_everything_from_its_section() -> None:
    got = plan({
        "base": {},
        "p": role(external_id="x", duration_seconds="1800", role_session_name="me",
                  region="eu-west-1", mfa_serial=SERIAL),
    })  # fmt: skip
    step = AssumeRole("p", ARN + "r", "me", "x", 1800, SERIAL, "eu-west-1")
    assert got.steps == (LongTerm("base"), step)
    assert (got.region, got.profiles) == ("eu-west-1", ("p", "base"))


@pytest.mark.parametrize(
    ("user", "name"),
    [("dev", "credguard-dev"), ("Ann Ö'Dea", "credguard-Ann-Dea"), ("", "credguard-user"),
     ("a" * 99, "credguard-" + "a" * 54), (r"CORP\ann", "credguard-CORP-ann")],
)  # fmt: skip
def test_the_session_is_named_after_the_person(user: str, name: str) -> None:
    got = resolve(AwsConfig({"p": role(), "base": {}}), "p", {"base"}, user=user)
    step = got.steps[1]
    assert isinstance(step, AssumeRole)
    assert step.session_name == name


@pytest.mark.parametrize(
    ("own", "steps"),
    [
        ({}, []),
        ({"mfa_serial": SERIAL}, [SessionToken(SERIAL, 43200)]),
        ({"mfa_serial": SERIAL, "credguard_session": "false"}, []),
        ({"credguard_session": "true"}, [SessionToken(None, 3600)]),
        ({"credguard_session": "True", "duration_seconds": "7200"}, [SessionToken(None, 7200)]),
        ({"mfa_serial": SERIAL, "duration_seconds": "900"}, [SessionToken(SERIAL, 900)]),
    ],
)
def test_what_a_long_term_profile_hands_out(own: dict[str, str], steps: list[Any]) -> None:
    assert list(plan({"base": own}, "base").steps) == [LongTerm("base"), *steps]


@pytest.mark.parametrize(
    ("base", "first", "second", "session", "given"),
    [
        ("", "", "", None, None),
        ("", "a", "", None, "a"),
        ("", "", "a", "a", None),
        ("a", "", "", "a", None),
        ("a", "a", "", None, "a"),
        ("a", "b", "c", None, "b"),
        ("a", "", "b", "b", None),
        ("off", "", "", None, None),
    ],
)
def test_one_code_serves_a_chain(
    base: str, first: str, second: str, session: str | None, given: str | None
) -> None:
    own = {"mfa_serial": base} if base else {}
    if base == "off":
        own["credguard_session"] = "false"
    one = role(name="one", **({"mfa_serial": first} if first else {}))
    two = role("one", name="two", **({"mfa_serial": second} if second else {}))
    steps = plan({"base": own, "one": one, "p": two}).steps
    sessions = [step.serial for step in steps if isinstance(step, SessionToken)]
    roles = [step.serial for step in steps if isinstance(step, AssumeRole)]
    assert sessions == ([session] if session else [])
    assert roles == [given, None]


def test_a_device_where_no_user_signs_is_said() -> None:
    sso = {"sso_account_id": "1", "sso_role_name": "r", "sso_start_url": "u", "sso_region": "x"}
    got = plan({"base": sso, "p": role(mfa_serial=SERIAL)}, known=set())
    assert got.steps[0] == Sso("base", "1", "x")
    assert "not used" in got.notes[0]


@pytest.mark.parametrize(
    ("region", "arn", "mode", "asked"),
    [
        ("eu-west-1", "aws", None, "eu-west-1"),
        ("eu-west-1", "aws", "legacy", "aws-global"),
        ("eu-south-1", "aws", "legacy", "eu-south-1"),
        ("eu-west-1", "aws-us-gov", None, None),
        ("us-gov-east-1", "aws-us-gov", None, "us-gov-east-1"),
        ("cn-north-1", "aws-cn", "regional", "cn-north-1"),
        ("us-iso-east-1", "aws-iso", None, "us-iso-east-1"),
        ("us-isob-east-1", "aws-iso", None, None),
        (None, "aws", "legacy", None),
    ],
)
def test_which_sts_is_asked(
    region: str | None, arn: str, mode: str | None, asked: str | None
) -> None:
    own = {"role_arn": f"arn:{arn}:iam::123456789012:role/r", "source_profile": "base"}
    own |= {"region": region} if region else {}
    own |= {"sts_regional_endpoints": mode} if mode else {}
    step = plan({"base": {}, "p": own}).steps[1]
    assert isinstance(step, AssumeRole)
    assert step.region == asked


def test_partitions_are_those_of_the_sdk() -> None:
    import botocore.session

    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ec2", partition):
            assert partition_of_region(region) == partition


def test_the_region_of_default_serves_all_and_nothing_else_of_it() -> None:
    default = {"region": "eu-west-3", "role_arn": ARN + "no", "mfa_serial": SERIAL}
    got = plan({"default": default, "p": role()})
    step = got.steps[1]
    assert isinstance(step, AssumeRole)
    assert (got.region, step.region, step.serial) == ("eu-west-3", "eu-west-3", None)


def test_settings_are_taken_over_from_included_profiles() -> None:
    got = plan({
        "base": {}, "p": {"include_profile": "a", "external_id": "own"},
        "a": {"include_profile": "b", "external_id": "theirs", "role_arn": ARN + "a"},
        "b": {"source_profile": "base", "region": "eu-west-1", "credential_process": "x"},
    })  # fmt: skip
    step = AssumeRole("p", ARN + "a", "credguard-dev", "own", None, None, "eu-west-1")
    assert got.steps == (LongTerm("base"), step)
    assert got.profiles == ("p", "a", "b", "base")


def test_a_role_whose_own_profile_has_the_key() -> None:
    for own in (role("p"), {"role_arn": ARN + "r"}):
        steps = plan({"p": own | {"mfa_serial": SERIAL}}, known={"p"}).steps
        assert steps == (LongTerm("p"), AssumeRole("p", ARN + "r", "credguard-dev", serial=SERIAL))


def test_a_web_identity_goes_before_a_source_profile() -> None:
    own = role(web_identity_token_file="/t", duration_seconds="900")
    assert plan({"p": own}).steps == (WebIdentity("p", ARN + "r", "credguard-dev", "/t", 900),)


@pytest.mark.parametrize("legacy", [True, False])
def test_identity_center(legacy: bool) -> None:
    where = {"sso_start_url": "https://x", "sso_region": "eu-west-1"}
    own = {"sso_account_id": "123456789012", "sso_role_name": "r"}
    own |= where if legacy else {"sso_session": "corp"}
    got = plan({"p": own}, sso={"corp": where})
    assert got.steps == (Sso("p", "123456789012", "eu-west-1"),)


def test_a_process_of_ours_is_followed_and_never_in_a_circle() -> None:
    names = {"ours a": "a", "ours p": "p"}.get
    profiles = {"p": {"credential_process": "ours a"}, "a": role(), "base": {}}
    assert plan(profiles, alias=names).steps[1] == AssumeRole("a", ARN + "r", "credguard-dev")
    profiles["a"] = {"credential_process": "ours p"}
    with pytest.raises(ConfigError, match="circle: p > a > p"):
        plan(profiles, alias=names)
    with pytest.raises(UnknownProfile, match="no key of profile p"):
        plan({"p": {"credential_process": "ours p"}}, alias=names)


def test_a_plaintext_key_beside_the_one_in_the_vault_is_said() -> None:
    assert "credguard import base" in plan({"base": {}}, "base", plain={"base"}).notes[0]


SSO = {"sso_account_id": "1", "sso_role_name": "r", "sso_session": "corp"}
REFUSED: list[tuple[dict[str, dict[str, str]], type[CredguardError], str]] = [
    ({}, UnknownProfile, "no profile 'p'"),
    ({"p": {}}, UnknownProfile, "no key of profile p"),
    ({"p": role("gone")}, UnknownProfile, "'gone'.*which profile p needs"),
    ({"p": role("q"), "q": {}}, UnknownProfile, r"profile q \(behind p\)"),
    ({"p": role("q"), "q": role("p")}, ConfigError, "circle: p > q > p"),
    ({"p": role("p")}, UnknownProfile, "no key of profile p"),
    ({"p": {"role_arn": ARN + "r"}}, ConfigError, "no source_profile"),
    ({"p": {"source_profile": "base"}}, ConfigError, "no role_arn"),
    ({"p": {"role_arn": "", "source_profile": "base"}}, ConfigError, "not the ARN"),
    ({"p": role() | {"role_arn": "arn:aws:iam::1:user/x"}}, ConfigError, "not the ARN"),
    ({"p": role(credential_source="Environment")}, ConfigError, "both"),
    ({"p": {"role_arn": ARN + "r", "credential_source": "Ec2InstanceMetadata"}},
     Unsupported, "Ec2InstanceMetadata"),
    ({"p": {"credential_process": "other"}}, Unsupported, "another program"),
    ({"p": role("q"), "q": {"credential_process": "other"}}, Unsupported, "q .behind p"),
    ({"p": {"login_session": "x"}}, Unsupported, "aws login"),
    ({"p": {"web_identity_token_file": "/t"}}, ConfigError, "no role_arn"),
    ({"p": SSO}, ConfigError, "sso-session corp"),
    ({"p": SSO | {"sso_session": "full", "sso_region": "other"}}, ConfigError, "sso_region of"),
    ({"p": {"sso_account_id": "1"}}, ConfigError, "lacks sso_role_name, sso_start_url"),
    ({"p": {"include_profile": "q"}, "q": {"include_profile": "p"}}, ConfigError, "p > q > p"),
    ({"p": {"include_profile": "gone"}}, UnknownProfile, "which profile p includes"),
    ({"p": role(role_session_name="x y")}, ConfigError, "role_session_name of profile p"),
    ({"p": role(region="eu-west-1", sts_regional_endpoints="x")}, ConfigError, "profile p is 'x'"),
    ({"p": role(), "base": {"credguard_session": "maybe"}}, ConfigError, "credguard_session"),
    *(
        ({"p": role(duration_seconds=text)}, ConfigError, "from 900 to 43200")
        for text in ("899", "43201", "", "1h", "-900", "٩٠٠", "9" * 30)
    ),
]  # fmt: skip


@pytest.mark.parametrize(("profiles", "kind", "said"), REFUSED)
def test_what_is_refused(
    profiles: dict[str, dict[str, str]], kind: type[CredguardError], said: str
) -> None:
    sso = {"full": {"sso_start_url": "u", "sso_region": "r"}}
    with pytest.raises(kind, match=said) as caught:
        plan(profiles, sso=sso, alias=lambda line: None if line == "other" else "p")
    assert caught.value.hint


def test_a_plaintext_key_is_refused_with_the_way_out() -> None:
    for profiles in ({"p": {}}, {"p": role("p")}, {"p": role("q"), "q": {}}):
        with pytest.raises(ConfigError, match="plaintext") as caught:
            plan(profiles, plain={"p", "q"})
        assert caught.value.hint.startswith("run: credguard import ")


def test_a_name_in_a_hint_is_quoted_for_the_shell() -> None:
    with pytest.raises(UnknownProfile) as caught:
        resolve(AwsConfig({}, {}), "x; reboot", frozenset())
    assert caught.value.hint.endswith("credguard add 'x; reboot'")
