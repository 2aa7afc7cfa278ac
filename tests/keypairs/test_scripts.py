"""The scripts for authorized_keys, run by a real sh on real files."""

import os
import pwd
import subprocess
import tempfile
from pathlib import Path

import pytest

from credguard.keypairs import scripts

OLD, NEW, OTHER = "ssh-ed25519 AAAAold+/= old", "ssh-ed25519 AAAAnew ada's $(key)", "ssh-rsa AAAB x"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path / ".ssh" / "authorized_keys"


def run(file: Path, script: str, ok: bool = True) -> None:
    done = subprocess.run(
        ["sh", "-s"], input=script, text=True, capture_output=True, timeout=30,
        env={"PATH": os.environ["PATH"], "HOME": str(file.parents[1])},
    )  # fmt: skip
    assert (done.returncode == 0 and scripts.DONE in done.stdout) == ok, done.stderr
    assert [each.name for each in file.parent.iterdir()] == ["authorized_keys"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_line_is_added_once_and_mode_and_lines_are_kept(file: Path, end: str) -> None:
    file.write_text(f"# mine\n{OLD}{end}")
    file.chmod(0o640)
    for _ in range(2):
        run(file, scripts.add(NEW, old=OLD))
        assert file.read_text() == f"# mine\n{OLD}\n{NEW}\n"
    assert file.stat().st_mode & 0o777 == 0o640
    run(file, scripts.present(NEW))


def test_the_old_line_goes_only_where_the_new_one_is(file: Path) -> None:
    file.write_text(f"{OLD}\n{OTHER}\n")
    run(file, scripts.remove(OLD, keep=NEW), ok=False)
    run(file, scripts.present(NEW), ok=False)
    assert file.read_text() == f"{OLD}\n{OTHER}\n"
    run(file, scripts.add(NEW, old=OLD))
    for _ in range(2):
        run(file, scripts.remove(OLD, keep=NEW))
        assert file.read_text() == f"{OTHER}\n{NEW}\n"


@pytest.mark.parametrize(
    "options", ['from="10.0.0.1",no-pty ', "command=\"echo 'no; $(x)' ssh-ed25519\" ", "  "]
)
def test_the_new_key_opens_no_more_than_the_old(file: Path, options: str) -> None:
    line = options + OLD.replace(" ", "  ", 1)
    file.write_text(f"# {OLD}\n{OTHER}\n{line}\n")
    for _ in range(2):
        run(file, scripts.add(NEW, old=OLD))
        assert file.read_text() == f"# {OLD}\n{OTHER}\n{line}\n{options}{NEW}\n"


@pytest.mark.parametrize("text", ["", f"# {OLD}\n", f"{OTHER}\n"])
def test_a_file_without_the_old_key_gets_no_new_one(file: Path, text: str) -> None:
    file.write_text(text)
    run(file, scripts.add(NEW, old=OLD), ok=False)
    assert file.read_text() == text


def test_the_last_line_can_be_taken_out(file: Path) -> None:
    file.write_text(f'from="10.0.0.1" {OLD}\n')
    run(file, scripts.remove(OLD, keep=None))
    assert file.read_text() == ""


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    (tmp_path / "real").write_text(f"{OLD}\n")
    file.symlink_to(tmp_path / "real")
    run(file, scripts.add(NEW, old=OLD))
    assert file.is_symlink()
    assert NEW in (tmp_path / "real").read_text()


def home_of(tmp_path: Path, user: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """The folder of a `getent` that finds the home of `user` at `home`; first on the PATH."""
    getent = tmp_path / "bin" / "getent"
    getent.parent.mkdir()
    getent.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "passwd {user}" ] && echo "{user}:x:1:1::{home}:/bin/sh"\n'
    )
    getent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{getent.parent}:{os.environ['PATH']}")
    return getent.parent


def test_the_file_of_another_user_is_changed_as_that_user(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(f"{OLD}\n")
    become = home_of(tmp_path, "ada", monkeypatch, tmp_path) / "su"
    become.write_text('#!/bin/sh\n[ "$1 $2 $4" = "ada -s -c" ] && exec "$3" -c "$5"\n')
    become.chmod(0o700)
    run(file, scripts.add(NEW, old=OLD, user="ada"))
    assert file.read_text() == f"{OLD}\n{NEW}\n"
    become.write_text("#!/bin/sh\nexit 1\n")
    run(file, scripts.remove(NEW, keep=None, user="ada"), ok=False)
    assert file.read_text() == f"{OLD}\n{NEW}\n"


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize("link", ["authorized_keys", "authorized_keys.credguard"])
def test_root_follows_no_link_of_the_users(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        victim = folder / "victim"
        victim.write_text("root's\n")
        victim.chmod(0o600)
        ssh = folder / "home" / ".ssh"
        ssh.mkdir(parents=True)
        (ssh / "authorized_keys").write_text(f"{OLD}\n")
        (ssh / link).unlink(missing_ok=True)
        (ssh / link).symlink_to(victim)
        owner = pwd.getpwnam("nobody")
        for each in (ssh.parent, ssh, ssh / "authorized_keys"):
            os.chown(each, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
        home_of(folder, "nobody", monkeypatch, ssh.parent).chmod(0o755)
        script = scripts.add(NEW, old=OLD, user="nobody")
        done = subprocess.run(
            ["sh", "-s"], input=script, text=True, capture_output=True, timeout=30, cwd="/"
        )
        assert scripts.DONE not in done.stdout
        assert victim.read_text() == "root's\n"


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")
def test_root_becomes_a_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        ssh = folder / "home" / ".ssh"
        ssh.mkdir(parents=True)
        file = ssh / "authorized_keys"
        file.write_text(f"{OLD}\n")
        owner = pwd.getpwnam("nobody")
        for each in (ssh, file):
            os.chown(each, owner.pw_uid, owner.pw_gid)
        home_of(folder, "nobody", monkeypatch, ssh.parent)
        for script in (
            scripts.add(NEW, old=OLD, user="nobody"),
            scripts.remove(OLD, keep=NEW, user="nobody"),
        ):
            done = subprocess.run(
                ["sh", "-s"], input=script, text=True, capture_output=True, timeout=30, cwd="/"
            )
            assert scripts.DONE in done.stdout, done.stderr
        assert file.read_text() == f"{NEW}\n"
        assert file.stat().st_uid == owner.pw_uid
