"""The agent with real child processes whose behaviour is scripted."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credguard import paths
from credguard.daemon.unlocked import Unlocked
from credguard.errors import CredguardError, NeedsCode, VaultLocked
from credguard.ipc import calls, client, wire
from credguard.secret import Secret
from credguard.store import db, handouts, profiles
from tests.support.agent import Child, agent, serving
from tests.support.daemon import until


def get(profile: str = "work", **fields: str | int) -> tuple[int, bytes]:
    return client.ask(wire.request("creds", profile=profile, **fields))


KEY = profiles.Key("KEY", "aws", "1", "dev", "AIDA", None, "add")


@pytest.fixture
def stored() -> None:
    connection = db.connect()
    profiles.add_profile(connection, "work", KEY, 1.0, consent=False)
    connection.close()


def switch_key() -> None:
    connection = db.connect()
    new = profiles.Key("NEW", "aws", "1", "dev", "AIDA", None, "rotation")
    profiles.add_key(connection, new, 2.0)
    profiles.switch(connection, "KEY", "NEW")
    connection.close()


def test_two_hundred_at_once_are_one_child_and_all_are_answered(child: Child) -> None:
    child.gate()
    child.does("open(work + '/gate').read(); answer(body=b'same')")
    with serving(agent()) as server, ThreadPoolExecutor(200) as pool:
        answers = [pool.submit(get) for _ in range(200)]
        until(lambda: sum(c.waiting for c in list(server._connections.values())) == 200)
        child.release()
        assert {each.result(60) for each in answers} == {(wire.OK, b"same")}
    assert len(child.starts()) == 1


def test_the_next_ones_are_served_from_memory_until_it_ends_too_soon(child: Child) -> None:
    child.does("answer(body=b'1', expiration=time.time() + 1500)")
    with serving(agent()):
        assert get() == get() == (wire.OK, b"1")
        assert len(child.starts()) == 1
        get(min_ttl=1600)
        assert len(child.starts()) == 2


def test_past_half_its_life_it_is_fetched_anew_behind_the_answer(child: Child) -> None:
    ahead = [0.0]
    child.does("answer(body=b'old', expiration=time.time() + 7200)")
    with serving(agent(wall=lambda: time.time() + ahead[0])):
        get()
        child.does("answer(body=b'new', expiration=time.time() + 14400)")
        ahead[0] = 3700
        assert get() == (wire.OK, b"old")
        until(lambda: get() == (wire.OK, b"new"))
    first, second = map(json.loads, child.starts())
    assert first["code"] == ""
    assert second["code"] == "-", "nobody is asked for a code behind an answer"


def test_a_refresh_ahead_that_needs_a_code_is_not_tried_again(child: Child) -> None:
    ahead = [0.0]
    child.does("answer(body=b'old', expiration=time.time() + 7200)")
    with serving(agent(wall=lambda: time.time() + ahead[0])):
        get()
        child.does("answer(kind=2, line='a code; give it')")
        ahead[0] = 3700
        assert get() == (wire.OK, b"old")
        until(lambda: len(child.starts()) == 2 and calls.status()["fetching"] == [])
        assert get() == (wire.OK, b"old")
        assert calls.status()["fetching"] == []
    assert len(child.starts()) == 2


def test_a_switched_key_ends_what_came_from_the_old_one(child: Child, stored: None) -> None:
    child.does("answer(body=b'old', source_key='KEY')")
    with serving(agent()):
        assert get() == (wire.OK, b"old")
        switch_key()
        child.does("answer(body=b'new', source_key='NEW')")
        assert get() == (wire.OK, b"new")


def test_a_switch_while_it_is_fetched_has_it_fetched_anew(child: Child, stored: None) -> None:
    child.gate()
    child.does("open(work + '/gate').read(); answer(body=b'old', source_key='KEY')")
    with serving(agent()), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get)
        until(lambda: len(child.starts()) == 1)
        switch_key()
        child.does("answer(body=b'new', source_key='NEW')")
        child.release()
        assert answer.result(60) == (wire.OK, b"new")


@pytest.mark.parametrize("what", ["lock", "drop", "drop aws/1/dev"])
def test_lock_and_drop_empty_the_memory(child: Child, what: str) -> None:
    child.does("answer(body=b'1', identity='aws/1/dev')")
    with serving(agent()):
        get()
        op, _, identity = what.partition(" ")
        assert calls.status()["held"]
        client.ask(wire.request(op, identity=identity))
        assert calls.status()["held"] == []
        get()
    assert len(child.starts()) == 2


def test_a_changed_config_ends_what_was_made_of_it(child: Child, poisoned: Path) -> None:
    with serving(agent()):
        get()
        (poisoned / ".aws").mkdir()
        (poisoned / ".aws" / "config").write_text("[profile work]\nregion = eu-north-1\n")
        get()
        assert len(child.starts()) == 2
        get(config=str(poisoned / "another"))
        assert len(child.starts()) == 3


def test_a_code_is_given_to_the_child_and_asked_for_when_there_is_none(child: Child) -> None:
    child.does(
        "answer(body=b'session') if request['code'] else answer(kind=2, line='a code of X; give')"
    )
    with serving(agent()):
        assert get() == (wire.NEEDS_CODE, b"a code of X; give")
        with pytest.raises(NeedsCode) as raised:
            calls.credentials("work", "exec")
        assert (str(raised.value), raised.value.hint) == ("a code of X", "give")
        answer = calls.credentials("work", "exec", code=Secret("123456"))
        assert answer.body == Secret(b"session")
        assert get() == (wire.OK, b"session"), "the session is shared"


def test_a_code_that_comes_while_one_is_missing_is_tried(child: Child) -> None:
    child.gate()
    child.does(
        "if request['code']: answer(body=b'session')\n"
        "else: open(work + '/gate').read(); answer(kind=2, line='a code')"
    )
    with serving(agent()) as server, ThreadPoolExecutor(2) as pool:
        without = pool.submit(get)
        until(lambda: len(child.starts()) == 1)
        with_code = pool.submit(get, code="123456")
        until(lambda: sum(c.waiting for c in list(server._connections.values())) == 2)
        child.release()
        assert without.result(60) == (wire.NEEDS_CODE, b"a code")
        assert with_code.result(60) == (wire.OK, b"session")


def test_errors_are_one_line_and_not_kept(child: Child) -> None:
    with serving(agent()):
        for kind, error in ((wire.ERROR, CredguardError), (wire.LOCKED, VaultLocked)):
            child.does(f"answer(kind={kind}, line='it is denied; ask for it')")
            with pytest.raises(error, match="it is denied"):
                calls.credentials("work", "exec")
        child.does("answer(body=b'1')")
        assert get() == (wire.OK, b"1")


@pytest.mark.parametrize(
    "ends", ["os.kill(os.getpid(), 9)", "os.write(1, b'garbage')", "os.write(1, b'{}\\n')", ""]
)
def test_a_child_that_dies_is_one_line(child: Child, ends: str) -> None:
    child.does(ends)
    with serving(agent()):
        kind, text = get()
    assert kind == wire.ERROR
    assert b"without an answer" in text


def test_a_child_that_never_answers_is_ended_with_what_it_started(child: Child) -> None:
    child.does(
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '1000'])\n"
        "open(work + '/pid', 'w').write(str(p.pid))\n"
        "p.wait()"
    )
    with serving(agent(deadline=0.5)):
        kind, text = get()
        assert kind == wire.ERROR
        assert b"unlock dialog" in text
        if child.starts() and (child.work / "pid").exists():
            pid = (child.work / "pid").read_text()
            until(lambda: not os.path.exists(f"/proc/{pid}") or _dead(pid))


def _dead(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_many_profiles_are_a_few_children_at_a_time(child: Child) -> None:
    child.does("while not os.path.exists(work + '/go'): time.sleep(0.01)\nanswer(body=b'1')")
    with serving(agent()) as server, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(get, f"p{number}") for number in range(20)]
        until(lambda: sum(c.waiting for c in list(server._connections.values())) == 20)
        until(lambda: len(child.starts()) == 4)
        fetching = calls.status()["fetching"]
        assert len(fetching) == 20  # type: ignore[arg-type]
        assert len(child.starts()) == 4
        (child.work / "go").touch()
        assert {each.result(60) for each in answers} == {(wire.OK, b"1")}
    assert len(child.starts()) == 20


def test_children_that_die_do_not_keep_the_others_waiting(child: Child) -> None:
    child.does("os.abort() if request['profile'] < 'p4' else answer(body=b'1')")
    with serving(agent()), ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(get, [f"p{number}" for number in range(9)]))
    assert [kind for kind, _ in answers] == [wire.ERROR] * 4 + [wire.OK] * 5


def test_a_note_of_the_source_is_told(child: Child) -> None:
    child.does("answer(kind=5, body=b'it', note='it lasts 15 minutes only')")
    with serving(agent()):
        answer = calls.credentials("work", "exec")
    assert answer.note == "it lasts 15 minutes only"
    assert answer.body == Secret(b"it")


def test_each_hand_out_is_logged_with_who_asked(child: Child, stored: None) -> None:
    child.does("answer(body=b'1', key_id='ASIA', source_key='KEY')")
    with serving(agent()):
        get(how="exec")
        get(how="credential_process")
    second, first = handouts.recent(db.connect())
    assert (first.how, first.key_id, first.asker.pid) == ("exec", "KEY", os.getppid())
    assert first.asker.program is not None
    assert (second.how, second.asker.pid) == ("credential_process", os.getppid())


def test_a_log_that_cannot_be_written_keeps_nothing_back(
    child: Child, stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handouts, "WAIT_S", 0.05)
    writer = db.connect()
    writer.execute("BEGIN IMMEDIATE")
    with serving(agent()):
        assert get() == (wire.OK, b"it")
    writer.execute("ROLLBACK")
    assert handouts.recent(writer) == []


def test_a_damaged_database_is_one_line(child: Child, stored: None) -> None:
    with open(paths.database_file(), "r+b") as file:
        file.write(b"no database" * 500)
    with serving(agent()):
        kind, text = get()
    assert kind == wire.ERROR
    assert b"damaged" in text
    assert b"\n" not in text


def test_another_home_is_not_served(child: Child) -> None:
    with serving(agent()):
        assert get(state="/another/home")[0] == wire.ELSEWHERE
    assert child.starts() == []


def test_the_passphrase_reaches_the_child_by_a_pipe_only(child: Child) -> None:
    child.does(
        "fd = os.environ.get('CREDGUARD_PASSPHRASE_FD')\n"
        "given = os.read(int(fd), 100) if fd else b'none'\n"
        "whole = str(dict(os.environ)) + str(sys.argv)\n"
        "answer(body=given + (b' leaked' if given.decode() in whole and fd else b''))"
    )
    word = "correct horse"
    with serving(agent()):
        assert get() == (wire.OK, b"none")
        calls.unlock(Secret(word))
        assert calls.status()["unlocked"] is True
        assert get("other") == (wire.OK, word.encode())
        calls.lock()
        assert calls.status()["unlocked"] is False
        assert get("third") == (wire.OK, b"none")


def test_sleep_and_disuse_lock_and_a_session_stays(child: Child) -> None:
    wall, monotonic = [1e9], [0.0]
    clocks = {"wall": lambda: wall[0], "monotonic": lambda: monotonic[0]}
    with serving(agent(**clocks)):
        for passes in ((4000.0, 4000.0), (31.0, 0.0)):
            calls.unlock(Secret("correct horse"))
            child.does(f"answer(body=b'k', long_term=True, expiration={wall[0] + 20000})")
            get("key")
            child.does(f"answer(body=b's', expiration={wall[0] + 20000})")
            get("session")
            wall[0] += passes[0]
            monotonic[0] += passes[1]
            status = calls.status()
            assert status["unlocked"] is False
            assert [each["profile"] for each in status["held"]] == ["session"]  # type: ignore[attr-defined]
            calls.lock()


def test_forgetting_zeroes_the_bytes() -> None:
    held, word = Unlocked(60), bytearray(b"correct horse")
    held.keep(word, 0, 0)
    held.forget()
    assert word == bytes(13)
    held.keep(bytearray(b"another"), 0, 0)
    assert held.expired(59, 59) == ""
    assert held.use(59) == b"another"
    assert held.expired(118, 118) == ""
    assert held.expired(119, 119)


def test_an_agent_alone_ends_without_use_and_one_of_the_service_is_not_stopped(
    child: Child,
) -> None:
    ahead = [0.0]
    with serving(agent("alone", idle=900, monotonic=lambda: time.monotonic() + ahead[0])) as server:
        get()
        ahead[0] = 899
        assert calls.status()["mode"] == "alone"
        ahead[0] += 900
        client.alive(paths.agent_socket())
        until(server._stopping.is_set)
    with serving(agent("service")), pytest.raises(CredguardError, match="background service"):
        calls.stop()


def test_stop_ends_one_that_is_alone(child: Child) -> None:
    with serving(agent("alone", idle=900)) as server:
        calls.stop()
        until(server._stopping.is_set)
