import os
from pathlib import Path

import pytest

from credguard import paths
from tests.cli.test_main import run


def test_a_setting_is_written_and_read_back() -> None:
    assert run("config", "set", "rotation.grace", "12h").returncode == 0
    assert run("config", "get", "rotation.grace").stdout == "12h\n"


def test_a_typo_is_one_line_and_a_hint() -> None:
    for args in (("set", "rotation.grcae", "1h"), ("set", "rotation.grace", "soon"), ("get", "x")):
        done = run("config", *args)
        assert done.returncode == 2
        assert "hint:" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("setting", ["audit.scope", "vault.backend", "watch.hooks", "watch.places"])
def test_a_word_that_is_not_known_names_the_setting_and_those_that_are(setting: str) -> None:
    done = run("config", "set", setting, "odd")
    assert done.returncode == 2
    assert done.stderr.startswith(f"credguard: {setting} 'odd' is not known\n  hint: one of: ")


@pytest.mark.parametrize("value", ["30 d", "-1d", "-1h", "", "30", "30D", "999999999w", "\uff13d"])
def test_a_value_that_is_no_duration_names_the_setting(value: str) -> None:
    done = run("config", "set", "rotation.max_age", value)
    assert done.returncode == 2
    assert done.stderr.startswith("credguard: rotation.max_age: ")
    assert "hint:" in done.stderr
    assert not os.path.exists(paths.config_file())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'[rotation]\n# c\nmax_agee = "30d"\n', ("line 3", "did you mean rotation.max_age?")),
        (b"[rotation]\nmax_age = 30\n", ("line 2", "rotation.max_age must be a text")),
        (b'[rotation]\nmax_age = "30 d"\n', ("line 2", "rotation.max_age: '30 d'")),
        (b"[rotaton]\n", ("line 1", "did you mean rotation?")),
        (
            b'max_age = "3d"\n',
            ("line 1", "did you mean password.max_age or rotation.max_age or ssh.max_age?"),
        ),
        (b'vault = "file"\n', ("line 1", "vault must be a section")),
        (b'[vault]\nbackend = "fil"\n', ("line 2", "vault.backend 'fil'")),
        (b'[audit]\nscope = "all"\n', ("line 2", "audit.scope 'all'", "one of: account, self")),
        (b"[watch]\nmax_file_mb = -4\n", ("line 2", "at least 1")),
        (b"[ssh]\nregions = ['a', 3]\n", ("line 2", "ssh.regions must be")),
        (b"[vault]\nx = [\n", ("not valid TOML", "hint: correct")),
        (b"a = 1\n# \xff\n", ("line 2", "not UTF-8")),
    ],
)
def test_damage_in_the_file_is_told_with_its_line(text: bytes, said: tuple[str, str]) -> None:
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(text)
    done = run("config", "get")
    assert done.returncode == 2
    assert done.stderr.startswith(f"credguard: {file}")
    assert done.stderr.count("\n") == 2
    for part in said:
        assert part in done.stderr


def test_a_wrong_value_can_be_put_right_and_a_symlink_stays(poisoned: Path) -> None:
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, mode=0o700)
    target = poisoned / "dotfiles.toml"
    target.write_text('[vault] # mine\nbackend = "fil"\n')
    file.symlink_to(target)
    assert run("config", "set", "vault.backend", "file").returncode == 0
    assert file.is_symlink()
    assert target.read_text() == '[vault] # mine\nbackend = "file"\n'


def test_a_folder_in_its_place_is_one_line(poisoned: Path) -> None:
    os.makedirs(paths.config_file(), mode=0o700)
    for args in (("get",), ("set", "vault.backend", "file")):
        done = run("config", *args)
        assert done.returncode == 2
        assert "Is a directory" in done.stderr
        assert done.stderr.count(paths.config_file()) == 2
