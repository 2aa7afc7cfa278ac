"""The socket is made only where nobody else gets at it, and beside nothing that lives."""

import os
import socket
import stat
from pathlib import Path

import pytest

from credguard import paths
from credguard.errors import Busy, CredguardError, StoreError, Unsupported
from credguard.ipc import client, listener, wire

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "credguard" / "agent.sock")


def folder(path: str, mode: int = 0o700) -> Path:
    made = Path(path).parent
    made.mkdir(mode=mode)
    made.chmod(mode)
    return made


def test_it_is_ours_alone(path: str) -> None:
    sock = listener.listen(path)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.lstat(os.path.dirname(path)).st_mode) == 0o700
    sock.close()
    listener.remove(path)
    assert os.listdir(os.path.dirname(path)) == []


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_folder_that_others_enter_is_refused(path: str, mode: int) -> None:
    folder(path, mode)
    with pytest.raises(StoreError, match="others"):
        listener.listen(path)


def test_a_symlink_for_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    Path(path).parent.symlink_to(tmp_path / "real")
    with pytest.raises(StoreError, match="symlink"):
        listener.listen(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["folder", "socket"])
def test_what_another_user_made_is_refused(path: str, what: str) -> None:
    made = folder(path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        os.chown(made if what == "folder" else path, NOBODY, NOBODY)
        with pytest.raises(StoreError):
            listener.listen(path)


@pytest.mark.parametrize("kind", ["file", "symlink", "folder"])
def test_what_is_no_socket_is_left_alone(path: str, kind: str, tmp_path: Path) -> None:
    folder(path)
    if kind == "file":
        Path(path).write_text("")
    elif kind == "symlink":
        Path(path).symlink_to(tmp_path)
    else:
        Path(path).mkdir()
    with pytest.raises(StoreError, match="where the agent's socket belongs"):
        listener.listen(path)
    assert os.path.lexists(path)


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(path: str) -> None:
    listener.listen(path).close()  # as one that was killed leaves it
    live = listener.listen(path)
    with pytest.raises(Busy, match="another home"):
        listener.listen(path)
    live.close()


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="too long"):
        listener.listen(str(tmp_path / ("x" * 100) / "agent.sock"))


def ask() -> None:
    client.ask(wire.request("ping"), deadline_s=5)


def _no_folder(path: str) -> None:
    pass


def _stale(path: str) -> None:
    listener.listen(path).close()


def _file(path: str) -> None:
    folder(path)
    Path(path).write_text("")


def _open_folder(path: str) -> None:
    listener.listen(path).close()
    os.chmod(os.path.dirname(path), 0o755)


def _foreign(path: str) -> None:
    listener.listen(path).close()
    os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize("state", [_no_folder, _stale, _file, _open_folder, _foreign])
def test_a_client_asks_nobody_there(state: object) -> None:
    if state is _foreign and os.getuid() != 0:
        pytest.skip("only root can give a file away")
    paths.private_dir(os.path.dirname(os.path.dirname(paths.agent_socket())))
    state(paths.agent_socket())  # type: ignore[operator]
    with pytest.raises(CredguardError) as raised:
        ask()
    assert type(raised.value) is client.NoAgent
    assert "\n" not in str(raised.value)
    assert raised.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_client_asks_no_other_user_who_listens() -> None:
    paths.private_dir(os.path.dirname(os.path.dirname(paths.agent_socket())))
    path = paths.agent_socket()
    paths.private_dir(os.path.dirname(path))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    os.setresuid(NOBODY, NOBODY, 0)  # the kernel keeps who called listen()
    try:
        sock.listen()
    finally:
        os.setresuid(0, 0, 0)
    with sock, pytest.raises(client.NoAgent, match="another user"):
        ask()
