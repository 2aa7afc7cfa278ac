"""credential_process, the agent and the vault as processes of their own."""

import calendar
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor import background
from credguard.awsfiles import files
from credguard.daemon import agent as agent_module
from credguard.ipc import calls, client, listener
from credguard.store import handouts, profiles
from credguard.store.db import connect
from tests.support import daemon
from tests.support.agent import Child, agent, serving
from tests.support.daemon import until
from tests.support.faults import FaultProxy
from tests.support.keyring_session import KeyringSession
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator

GIVEN = "import os; print(os.environ['AWS_CREDENTIAL_EXPIRATION'])"
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key in the file vault under the profile `work`."""
    file_vault(poisoned, monkeypatch)
    (poisoned / "run").mkdir(mode=0o700)
    add_key(simulator)
    return simulator


def ask(profile: str = "work") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        shlex.split(keys.command(profile)), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stderr.count("\n") <= 1
    assert "Traceback" not in done.stderr
    return done


def key_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["AccessKeyId"])


def test_the_agent_gives_what_the_vault_holds(ready: Simulator, process: Start) -> None:
    alone = json.loads(ask().stdout)
    running = process()
    warm = json.loads(ask().stdout)
    assert alone.keys() == warm.keys()
    assert {**alone, "Expiration": 0} == {**warm, "Expiration": 0}
    assert ask().stdout == ask().stdout
    assert credguard("agent", "status").stdout.startswith("runs      by itself, process ")
    assert [each.how for each in handouts.recent(connect())] == ["credential_process"] * 4
    credguard("agent", "stop")
    assert running.wait(30) == 0
    assert not os.path.exists(paths.agent_socket())
    assert "no agent" in credguard("agent", "status", ok=2).stderr


def test_a_secret_is_in_no_file_and_in_no_environment(ready: Simulator, process: Start) -> None:
    running = process()
    key_of(ask())
    secret = ready.secret.reveal().encode()
    for name in ("environ", "cmdline"):
        assert secret not in Path(f"/proc/{running.pid}/{name}").read_bytes()
    for path in Path(os.environ["HOME"]).rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def test_neither_boto3_nor_keyring_is_in_the_agent(ready: Simulator, process: Start) -> None:
    running = process()
    key_of(ask())
    maps = Path(f"/proc/{running.pid}/maps").read_text()
    assert "cryptography" not in maps
    code = (
        "import sys, credguard.daemon.alone\n"
        "print(*{'boto3', 'botocore', 'keyring', 'cryptography', 'click'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("where", ["alone", "service"])
def test_it_leaves_no_core_dump(ready: Simulator, process: Start, where: str) -> None:
    running = process() if where == "alone" else daemon.start()
    limits = Path(f"/proc/{running.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core")]
    assert core.split()[4] == "0"
    status = Path(f"/proc/{running.pid}/status").read_text()
    assert "Umask:\t0077" in status
    if where == "service":
        daemon.stop(running)


@pytest.mark.parametrize("how", ["credential_process", "env", "exec", "export"])
def test_the_log_names_who_ran_the_command_with_and_without_an_agent(
    ready: Simulator, poisoned: Path, process: Start, how: str
) -> None:
    def hand_out(number: int) -> None:
        if how == "credential_process":
            ask()
        elif how == "exec":
            credguard("exec", "work", "--", "true")
        else:
            more = ["--output", str(poisoned / f"{number}.env")] if how == "export" else []
            credguard(how, "work", *more)

    hand_out(1)
    process()
    hand_out(2)
    assert [(each.how, each.asker.pid) for each in handouts.recent(connect())] == [
        (how, os.getpid())
    ] * 2


def test_a_rotation_is_followed_at_once(ready: Simulator, process: Start) -> None:
    process()
    assert key_of(ask()) == ready.key_id
    credguard("config", "set", "rotation.prove_interval", "0s")
    credguard("rotate", "work", "--yes")
    assert calls.status()["held"] == [], "it was told"
    assert key_of(ask()) == profiles.profile(connect(), "work").key.key_id != ready.key_id


def test_the_service_takes_over_and_gives_way_to_nobody(ready: Simulator, process: Start) -> None:
    alone = process()
    service = daemon.start()
    assert alone.wait(30) == 0
    assert calls.status()["mode"] == "service"
    found = background.agent_facts(Context())
    assert (found.held, found.pid) == (True, service.pid)
    assert [each.said for each in background.agent(found)] == ["one agent answers"]
    assert key_of(ask()) == ready.key_id
    assert "an agent runs already" in credguard("agent", "run", ok=2).stderr
    assert "background service" in credguard("agent", "stop", ok=2).stderr
    daemon.stop(service)
    assert not os.path.exists(paths.agent_socket())


def test_a_killed_one_is_replaced(ready: Simulator, process: Start) -> None:
    first = process()
    first.kill()
    first.wait()
    assert os.path.exists(paths.agent_socket()), "stale"
    assert key_of(ask()) == ready.key_id
    process()
    assert key_of(ask()) == ready.key_id


def test_an_agent_killed_midway_is_no_loss(ready: Simulator, process: Start) -> None:
    """Its child is stopped before it answers, then the agent dies: the asker goes on by itself."""
    Path(paths.vault_file()).rename(paths.vault_file() + ".away")
    os.mkfifo(paths.vault_file())  # whoever reads the vault now waits
    running = process()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask)
        until(lambda: calls.status()["fetching"] == ["work"])
        Path(paths.vault_file()).unlink()
        Path(paths.vault_file() + ".away").rename(paths.vault_file())
        running.kill()
        assert key_of(answer.result(90)) == ready.key_id


def test_a_frozen_agent_is_passed_by(ready: Simulator, process: Start) -> None:
    running = process()
    running.send_signal(signal.SIGSTOP)
    assert key_of(ask()) == ready.key_id


@pytest.mark.parametrize("kind", ["file", "stale", "other home", "garbage"])
def test_what_is_no_agent_of_ours_does_not_keep_the_key_back(ready: Simulator, kind: str) -> None:
    path = paths.agent_socket()
    os.mkdir(os.path.dirname(path), 0o700)
    with contextlib.ExitStack() as stack:
        if kind == "file":
            Path(path).write_text("")
        elif kind == "stale":
            listener.listen(path).close()
        elif kind == "garbage":
            sock = listener.listen(path)
            sock.setblocking(True)
            threading.Thread(target=_answer_garbage, args=(sock,), daemon=True).start()
            stack.callback(sock.close)
        else:
            stack.enter_context(serving(agent()))
            stack.enter_context(pytest.MonkeyPatch.context()).setattr(
                agent_module.paths, "state_dir", lambda: "/another"
            )
        assert key_of(ask()) == ready.key_id


def _answer_garbage(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with listening.accept()[0] as sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.recv(65536)


def test_a_locked_vault_of_the_agent_is_opened_at_the_askers_side(
    ready: Simulator, process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = os.environ["CREDGUARD_PASSPHRASE_FILE"]
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    process()
    done = ask()
    assert done.returncode == 2
    assert "needs its passphrase" in done.stderr
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", word)
    assert key_of(ask()) == ready.key_id


def test_an_unknown_profile_is_one_line(ready: Simulator, process: Start) -> None:
    process()
    for name in ("unknown", "\udc80", "x" * 200, "a\nb"):
        done = ask_raw(name)
        assert done.returncode == 2, done.stderr
        assert done.stdout == b""
        assert done.stderr.startswith(b"credguard: ")
        assert done.stderr.count(b"\n") == 1


def ask_raw(profile: str) -> subprocess.CompletedProcess[bytes]:
    command = [*shlex.split(keys.command("x"))[:-1], profile]
    return subprocess.run(command, capture_output=True, timeout=100, check=False)


def test_two_hundred_cold_calls_start_one_agent_that_asks_sts_once(
    simulator: Simulator, faults: FaultProxy, ready: Simulator, poisoned: Path
) -> None:
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "credguard_session = true\n")
    before = faults.count()
    with ThreadPoolExecutor(200) as pool:
        done = list(pool.map(lambda _: ask(), range(200)))
    try:
        assert {each.stderr for each in done} == {""}
        (answer,) = {each.stdout for each in done}
        assert json.loads(answer)["SessionToken"]
        assert [call.action for call in faults.requests()[before:]] == ["GetSessionToken"]
        status = calls.status()
        assert (status["mode"], status["fetches"]) == ("alone", 1)
        assert os.getsid(int(str(status["pid"]))) == status["pid"], "detached"
    finally:
        calls.stop()
    until(lambda: not client.alive(paths.agent_socket()))


def test_a_rotation_waits_for_the_sessions_that_were_handed_out(
    ready: Simulator, process: Start
) -> None:
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "credguard_session = true\nduration_seconds = 43200\n")

    def ends(text: str) -> int:
        return calendar.timegm(time.strptime(json.loads(text)["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))

    alone = credguard("exec", "work", "--", sys.executable, "-c", GIVEN).stdout.strip()
    until_alone = handouts.sessions_until(connect(), ready.key_id)
    assert ends(json.dumps({"Expiration": alone})) == int(until_alone)
    process()
    until_agent = ends(ask().stdout)
    assert int(handouts.sessions_until(connect(), ready.key_id)) == until_agent >= until_alone - 1
    credguard("config", "set", "rotation.prove_interval", "0s")
    credguard("config", "set", "rotation.grace", "1s")
    credguard("rotate", "work", "--yes")
    (row,) = [
        each
        for each in json.loads(credguard("rotate", "--status", "--json").stdout)
        if each["key_id"] == ready.key_id
    ]
    assert row["state"] == "grace", row


def test_a_session_that_needs_a_code_ends_with_one_line(ready: Simulator, process: Start) -> None:
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "mfa_serial = arn:aws:iam::123456789012:mfa/dev\n")
    process()
    done = ask()
    assert done.returncode == 2
    assert "a code of arn:aws:iam::123456789012:mfa/dev is needed" in done.stderr


def test_two_hundred_processes_at_once_are_one_fetch(ready: Simulator, child: Child) -> None:
    child.gate()
    child.does("open(work + '/gate').read(); answer(body=b'same')")
    with serving(agent()) as server, ThreadPoolExecutor(200) as pool:
        answers = [pool.submit(ask_raw, "work") for _ in range(200)]
        until(lambda: sum(c.waiting for c in list(server._connections.values())) == 200, 100)
        child.release()
        assert {each.result(90).stdout for each in answers} == {b"same"}
    assert len(child.starts()) == 1
    assert len(handouts.recent(connect(), 500)) == 200


@pytest.mark.keyring
def test_a_keyring_that_never_answers_ends_at_the_deadline(
    simulator: Simulator, keyring_session: KeyringSession, poisoned: Path
) -> None:
    (poisoned / "run").mkdir(mode=0o700, exist_ok=True)
    credguard("config", "set", "vault.backend", "keyring:secretservice")
    add_key(simulator)
    assert files.process_of("work") == keys.command("work")
    keyring_session.freeze()
    with serving(agent(deadline=3)):
        done = ask()
    assert done.returncode == 2
    assert "not there within 3 s; look for a waiting unlock dialog" in done.stderr
    assert done.stdout == ""
