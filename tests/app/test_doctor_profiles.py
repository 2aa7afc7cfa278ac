"""The doctor's checks of AWS profiles and of the shell, each both ways."""

import sys
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.app.doctor import environment
from credguard.app.doctor.lines import mend
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN
from credguard.awsfiles import files
from tests.support import samples
from tests.support.checks import aws, checks, file_vault, launcher, only, plain, states

PROFILES = "AWS profiles"
SHELL = "This shell"


def test_a_leftover_key_beats_the_vaults(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    assert only(PROFILES, "plaintext keys").state == OK
    aws(poisoned, "credentials", "[work]\n" + plain())
    found = only(PROFILES, "plaintext keys")
    assert (found.state, found.fix) == (FAIL, "run: credguard import work --yes")
    assert "before the vault's" in found.said


def test_a_key_beside_our_line_in_the_config_file(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    config_file = Path(paths.aws_config_file())
    config_file.write_text(config_file.read_text() + plain())
    found = only(PROFILES, "plaintext keys")
    assert (found.state, "beside" in found.said) == (FAIL, True)


def test_a_key_that_was_never_imported_is_a_warning(poisoned: Path) -> None:
    aws(poisoned, "credentials", "[default]\n" + plain())
    assert only(PROFILES, "plaintext keys").state == WARN


def test_a_session_in_the_credentials_file_beats_the_vaults(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    aws(poisoned, "credentials", f"[work]\n{plain()}aws_session_token = {samples.aws_secret(4)}\n")
    found = only(PROFILES, "plaintext keys")
    assert (found.state, "session" in found.said) == (FAIL, True)


def test_a_line_whose_interpreter_is_gone_is_put_right(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    assert only(PROFILES, "credential_process").state == OK
    config_file = Path(paths.aws_config_file())
    config_file.write_text(config_file.read_text().replace("process = /", "process = /gone/"))
    found = only(PROFILES, "credential_process")
    assert (found.state, found.fix) == (FAIL, "run: credguard doctor lines")
    assert "/gone/" in found.said
    assert mend(ctx) == ["profile work asks the vault"]
    assert only(PROFILES, "credential_process").state == OK
    assert mend(ctx) == []


def test_a_vault_profile_without_a_line_and_a_line_without_a_profile(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    files.remove_process("work", keys.is_ours)
    assert "no AWS tool asks for it" in only(PROFILES, "credential_process").said
    files.set_process("stray", keys.command("stray"))
    assert states(PROFILES, "credential_process") == [FAIL, FAIL]
    mend(ctx)
    assert states(PROFILES, "credential_process") == [OK]
    assert files.process_of("stray") is None


def test_the_line_of_a_role_stays(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    files.set_process("role", keys.command("role"))
    config_file = Path(paths.aws_config_file())
    config_file.write_text(
        config_file.read_text() + "role_arn = arn:aws:iam::1:role/x\nsource_profile = work\n"
    )
    assert states(PROFILES, "credential_process") == [OK]
    assert mend(ctx) == []


def test_another_programs_line_is_named_and_kept(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    aws(poisoned, "config", "[profile work]\ncredential_process = /usr/bin/other\n")
    assert "another program" in only(PROFILES, "credential_process").said
    with pytest.raises(Exception, match="another credential_process"):
        mend(ctx)
    aws(poisoned, "config", "[profile elsewhere]\ncredential_process = /usr/bin/other\n")
    (found,) = checks(PROFILES, "credential_process")
    assert "elsewhere" not in found.said


def test_another_installations_line(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    copy = poisoned / "credguard" / "credential_process.py"
    copy.parent.mkdir()
    copy.touch()
    aws(
        poisoned,
        "config",
        f"[profile work]\ncredential_process = {sys.executable} -I -S {copy} work\n",
    )
    assert only(PROFILES, "credential_process").state == WARN


def test_a_setting_that_comes_before_the_vaults_key(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    assert checks(PROFILES, "order") == []
    config_file = Path(paths.aws_config_file())
    config_file.write_text(config_file.read_text() + "sso_session = corp\n")
    assert only(PROFILES, "order").state == WARN


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("[profile base]\ncredential_process = /x\n", OK),
        ("[profile base]\nregion = a\n", FAIL),
        ("", FAIL),
    ],
)
def test_source_profile(poisoned: Path, source: str, state: str) -> None:
    role = "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n"
    aws(poisoned, "config", role + source)
    assert only(PROFILES, "source_profile").state == state


def test_what_needs_no_database_is_told_without_one(poisoned: Path) -> None:
    Path(paths.private_dir(paths.state_dir()), "state.db").write_bytes(b"no database" * 99)
    aws(poisoned, "credentials", "[work]\n" + plain())
    assert only(PROFILES, "plaintext keys").state == WARN
    assert only(PROFILES, "source_profile").state == OK
    assert only(PROFILES, "credential_process").state == UNKNOWN


def test_sections_that_no_tool_takes_for_a_profile(poisoned: Path) -> None:
    aws(poisoned, "config", "[default]\nregion = a\n[sso-session x]\nsso_region = a\n")
    assert checks(PROFILES, "sections") == []
    aws(poisoned, "config", "[work]\ncredential_process = /x\n[default]\n[profile default]\n")
    aws(poisoned, "credentials", "[profile other]\n")
    said = [each.said for each in checks(PROFILES, "sections")]
    assert len(said) == 3


def test_a_malformed_file_is_told_once_and_makes_the_others_unknown(poisoned: Path) -> None:
    aws(poisoned, "config", "[profile work\n")
    assert only(PROFILES, "files").state == FAIL
    assert only(PROFILES, "plaintext keys").state == UNKNOWN
    aws(poisoned, "config", "[profile work]\n")
    assert only(PROFILES, "files").state == OK


def test_a_key_in_the_environment_and_where_it_comes_from(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks(SHELL, "keys") == []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", samples.aws_key_id(1))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", samples.aws_secret(1))
    assert only(SHELL, "keys").fix == "run: unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
    (poisoned / ".bashrc").write_text("# x\nexport AWS_ACCESS_KEY_ID=1\n")
    assert f"{poisoned}/.bashrc:2" in only(SHELL, "keys").fix
    assert only(SHELL, "start-up files").state == FAIL
    monkeypatch.setenv("CREDGUARD_EXEC", "work")
    assert checks(SHELL, "keys") == []


@pytest.mark.parametrize(("when", "word"), [("2001-01-01T00:00:00Z", "ended"), ("", "is set")])
def test_an_ended_session(when: str, word: str) -> None:
    variables = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"), "set")
    facts = environment.Facts(variables | {"AWS_CREDENTIAL_EXPIRATION": when}, now=1e9)
    (found,) = environment.keys(facts)
    assert word in found.said


def test_aws_profile_names_one_that_is_there(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(poisoned, "config", "[profile work]\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert checks(SHELL, "AWS_PROFILE") == []
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "wrok")
    found = only(SHELL, "AWS_PROFILE")
    assert found.fix == "run: unset AWS_DEFAULT_PROFILE\nthere are: work"
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "default")
    aws(poisoned, "config", "[profile work]\n[default]\n")
    assert only(SHELL, "AWS_PROFILE").state == WARN


def test_file_variables(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws(poisoned, "config", "")))
    assert only(SHELL, "file variables").state == OK
    monkeypatch.setenv("AWS_CONFIG_FILE", "/gone/config")
    assert only(SHELL, "file variables").state == FAIL
    monkeypatch.chdir(poisoned)
    monkeypatch.setenv("AWS_CONFIG_FILE", ".aws/config")
    assert "relative" in only(SHELL, "file variables").said


def test_a_web_identity_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
    assert checks(SHELL, "web identity") == []
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
    assert only(SHELL, "web identity").state == WARN


def test_the_installed_one_comes_first_on_path(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = launcher(poisoned)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert only(SHELL, "PATH").fix.startswith('run: export PATH="$HOME/.local/bin:$PATH"')
    monkeypatch.setenv("PATH", f"{file.parent}:/usr/bin")
    assert only(SHELL, "PATH").state == OK
    other = poisoned / "other" / "credguard"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:{file.parent}:/usr/bin")
    assert (only(SHELL, "PATH").state, str(other) in only(SHELL, "PATH").said) == (FAIL, True)
    file.write_text(file.read_text().replace(sys.executable, "/gone/python"))
    monkeypatch.setenv("PATH", f"{file.parent}:.:/usr/bin")
    assert [each.state for each in checks(SHELL, "PATH")] == [FAIL, WARN]
