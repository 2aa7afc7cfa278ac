import errno
import os
from pathlib import Path

import pytest

from credguard import paths
from credguard.sources.mounts import Mounts

TABLE = """\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /home rw shared:2 - {home} server:/home rw
24 22 0:6 / /mnt/nfs rw,nosuid shared:3 - nfs4 server:/x rw
25 22 0:7 / /mnt/my\\040share rw - cifs //server/share rw
26 24 8:2 / /mnt/nfs/local rw - ext4 /dev/sdb1 rw
27 22 0:8 / /mnt/crypt rw - fuse.gocryptfs gocryptfs rw
28 22 0:9 / /mnt/ssh rw - fuse.sshfs server: rw
29 22 0:9 / /mnt/over rw - nfs server:/y rw
30 22 0:9 / /mnt/over rw - tmpfs none rw
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "home", lambda: "/home/ada")
    file = tmp_path / "mountinfo"
    file.write_text(TABLE.format(home="ext4"))
    return file


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""), ("/home/ada/src", ""), ("/mnt/nfs", "nfs4"), ("/mnt/nfs/a/b", "nfs4"),
        ("/mnt/nfsx", ""), ("/mnt/my share/a", "cifs"), ("/mnt/nfs/local/a", ""),
        ("/mnt/crypt/a", ""), ("/mnt/ssh/a", "fuse.sshfs"), ("/mnt/over/a", ""),
    ],
)  # fmt: skip
def test_a_path_is_judged_by_the_mount_that_it_lies_on(table: Path, path: str, kind: str) -> None:
    assert Mounts(str(table)).network(path) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "ext4"), ("/mnt/nfs/a/b", "nfs4"), ("/mnt/over/a", "tmpfs"), ("/mnt/ssh", "fuse.sshfs")],
)
def test_the_kind_of_a_file_system_is_that_of_the_last_mount(
    table: Path, path: str, kind: str
) -> None:
    assert Mounts(str(table)).kind(path) == kind
    assert Mounts(str(table.with_name("none"))).kind(path) == ""


def test_what_is_mounted_below_a_folder_is_named(table: Path) -> None:
    assert Mounts(str(table)).below("/mnt/") == {
        "/mnt/nfs": "nfs4", "/mnt/my share": "cifs", "/mnt/ssh": "fuse.sshfs",
    }  # fmt: skip
    assert Mounts(str(table)).below("/mnt/nfs") == {}


def test_the_home_folders_own_file_system_counts_as_here(table: Path) -> None:
    table.write_text(TABLE.format(home="nfs4"))
    assert Mounts(str(table)).network("/home/ada/src") == ""
    assert Mounts(str(table)).network("/mnt/nfs") == "nfs4"


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert Mounts(str(tmp_path / "none")).network("/mnt/nfs") == ""


@pytest.mark.parametrize("odd", ["\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\u00a0", "\udcff"])
def test_a_name_of_any_bytes_but_a_newline_is_one_name(table: Path, odd: str) -> None:
    name = f"/mnt/a{odd}b"
    line = f"31 22 0:9 / {name} rw - nfs server:/y rw\n"
    table.write_bytes(table.read_bytes() + os.fsencode(line))
    assert Mounts(str(table)).network(f"{name}/c") == "nfs"


def test_what_is_mounted_when_somebody_looks_is_not_looked_at(table: Path) -> None:
    with table.open("a") as file:
        file.write("31 22 0:9 / /mnt/auto rw - autofs systemd-1 rw\n")
        file.write("32 22 0:9 / /mnt/disk rw - autofs systemd-1 rw\n")
        file.write("33 32 8:3 / /mnt/disk rw - ext4 /dev/sdc1 rw\n")
    mounts = Mounts(str(table))
    assert mounts.network("/mnt/auto/a") == "autofs"
    assert mounts.network("/mnt/disk/a") == ""


def test_a_table_that_could_not_be_read_is_read_by_the_next(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = Mounts(str(table))
    with monkeypatch.context() as patch:

        def none_left(*_args: object) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        patch.setattr(os, "open", none_left)
        assert mounts.network("/mnt/nfs") == ""
    assert mounts.network("/mnt/nfs") == "nfs4"


def test_links_are_followed_up_to_a_network_file_system(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "near").symlink_to("real")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "far").symlink_to("near/../nas")
    (tmp_path / "nas").symlink_to("/mnt/nfs/x")
    asked = []
    real = os.readlink

    def readlink(path: str) -> str:
        asked.append(path)
        return real(path)

    monkeypatch.setattr(os, "readlink", readlink)
    mounts = Mounts(str(table))
    assert mounts.resolved(str(tmp_path / "near" / "a")) == os.path.realpath(tmp_path / "real/a")
    assert mounts.resolved(str(tmp_path / "far" / "b")) == "/mnt/nfs/x/b"
    assert mounts.resolved(str(tmp_path / "loop")).endswith("/loop")
    assert not [path for path in asked if path.startswith("/mnt/nfs")]
