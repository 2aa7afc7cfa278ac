"""unlock and lock: the file's passphrase to an agent on its wire, a keyring by its own means."""

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import unlock as app
from credguard.app.context import Context
from credguard.errors import CredguardError, Unsupported, VaultLocked, WrongPassphrase
from credguard.secret import Secret
from credguard.vault.encfile import EncryptedFile
from credguard.vault.oskeyring import OsKeyring
from credguard.vault.passstore import PassStore
from tests.support import samples
from tests.support.password_store import PasswordStore


class WireAgent:
    """Answers each request by `answer`; keeps what came. The wire of the real agent, version 1."""

    def __init__(self, path: str) -> None:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self.requests: list[dict[str, object]] = []
        self.answer = b"\0"
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(path)
        os.chmod(path, 0o600)
        self._sock.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._sock.accept()
            except OSError:
                return
            with link:
                size = int.from_bytes(link.recv(4, socket.MSG_WAITALL), "big")
                body = link.recv(size, socket.MSG_WAITALL)
                self.requests.append(json.loads(body))
                link.sendall(len(self.answer).to_bytes(4, "big") + self.answer)

    def asked(self, op: str) -> list[dict[str, object]]:
        """The requests for `op`; what a client sends to find the agent alive is left out."""
        return [each for each in self.requests if each["op"] == op]

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WireAgent]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    agent = WireAgent(paths.agent_socket())
    yield agent
    agent.close()


@pytest.fixture
def word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The passphrase of a file vault with one item, in the file that is named for it."""
    word = samples.text(20, 5)
    file = tmp_path / "word"
    file.write_text(word + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(file))
    config.set_value("vault.backend", "file")
    EncryptedFile(paths.vault_file(), lambda _new: Secret(word), cost=2).put("x", Secret("value"))
    return word


def test_the_agent_gets_the_passphrase_that_opens_the_file(agent: WireAgent, word: str) -> None:
    app.unlock(Context(), 28_800)
    (request,) = agent.asked("unlock")
    assert (request["v"], request["op"], request["timeout_s"]) == (1, "unlock", 28_800)
    assert base64.b64decode(str(request["passphrase_b64"])).decode() == word
    assert request["state"] == paths.state_dir()


def test_a_wrong_passphrase_never_reaches_the_agent(
    agent: WireAgent, word: str, tmp_path: Path
) -> None:
    (tmp_path / "word").write_text(samples.text(20, 6))
    with pytest.raises(WrongPassphrase):
        app.unlock(Context())
    assert agent.requests == []


def test_lock_without_an_agent_has_nothing_to_forget(word: str) -> None:
    app.lock(Context())


def test_what_the_agent_refuses_is_told(agent: WireAgent, word: str) -> None:
    agent.answer = b"\1it is full; run it again"
    with pytest.raises(CredguardError, match="it is full") as caught:
        app.unlock(Context())
    assert caught.value.hint == "run it again"


def test_a_socket_that_others_reach_gets_nothing(agent: WireAgent, word: str) -> None:
    os.chmod(os.path.dirname(paths.agent_socket()), 0o755)
    with pytest.raises(CredguardError, match="no agent could be started"):
        app.unlock(Context())
    assert agent.requests == []


def test_lock_makes_the_agent_forget(agent: WireAgent, word: str) -> None:
    done = app.lock(Context())
    assert [each["op"] for each in agent.requests] == ["lock"]
    assert "forgotten" in done.what


@pytest.mark.keyring
def test_a_secret_service_is_locked_and_its_time_is_its_own(
    keyring_session: object, agent: WireAgent
) -> None:
    config.set_value("vault.backend", "keyring:secretservice")
    assert "is open" in app.unlock(Context()).what
    with pytest.raises(Unsupported, match="its own time"):
        app.unlock(Context(), 60)
    done = app.lock(Context())
    assert "whole login keyring" in done.note
    with pytest.raises(VaultLocked):
        OsKeyring("secretservice", deadline_s=20).get("x")


@pytest.mark.keyring
def test_pass_is_locked_by_its_agent(password_store: PasswordStore, agent: WireAgent) -> None:
    config.set_value("vault.backend", "pass")
    assert "is open" in app.unlock(Context()).what
    PassStore().put("x", Secret("value"))
    app.lock(Context())
    with pytest.raises(VaultLocked):
        PassStore().get("x")


def test_a_backend_without_a_lock_says_how() -> None:
    config.set_value("vault.backend", "keyring:kwallet")
    with pytest.raises(Unsupported) as caught:
        app.lock(Context())
    assert "KWalletManager" in caught.value.hint


def test_the_derived_key_is_forgotten(tmp_path: Path) -> None:
    asked: list[bool] = []

    def passphrase(new: bool) -> Secret:
        asked.append(new)
        return Secret(samples.text(20))

    vault = EncryptedFile(str(tmp_path / "v"), passphrase, cost=2)
    vault.put("x", Secret("value"))
    vault.get("x")
    assert asked == [True]
    vault.forget()
    assert vault._key is None
    vault.get("x")
    assert asked == [True, False]
    assert not vault.remove_if_empty()
    vault.delete("x")
    assert vault.remove_if_empty()
    assert not os.path.exists(tmp_path / "v")
