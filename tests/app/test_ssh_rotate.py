"""Replacing and revoking a key against an account: moto over HTTP, a real SSH server, a real sh."""

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
from credguard.errors import Aborted, AlreadyExists, Busy, CredguardError, Unsupported
from credguard.keypairs.machine import Line
from credguard.keypairs.revocation import Kind, Record, State
from credguard.ssh import agent as ssh_agent_program
from credguard.store import leaks
from credguard.store import ssh as table
from credguard.vault.base import ssh_item
from tests.support import in_memory
from tests.support.cloud import Cloud, client, launch, pairs, terminate
from tests.support.fault_table import Fault
from tests.support.openssh import Server
from tests.support.simulator import Simulator

REGIONS = ["eu-west-1", "us-east-1"]


@pytest.fixture
def ctx(simulator: Simulator, cloud: Cloud) -> Context:
    made = in_memory.context(simulator, "work")
    ssh.create(made, "k", REGIONS)
    return made


def pusher(ctx: Context, by: str, user: str = "root") -> ssh_rotate.Wanted:
    way = ssh_connect.Way(user)
    return ssh_rotate.Wanted(lambda who: ssh_push.Pusher(ctx, who, way, by), user=user)


NOTHING = ssh_rotate.Wanted()


def successor(ctx: Context) -> table.SshKey:
    (new,) = [key for key in table.keys(ctx.db) if key.name != "k"]
    return new


def test_a_key_on_no_instance_is_replaced_at_once(ctx: Context, simulator: Simulator) -> None:
    outcome = ssh_rotate.rotate(ctx, None, None, NOTHING)
    assert (outcome.over, outcome.failed) == (True, {})
    new = successor(ctx)
    for region in REGIONS:
        (there,) = pairs(simulator, region).values()
        assert there["KeyName"] == ssh.pair(new.name)
        tags = {tag["Key"]: tag["Value"] for tag in there["Tags"]}
        assert (tags["supersedes"], tags["owner"]) == ("credguard_k", "dev")
    old = table.key(ctx.db, "k")
    assert old is not None
    assert old.state == table.REPLACED
    assert Path(old.path).exists()  # it may open other machines
    assert table.registrations(ctx.db, "k") == []
    assert ssh.chosen(ctx, None).name == new.name
    with pytest.raises(AlreadyExists, match="was replaced"):
        ssh.create(ctx, "k", REGIONS)
    assert table.rotations(ctx.db) == []


def test_the_old_pair_stays_while_an_instance_names_it(ctx: Context, simulator: Simulator) -> None:
    number = launch(simulator, "us-east-1", "credguard_k", Name="web")
    outcome = ssh_rotate.rotate(ctx, "k", None, NOTHING)
    assert outcome.why == "1 instance still lets the old key in"
    assert outcome.look.carrying[0].id == number
    assert set(pairs(simulator, "eu-west-1")) == {ssh.pair(successor(ctx).name)}
    assert "credguard_k" in pairs(simulator, "us-east-1")
    old = table.key(ctx.db, "k")
    assert old is not None
    assert old.state == table.DRAINING
    again = ssh_rotate.rotate(ctx, successor(ctx).name, None, NOTHING)  # by the new name too
    assert again.why == outcome.why
    terminate(simulator, "us-east-1", number)
    assert ssh_rotate.rotate(ctx, None, None, NOTHING).over
    assert "credguard_k" not in pairs(simulator, "us-east-1")


def test_a_persons_word_deletes_it_all_the_same(ctx: Context, simulator: Simulator) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    outcome = ssh_rotate.rotate(ctx, "k", None, ssh_rotate.Wanted(finish=True))
    assert outcome.over
    assert set(pairs(simulator, "us-east-1")) == {ssh.pair(successor(ctx).name)}
    # Whoever takes the old key away later is still told of the machine that it opens.
    records, _ = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
    assert [each.subject for each in records[0].left if each.kind is Kind.INSTANCE] == [number]


def test_a_region_that_refuses_is_done_later(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    cloud.script(Fault("ImportKeyPair", "denied", region="eu-west-1"))
    outcome = ssh_rotate.rotate(ctx, "k", None, NOTHING)
    assert list(outcome.failed) == ["eu-west-1"]
    assert "credguard_k" in pairs(simulator, "eu-west-1")
    assert "credguard_k" not in pairs(simulator, "us-east-1")
    cloud.script()
    assert ssh_rotate.rotate(ctx, None, None, NOTHING).over
    assert "credguard_k" not in pairs(simulator, "eu-west-1")


def test_a_pair_of_that_name_with_another_key_is_not_touched(
    ctx: Context, simulator: Simulator
) -> None:
    from credguard.ssh import keys

    ec2 = client(simulator, "eu-west-1")
    ec2.delete_key_pair(KeyName="credguard_k")
    other = keys.public_line(keys.new_key(), "x")
    ec2.import_key_pair(KeyName="credguard_k", PublicKeyMaterial=other.encode())
    ec2.close()
    assert ssh_rotate.rotate(ctx, "k", None, NOTHING).over
    assert "credguard_k" in pairs(simulator, "eu-west-1")
    assert "credguard_k" not in pairs(simulator, "us-east-1")


def test_instances_get_the_new_line_by_instance_connect(
    ctx: Context, simulator: Simulator, cloud: Cloud, machine: Server, agent: str
) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    old = ssh.chosen(ctx, "k")
    machine.authorized.write_text(f"# first\n{old.public_key}")
    outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_CONNECT))
    assert outcome.failed == {}
    assert outcome.record.lines == {number: Line.REPLACED}
    assert outcome.why == "1 instance names the old pair, and lets only the new key in"
    assert machine.authorized.read_text() == f"# first\n{successor(ctx).public_key}\n"
    assert {each["InstanceId"] for each in cloud.sent} == {number}
    assert {each["InstanceOSUser"] for each in cloud.sent} == {"root"}
    assert len({each["SSHPublicKey"] for each in cloud.sent}) == len(cloud.sent)  # one each
    machine.expire()
    ssh_agent.add_to_agent(ctx, "k", "1h")
    assert machine.login("true").returncode == 255  # the old key is refused
    ssh_agent.add_to_agent(ctx, successor(ctx).name, "1h")
    assert machine.login("true").returncode == 0
    ended = ssh_rotate.rotate(ctx, "k", None, ssh_rotate.Wanted(finish=True))
    assert ended.over


def test_a_machine_that_does_not_read_the_file_keeps_the_old_line(
    ctx: Context, simulator: Simulator, machine: Server
) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    config = machine.folder / "config"
    elsewhere = config.read_text().replace(str(machine.authorized), "/nonexistent")
    config.write_text(elsewhere)
    old = ssh.chosen(ctx, "k")
    machine.authorized.write_text(f"{old.public_key}\n")
    outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_CONNECT))
    assert list(outcome.failed) == [number]
    assert "ssh connect" in outcome.failed[number].hint
    assert old.public_key in machine.authorized.read_text()
    assert outcome.record.lines == {number: Line.ADDED}


def test_a_login_by_another_key_proves_nothing(
    ctx: Context, simulator: Simulator, machine: Server, tmp_path: Path
) -> None:
    """A person's ssh_config has a key of its own, and the server does not take the new one."""
    number = launch(simulator, "us-east-1", "credguard_k")
    other = tmp_path / "other"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(other)]
    subprocess.run(command, check=True, timeout=60)
    machine.admit((tmp_path / "other.pub").read_text())
    with (tmp_path / "network" / "config").open("a") as file:
        file.write(f"  IdentityFile {other}\n")
    old = ssh.chosen(ctx, "k")
    machine.authorized.write_text(f"{old.public_key}\n")
    config = machine.folder / "config"
    config.write_text(config.read_text() + "PubkeyAcceptedAlgorithms rsa-sha2-512\n")
    outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_CONNECT))
    assert "nothing is proven" in str(outcome.failed[number])
    assert old.public_key in machine.authorized.read_text()
    assert outcome.record.lines == {number: Line.ADDED}


def test_a_connection_that_is_shared_proves_nothing(
    ctx: Context, simulator: Simulator, machine: Server, tmp_path: Path
) -> None:
    """ControlMaster in a person's ssh_config: the login before the proof would stay open."""
    number = launch(simulator, "us-east-1", "credguard_k")
    with (tmp_path / "network" / "config").open("a") as file:
        file.write("  ControlMaster auto\n  ControlPersist 20\n")
        file.write(f"  ControlPath {tmp_path}/c-%C\n")
    config = machine.folder / "config"
    config.write_text(config.read_text().replace(str(machine.authorized), "/nonexistent"))
    old = ssh.chosen(ctx, "k")
    machine.authorized.write_text(f"{old.public_key}\n")
    outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_CONNECT))
    assert list(outcome.failed) == [number]
    assert "Permission denied" in str(outcome.failed[number])
    assert old.public_key in machine.authorized.read_text()


def test_another_users_file_is_not_done_with_the_firsts(
    ctx: Context, simulator: Simulator, cloud: Cloud, tmp_path: Path
) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    old = ssh.chosen(ctx, "k").public_key
    for user in ("admin", "ubuntu"):
        file = tmp_path / user / ".ssh" / "authorized_keys"
        file.parent.mkdir(parents=True)
        file.write_text("" if user == "admin" else f"{old}\n")
        cloud.home_of(user, tmp_path / user)
        outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_SSM, user))
        # A user whose file has not the old key gets no new one.
        assert outcome.record.lines == ({} if user == "admin" else {number: Line.REPLACED})
    root = tmp_path / "root" / ".ssh" / "authorized_keys"
    root.parent.mkdir(parents=True)
    root.write_text(f"no-pty {old}\n")
    cloud.home_of("root", tmp_path / "root")
    ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_SSM, "root"))
    assert root.read_text() == f"no-pty {successor(ctx).public_key}\n"
    assert file.read_text() == f"{successor(ctx).public_key}\n"


def test_instances_get_the_new_line_by_systems_manager(
    ctx: Context, simulator: Simulator, cloud: Cloud, tmp_path: Path
) -> None:
    number = launch(simulator, "us-east-1", "credguard_k")
    file = tmp_path / "home" / ".ssh" / "authorized_keys"
    file.parent.mkdir(parents=True)
    file.write_text(ssh.chosen(ctx, "k").public_key + "\n")
    cloud.home_of("ec2-user", tmp_path / "home")
    outcome = ssh_rotate.rotate(ctx, "k", None, pusher(ctx, ssh_push.BY_SSM, "ec2-user"))
    assert outcome.failed == {}
    assert outcome.record.lines == {number: Line.REPLACED}
    assert file.read_text() == successor(ctx).public_key + "\n"
    assert cloud.sent == []


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


def test_a_replacement_tells_where_it_could_not_look(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    cloud.script(Fault("DescribeKeyPairs", "denied", region="ap-south-1"))
    cloud.enabled = ["ap-south-1", *REGIONS]
    outcome = ssh_rotate.rotate(ctx, "k", None, NOTHING)
    assert (outcome.over, outcome.look.unseen) == (True, ("ap-south-1",))
    # In another account its pair is still there: what to do is told.
    elsewhere = table.Registration("k", simulator.account, "us-east-1", 1.0)
    table.add_registration(ctx.db, elsewhere)
    with pytest.raises(CredguardError, match="is replaced") as caught:
        ssh_rotate.rotate(ctx, "k", None, NOTHING)
    assert "credguard ssh revoke k" in caught.value.hint


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
    assert ssh_rotate.rotate(ctx, "k", None, NOTHING).over
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
    ssh_rotate.rotate(ctx, "k", None, NOTHING)
    new = successor(ctx).name
    ssh_revoke.revoke(ctx, ssh_revoke.Target(new))
    assert table.rotations(ctx.db) == []
    assert ssh.chosen(ctx, None).name == "k"
    assert set(pairs(simulator, "us-east-1")) == {"credguard_k"}
