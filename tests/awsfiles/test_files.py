import os
import stat
import subprocess
from pathlib import Path

import pytest

from credguard.awsfiles import files
from credguard.errors import ConfigError
from credguard.secret import Secret
from tests.support import samples


@pytest.fixture
def aws(poisoned: Path) -> Path:
    folder = poisoned / ".aws"
    folder.mkdir(mode=0o700)
    return folder


def _credentials(aws: Path, mode: int = 0o644) -> Path:
    file = aws / "credentials"
    file.write_text(
        f"# mine\n[work]\naws_access_key_id = {samples.aws_key_id()}\n"
        f"aws_secret_access_key = {samples.aws_secret()}\n"
    )
    file.chmod(mode)
    return file


def test_keys_are_found_in_both_files(aws: Path) -> None:
    _credentials(aws)
    (aws / "config").write_text(
        "[profile work]\nregion = cn-north-1\n"
        f"[profile other]\naws_access_key_id = {samples.aws_key_id(2)}\n"
        f"aws_secret_access_key = {samples.aws_secret(2)}\naws_session_token = x\n"
    )
    work, other = files.plain_keys()
    assert (work.profile, work.key_id, work.region) == ("work", samples.aws_key_id(), "cn-north-1")
    assert work.secret == Secret(samples.aws_secret())
    assert not work.temporary
    assert (other.profile, other.temporary) == ("other", True)


def test_no_files_no_keys(poisoned: Path) -> None:
    assert files.plain_keys() == []


def test_the_mode_is_tightened_and_never_widened(aws: Path) -> None:
    file = _credentials(aws, 0o644)
    files.remove_plain("work", Secret(samples.aws_secret()))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "# mine\n"
    file.chmod(0o400)
    files.write_plain("work", samples.aws_key_id(), Secret(samples.aws_secret()))
    assert stat.S_IMODE(file.stat().st_mode) == 0o400


def test_a_symlink_stays_and_its_target_changes(aws: Path, poisoned: Path) -> None:
    repository = poisoned / "dotfiles"
    repository.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True, timeout=30)
    target = repository / "credentials"
    _credentials(aws).rename(target)
    (aws / "credentials").symlink_to(target)
    files.remove_plain("work", Secret(samples.aws_secret()))
    assert (aws / "credentials").is_symlink()
    assert target.read_text() == "# mine\n"
    note = files.place_note(str(aws / "credentials"))
    assert note is not None
    assert "git repository" in note
    inside = files.place_note(str(target))
    assert inside is not None
    assert "git repository" in inside
    assert files.place_note(str(aws / "absent")) is None


def test_a_symlinked_folder_and_a_hard_link_are_told(aws: Path, poisoned: Path) -> None:
    file = _credentials(aws)
    assert files.place_note(str(file)) is None
    os.link(file, poisoned / "second")
    assert "hard links" in str(files.place_note(str(file)))
    aws.rename(poisoned / "elsewhere")
    aws.symlink_to(poisoned / "elsewhere")
    assert "is a symlink to" in str(files.place_note(str(file)))


def test_the_same_secret_in_comments_of_either_file_goes(aws: Path) -> None:
    _credentials(aws)
    (aws / "config").write_text(f"# {samples.aws_secret()}\n[default]\nregion = x\n")
    files.remove_plain("work", Secret(samples.aws_secret()))
    assert (aws / "config").read_text() == "[default]\nregion = x\n"


def test_another_programs_process_is_kept(aws: Path) -> None:
    config = aws / "config"
    config.write_text("[profile work]\ncredential_process = /bin/other\n")
    with pytest.raises(ConfigError, match="another credential_process"):
        files.set_process("work", "ours")
    files.remove_process("work", lambda line: "credguard" in line)
    assert config.read_text() == "[profile work]\ncredential_process = /bin/other\n"


@pytest.mark.parametrize(
    ("profile", "section"),
    [("default", "default"), ("a", "profile a"), ("a b", 'profile "a b"')],
)
def test_the_section_of_a_profile(aws: Path, profile: str, section: str) -> None:
    files.set_process(profile, "command")
    assert (aws / "config").read_text() == f"[{section}]\ncredential_process = command\n"
    assert files.process_of(profile) == "command"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_midway_leaves_the_old_file(
    aws: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _credentials(aws)
    before = file.read_bytes()

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(ConfigError, match="No space left"):
            files.remove_plain("work", Secret(samples.aws_secret()))
    assert file.read_bytes() == before
    assert [each.name for each in aws.iterdir()] == ["credentials"]


def test_what_another_program_writes_meanwhile_is_not_lost(
    aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _credentials(aws)

    def change() -> None:
        with files._changed(str(file)) as ini:
            ini.put("new", "x", "1")
            file.write_text("[theirs]\ny = 2\n")

    with pytest.raises(ConfigError, match="changed by another program"):
        change()
    assert file.read_text() == "[theirs]\ny = 2\n"


def test_bytes_that_are_not_utf8_are_named_by_line(aws: Path) -> None:
    (aws / "credentials").write_bytes(b"[a]\nx = 1\n# \xff\n")
    with pytest.raises(ConfigError, match="line 3: not UTF-8"):
        files.plain_keys()


@pytest.mark.parametrize("section", ['profile "work"', "profile  work", "profile 'work'"])
def test_a_section_quoted_otherwise_is_the_same_profile(aws: Path, section: str) -> None:
    (aws / "config").write_text(f"[{section}]\nregion = x\n")
    files.set_process("work", "command")
    assert (
        aws / "config"
    ).read_text() == f"[{section}]\nregion = x\ncredential_process = command\n"
    assert (files.process_of("work"), files.region("work")) == ("command", "x")
    files.remove_process("work", lambda line: line == "command")
    assert files.process_of("work") is None


def test_every_file_that_holds_the_secret_is_found(aws: Path) -> None:
    secret = Secret(samples.aws_secret())
    file = _credentials(aws)
    for name in ("credentials~", "credentials.bak", ".credentials.swp", "#credentials#", "config"):
        (aws / name).write_bytes(b"\0" + secret.reveal_bytes() + b"\n")
    (aws / "other").write_text(samples.aws_secret(2))
    (aws / "folder").mkdir()
    (aws / "loop").symlink_to("loop")
    (aws / "link").symlink_to("credentials~")
    found = {Path(path).name for path in files.copies(secret)}
    assert found - {"credentials~", "link"} == {
        "credentials", "credentials.bak", ".credentials.swp", "#credentials#", "config"
    }  # fmt: skip
    assert len(found & {"credentials~", "link"}) == 1
    file.unlink()
    assert "credentials" not in {Path(path).name for path in files.copies(secret)}


def test_what_a_crash_left_midway_goes_with_the_next_change(aws: Path) -> None:
    _credentials(aws)
    left = aws / ".credguard-0123456789abcdef"
    left.write_text(samples.aws_secret())
    files.remove_plain("work", Secret(samples.aws_secret()))
    assert [each.name for each in aws.iterdir()] == ["credentials"]


def test_what_only_looks_like_a_key_is_told_and_never_quoted(aws: Path) -> None:
    (aws / "credentials").write_text(f"[half]\naws_secret_access_key = {samples.aws_secret()}\n")
    (aws / "config").write_text(
        f"[work]\naws_access_key_id = {samples.aws_key_id()}\n"
        f"aws_secret_access_key = {samples.aws_secret(2)}\n"
    )
    assert files.plain_keys() == []
    half, work = files.stray_notes()
    assert "[half] has only aws_secret_access_key" in half
    assert "[profile work]" in work
    assert samples.aws_secret(2) not in half + work


DAMAGE = {
    "line": b"[profile other]\nno setting\n",
    "header": b"[profile other\nx = 1\n",
    "twice": b"[profile other]\nx = 1\n[profile other]\nx = 1\n",
    "bytes": b"[profile other]\nx = \xff\n",
    "size": b"[profile other]\nx = 1\n" + b"# more\n" * 600_000,
    "before": b"x = 1\n",
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("order", ["above", "below"])
def test_damage_elsewhere_leaves_the_sections_of_a_profile(
    aws: Path, kind: str, order: str
) -> None:
    mine = b"[default]\nregion = r\n[profile work]\nmfa_serial = m\ns3 =\n  [x\n  a = 1\nz = 2\n"
    both = [DAMAGE[kind], mine] if order == "above" or kind == "before" else [mine, DAMAGE[kind]]
    (aws / "config").write_bytes(b"".join(both))
    with pytest.raises(ConfigError):
        files.aws_config()
    found = files.sections_of("work").profiles
    assert found["default"]["region"] == "r"
    assert (found["work"]["mfa_serial"], found["work"]["z"]) == ("m", "2")
    assert "other" not in found


@pytest.mark.parametrize(
    "text",
    [
        "[profile work]\nno setting\n",
        "[profile work\nmfa_serial = m\n",
        "[profile work]\nx = 1\n[profile work]\nmfa_serial = m\n",
        "[DEFAULT]\nno setting\n[profile work]\n",
        "[default\nmfa_serial = m\n",
    ],
)
def test_damage_in_its_own_sections_is_told(aws: Path, text: str) -> None:
    """Or a session that ~/.aws/config asks for would be passed by."""
    (aws / "config").write_text(text)
    with pytest.raises(ConfigError, match="of profile work alone"):
        files.sections_of("work")


@pytest.mark.parametrize("header", ['"my work"', "'my work'", "my\\ work", "my' 'work"])
def test_its_section_is_found_however_it_is_quoted(aws: Path, header: str) -> None:
    (aws / "config").write_text(f"bad\n[profile {header}]\nmfa_serial = m\n")
    assert files.sections_of("my work").profiles == {"my work": {"mfa_serial": "m"}}


def test_a_pipe_in_place_of_a_file_is_refused_at_once(aws: Path) -> None:
    os.mkfifo(aws / "config")
    with pytest.raises(ConfigError, match="is a pipe"):
        files.aws_config()
