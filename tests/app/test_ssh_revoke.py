"""Taking a key away: moto over HTTP, a real ssh-agent, a real sh."""

import os
import subprocess
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import (
    leak,
    own,
    ssh,
    ssh_agent,
    ssh_askpass,
    ssh_connect,
    ssh_push,
    ssh_revoke,
    ssh_rotate,
)
from credguard.app.context import Context
from credguard.app.ssh_account import Caller
from credguard.atomic import locked
from credguard.errors import Aborted, Busy, CredguardError, Unsupported
from credguard.keypairs.revocation import Kind, Record, State
from credguard.ssh import agent as ssh_agent_program
from credguard.store import leaks, profiles
from credguard.store import ssh as table
from credguard.vault.base import ssh_item
from tests.support import in_memory
from tests.support.cloud import (
    REGIONS,
    Cloud,
    client,
    launch,
    pairs,
    successor,
    terminate,
    with_key,
)
from tests.support.fault_table import Fault
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, cloud: Cloud) -> Context:
    return with_key(simulator)


def item(records: list[Record], kind: Kind) -> list[State]:
    return [each.state for record in records for each in record.items if each.kind is kind]


def test_revoking_an_own_key(ctx: Context, simulator: Simulator, cloud: Cloud, agent: str) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    key, _ = ssh_agent.add_to_agent(ctx, "k", "1h")
    cloud.script(Fault("DeleteKeyPair", "throttled", region="eu-west-1"))
    target = ssh_revoke.Target("k")

    def no(_records: list[Record]) -> None:
        raise Aborted("no")

    with pytest.raises(Aborted):
        ssh_revoke.revoke(ctx, target, agreed=no)
    assert Path(key.path).exists()
    assert ssh_revoke.listed(ctx) == []
    assert ssh.create(ctx, "k", ["us-east-1"]).regions == {"us-east-1": None}  # it is as it was
    records, unread = ssh_revoke.revoke(ctx, target)
    assert unread == {}
    assert sorted(item(records, Kind.PAIR)) == [State.DONE, State.FAILED]
    assert item(records, Kind.FILE) == item(records, Kind.AGENT) == [State.DONE]
    assert not Path(key.path).exists()
    assert ctx.vault.get(ssh_item("k")) is None
    assert pairs(simulator, "us-east-1") == {}
    cloud.script()
    records, _ = ssh_revoke.revoke(ctx, target)
    assert item(records, Kind.PAIR) == [State.DONE, State.DONE]
    assert item(records, Kind.INSTANCE) == [State.OPEN]
    ssh_revoke.tick(ctx, number)
    assert item(ssh_revoke.listed(ctx), Kind.INSTANCE) == [State.DONE]
    with pytest.raises(CredguardError, match="no list has"):
        ssh_revoke.tick(ctx, "nothing")
    with pytest.raises(CredguardError, match="was revoked"):
        ssh.create(ctx, "k", ["us-east-1"])


def test_everything_of_a_leaver(
    ctx: Context, simulator: Simulator, cloud: Cloud, tmp_path: Path
) -> None:
    from credguard.ssh import keys

    line = keys.public_line(keys.new_key(), "bob")
    for region in REGIONS:
        ec2 = client(simulator, region)
        tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "owner", "Value": "bob"}]}]
        ec2.import_key_pair(KeyName="bobs", PublicKeyMaterial=line.encode(), TagSpecifications=tags)
        ec2.close()
    launch(simulator, "eu-west-1", "bobs")
    file = tmp_path / "home" / ".ssh" / "authorized_keys"
    file.parent.mkdir(parents=True)
    file.write_text(f"{line}\n{ssh.chosen(ctx, 'k').public_key}\n")
    cloud.home_of("ec2-user", tmp_path / "home")

    def by_ssm(who: Caller) -> ssh_push.Pusher:
        return ssh_push.Pusher(ctx, who, ssh_connect.Way("ec2-user"), ssh_push.BY_SSM)

    records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target(owner="bob"), push=by_ssm)
    assert item(records, Kind.PAIR) == [State.DONE, State.DONE]
    assert item(records, Kind.INSTANCE) == [State.DONE]
    assert item(records, Kind.FILE) == []
    assert file.read_text() == f"{ssh.chosen(ctx, 'k').public_key}\n"
    assert set(pairs(simulator, "us-east-1")) == {"credguard_k"}
    again, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target(owner="bob"))
    assert [each.kind for each in again[0].left] == [Kind.IMAGES, Kind.SESSIONS, Kind.ELSEWHERE]
    with pytest.raises(CredguardError, match="tagged so"):
        ssh_revoke.revoke(ctx, ssh_revoke.Target(owner="nobody"))


def test_a_lost_laptops_list_is_gone_on_with(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    from credguard.ssh import keys

    line = keys.public_line(keys.new_key(), "bob")
    ec2 = client(simulator, "us-east-1")
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "device", "Value": "lost"}]}]
    ec2.import_key_pair(KeyName="bobs", PublicKeyMaterial=line.encode(), TagSpecifications=tags)
    ec2.close()
    number = launch(simulator, "us-east-1", "bobs")
    ssh_revoke.revoke(ctx, ssh_revoke.Target(device="lost"))
    terminate(simulator, "us-east-1", number)
    records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target(device="lost"))
    assert item(records, Kind.INSTANCE) == [State.DONE]


def test_a_device_that_is_called_as_a_person_has_its_own_list(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    from credguard.ssh import keys

    ec2 = client(simulator, "us-east-1")
    for tag in ("owner", "device"):
        line = keys.public_line(keys.new_key(), tag)
        tags = [{"ResourceType": "key-pair", "Tags": [{"Key": tag, "Value": "ada"}]}]
        ec2.import_key_pair(KeyName=tag, PublicKeyMaterial=line.encode(), TagSpecifications=tags)
    ec2.close()
    of_a_person, of_a_device = ssh_revoke.Target(owner="ada"), ssh_revoke.Target(device="ada")
    (record,), _ = ssh_revoke.revoke(ctx, of_a_person)
    assert ssh_revoke.listed(ctx, of_a_person) == [record]
    assert ssh_revoke.listed(ctx, of_a_device) == []
    (other,), _ = ssh_revoke.revoke(ctx, of_a_device)
    assert other.title == "the SSH key of ada (device)"
    assert ssh_revoke.listed(ctx, of_a_device) == [other]


def test_what_is_ticked_off_is_of_one_list(ctx: Context, cloud: Cloud) -> None:
    ssh.create(ctx, "l", ["us-east-1"])
    for name in ("k", "l"):
        ssh_revoke.revoke(ctx, ssh_revoke.Target(name))
    with pytest.raises(CredguardError, match="several lists"):
        ssh_revoke.tick(ctx, "images")
    (record,) = ssh_revoke.tick(ctx, "images", ssh_revoke.Target("l"))
    assert (record.name, item([record], Kind.IMAGES)) == ("l", [State.DONE])
    (other,) = ssh_revoke.listed(ctx, ssh_revoke.Target("k"))
    assert item([other], Kind.IMAGES) == [State.OPEN]


def test_regions_that_nobody_may_name_are_told(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    cloud.script(Fault("DescribeRegions", "denied"))
    records, failed = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
    assert item(records, Kind.PAIR) == [State.DONE, State.DONE]
    assert list(failed) == ["other regions"]


def test_a_replacement_and_a_revocation_wait_for_each_other(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def during(_records: list[Record]) -> None:
        with pytest.raises(Busy), locked(paths.lock_file("ssh-rotation"), 0.0):
            pass
        raise Aborted("no")

    with pytest.raises(Aborted):
        ssh_revoke.revoke(ctx, ssh_revoke.Target("k"), agreed=during)


def test_a_key_is_out_of_every_agent_that_is_known(
    ctx: Context, simulator: Simulator, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell's and ours, without the public file; a locked one tells nothing."""
    key, _ = ssh_agent.add_to_agent(ctx, "k", "1h")
    Path(key.path + ".pub").unlink()
    ours = ssh_agent.start("1h").variables["SSH_AUTH_SOCK"]
    try:
        ssh_agent_program.add(ssh.private(ctx, key), "k", 3600, socket=ours)
        locked_by = {**os.environ, **ssh_askpass.environment(), "SSH_AUTH_SOCK": ours}
        word = Path(os.environ["HOME"]) / "word"
        word.write_text("#!/bin/sh\necho word\n")
        word.chmod(0o700)
        locked_by["SSH_ASKPASS"] = str(word)
        subprocess.run(["ssh-add", "-x"], env=locked_by, check=True, timeout=20)
        records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
        assert item(records, Kind.AGENT) == [State.FAILED]
        subprocess.run(["ssh-add", "-X"], env=locked_by, check=True, timeout=20)
        records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
        assert item(records, Kind.AGENT) == [State.DONE]
        for socket in (agent, ours):
            environment = {**os.environ, "SSH_AUTH_SOCK": socket}
            assert subprocess.run(["ssh-add", "-l"], env=environment, timeout=20).returncode == 1
    finally:
        ssh_agent.stop()


def test_a_leaked_key_loses_its_pairs_and_stays_here(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    launch(simulator, "us-east-1", "credguard_k")
    own.refresh(ctx)
    place = leaks.Place("ssh-key/k", "/r/.git", "0123", "a", 1, 1.0)
    assert leaks.got_out(ctx.db, place, "the SSH key k", 1.0, 1.0, "by a push")
    cloud.script(Fault("DeleteKeyPair", "denied", region="eu-west-1"))
    (failed,) = leak.answer_due(ctx)
    assert failed.state == leaks.WAITING
    assert "eu-west-1" in failed.answer
    cloud.script()
    leaks.set_state(ctx.db, "ssh-key/k", leaks.WAITING, "", 1.0)
    (answered,) = leak.answer_due(ctx)
    assert answered.state == leaks.ANSWERED
    assert answered.answer.startswith("revoke: ")
    assert "credguard ssh revoke --list" in answered.answer
    assert all(pairs(simulator, region) == {} for region in REGIONS)
    assert Path(ssh.chosen(ctx, "k").path).exists()
    (record,) = ssh_revoke.listed(ctx)
    assert Kind.FILE in {each.kind for each in record.left}
    with pytest.raises(Unsupported, match="was revoked"):
        ssh.create(ctx, "k", REGIONS)
    # Another takes its place where it was.
    assert ssh_rotate.rotate(ctx, "k", None, ssh_rotate.Wanted()).over
    assert all(
        set(pairs(simulator, region)) == {ssh.pair(successor(ctx).name)} for region in REGIONS
    )


def test_a_leaked_key_of_somebody_with_several_profiles(simulator: Simulator, cloud: Cloud) -> None:
    ctx = in_memory.context(simulator, "one", "two")
    ssh.create(ctx, "k", REGIONS, "two")
    own.refresh(ctx)
    place = leaks.Place("ssh-key/k", "/r/.git", "0123", "a", 1, 1.0)
    assert leaks.got_out(ctx.db, place, "the SSH key k", 1.0, 1.0, "by a push")
    (answered,) = leak.answer_due(ctx)
    assert answered.state == leaks.ANSWERED, answered.answer
    assert all(pairs(simulator, region) == {} for region in REGIONS)
    leaks.set_state(ctx.db, "ssh-key/k", leaks.WAITING, "", 1.0)  # as after a crash
    (again,) = leak.answer_due(ctx)
    assert again.state == leaks.ANSWERED, again.answer


def test_a_successor_that_is_taken_away_takes_over_nothing(
    ctx: Context, simulator: Simulator
) -> None:
    launch(simulator, "us-east-1", "credguard_k")
    ssh_rotate.rotate(ctx, "k", None, ssh_rotate.Wanted())
    new = successor(ctx).name
    ssh_revoke.revoke(ctx, ssh_revoke.Target(new))
    assert table.rotations(ctx.db) == []
    assert ssh.chosen(ctx, None).name == "k"
    assert set(pairs(simulator, "us-east-1")) == {"credguard_k"}


def test_a_replacement_in_an_account_that_is_lost_does_not_go_on_for_ever(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    """No profile is of it any more: without a way out the new key could never be replaced."""
    other = "222222222222"
    in_memory.add_profile(ctx, "other", *simulator.elsewhere(other, "dev"))
    ssh.create(ctx, "k", ["us-east-1"], "other")
    assert ssh_rotate.rotate(ctx, "k", "work", ssh_rotate.Wanted()).over
    new = successor(ctx)
    profiles.remove_profile(ctx.db, "other")
    with pytest.raises(CredguardError, match=f"is being replaced in account {other}") as caught:
        ssh_rotate.rotate(ctx, new.name, None, ssh_rotate.Wanted())
    assert "credguard ssh revoke k" in caught.value.hint
    # A leak is answered by nobody's word: what is under way stays.
    ssh_revoke.revoke(ctx, ssh_revoke.Target("k"), parts=ssh_revoke.OF_A_LEAK)
    assert [each.account for each in table.rotations(ctx.db)] == [other]
    records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
    assert [each.account for each in records[0].left if each.kind is Kind.PAIR] == [other]
    assert ssh_rotate.rotate(ctx, new.name, None, ssh_rotate.Wanted()).record.old == new.name
