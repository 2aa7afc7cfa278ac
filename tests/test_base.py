"""The base modules: secrets that do not leak, files replaced at once, settings that are checked."""

import copy
import os
import pickle
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard import atomic, config, logs, paths
from credguard.errors import ConfigError, CredguardError, StoreError, VaultUnavailable
from credguard.secret import Secret, mask
from tests.support import samples


@given(st.text(max_size=200))
def test_a_mask_shows_at_most_four_characters_and_a_fifth(value: str) -> None:
    shown = mask(value)
    assert len(shown.rstrip("*")) <= min(4, len(value) // 5)
    assert len(shown) <= 16


def test_a_secret_is_masked_wherever_it_is_printed() -> None:
    value = samples.aws_secret()
    secret = Secret(value)
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}", "%s" % secret):  # noqa: UP031
        assert value not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret(b"a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("grün").reveal() == "grün"
    assert len(Secret("grün")) == 5


def test_write_private_replaces_all_at_once(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    target.chmod(0o644)
    atomic.write_private(str(target), b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_write_private_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError, match="folder"):
        atomic.write_private(str(target), b"new")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0), ("90s", 90), ("10m", 600), ("24h", 86400), ("30d", 2592000)]
)
def test_durations(text: str, expected: int) -> None:
    assert config.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "30 d", "30D", "30d\n", "1d2h"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a duration"):
        config.seconds(text)


def test_set_keeps_comments_and_get_reads_back() -> None:
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n[rotation]\ngrace = '2h' # short\n")
    config.set_value("rotation.soak", "3d")
    assert "# mine" in file.read_text()
    assert "# short" in file.read_text()
    current = config.load()
    assert (config.get(current, "rotation.grace"), current.rotation.soak) == ("2h", "3d")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rotation.grace", "soon"),
        ("vault.backend", "plaintext"),
        ("watch.notify", "maybe"),
        ("watch.max_file_mb", "-3"),
        ("no.such", "x"),
        ("rotation", "x"),
        ("rotation.prove_passes", "0"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_written(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.set_value(key, value)
    assert caught.value.hint or str(caught.value)
    assert not Path(paths.config_file()).exists()


@pytest.mark.parametrize(
    "text", ["[rotation]\ngrce = '1h'", "[rotation]\ngrace = 5", "not toml", "[unknown]\n"]
)
def test_a_typo_in_the_config_is_an_error_that_names_the_file(text: str) -> None:
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(CredguardError, match=r"config\.toml"):
        config.load()


def test_lists_are_given_with_commas() -> None:
    config.set_value("ssh.regions", "eu-west-1, us-east-1")
    assert config.load().ssh.regions == ["eu-west-1", "us-east-1"]


def test_private_dir_refuses_a_folder_that_others_may_write(tmp_path: Path) -> None:
    made = tmp_path / "a" / "b"
    assert paths.private_dir(str(made)) == str(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o777)
    with pytest.raises(StoreError, match="writable by others"):
        paths.private_dir(str(made))


def test_the_log_holds_no_secret_shaped_text() -> None:
    import logging

    logs.to_file()
    logger = logging.getLogger("credguard.test")
    value = samples.aws_secret(7)
    logger.info("key %s end", value)
    for handler in logging.getLogger("credguard").handlers[:]:
        handler.close()
        logging.getLogger("credguard").removeHandler(handler)
    text = Path(paths.log_file()).read_text()
    assert value not in text
    assert "end" in text
    assert stat.S_IMODE(os.stat(paths.log_file()).st_mode) == 0o600
    assert time.strftime("%Y") in text


def test_a_vault_that_is_away_is_not_answered_with_another_empty_one() -> None:
    hint = VaultUnavailable("the keyring cannot be used").hint
    assert "config set" not in hint
    assert "credguard doctor" in hint
    assert "credguard vault migrate --to file" in hint
