"""Replacing and revoking a key against an account: moto over HTTP, a real SSH server, a real sh."""

import re
import subprocess
from pathlib import Path

import pytest

from credguard.app import (
    ssh,
    ssh_agent,
    ssh_connect,
    ssh_push,
    ssh_revoke,
    ssh_rotate,
)
from credguard.app.context import Context
from credguard.errors import AlreadyExists, CredguardError
from credguard.keypairs.machine import Line
from credguard.keypairs.revocation import Kind
from credguard.ssh import config
from credguard.store import ssh as table
from tests.support import in_memory
from tests.support.cloud import (
    REGIONS,
    Cloud,
    client,
    configuration,
    launch,
    pairs,
    pinned,
    successor,
    template,
    terminate,
    with_key,
)
from tests.support.fault_table import Fault
from tests.support.openssh import Server
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, cloud: Cloud) -> Context:
    return with_key(simulator)


OTHER = "222222222222"


def pusher(ctx: Context, by: str, user: str = "root") -> ssh_rotate.Wanted:
    way = ssh_connect.Way(user)
    return ssh_rotate.Wanted(lambda who: ssh_push.Pusher(ctx, who, way, by), user=user)


NOTHING = ssh_rotate.Wanted()


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


def test_a_key_that_asks_before_each_use_is_replaced_by_one_that_does(ctx: Context) -> None:
    table.set_confirm(ctx.db, "k", confirm=True)
    ssh_rotate.rotate(ctx, None, None, NOTHING)
    assert successor(ctx).confirm


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


def test_the_old_pair_stays_while_what_launches_names_it(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    number = template(simulator, "us-east-1", "web", "credguard_k", None, "credguard_k", None)
    pinned(simulator, "us-east-1", number, 3)
    configuration(simulator, "eu-west-1", "batch", "credguard_k")
    outcome = ssh_rotate.rotate(ctx, "k", None, NOTHING)
    # The first version launches nothing, the third does for an Auto Scaling group.
    assert [each.title for each in outcome.look.templates] == [
        "launch configuration batch",
        "launch template web, version 3",
    ]
    assert outcome.why == "2 launch templates name the old pair"
    assert "credguard_k" in pairs(simulator, "us-east-1")
    cloud.script(Fault("DescribeLaunchConfigurations", "denied", region="eu-west-1"))
    outcome = ssh_rotate.rotate(ctx, None, None, NOTHING)
    assert list(outcome.look.untold) == ["eu-west-1"]
    assert "launch templates in eu-west-1 could not be read" in outcome.why
    assert "credguard_k" in pairs(simulator, "eu-west-1")
    assert ssh_rotate.rotate(ctx, None, None, ssh_rotate.Wanted(finish=True)).over
    assert "credguard_k" not in pairs(simulator, "us-east-1")
    # Whoever takes it away is told what launches no more.
    records, failed = ssh_revoke.revoke(ctx, ssh_revoke.Target("k"))
    assert (records[0].left, list(failed)) != ([], [])


def test_a_group_whose_template_is_gone_holds_nothing_up(
    ctx: Context, simulator: Simulator
) -> None:
    """It launches nothing; what another group stays with is seen all the same."""
    gone = template(simulator, "us-east-1", "gone", None, None, "credguard_k", None)
    there = template(simulator, "us-east-1", "web", "credguard_k", None, None)
    pinned(simulator, "us-east-1", gone, 1)
    pinned(simulator, "us-east-1", there, 1)
    ec2 = client(simulator, "us-east-1")
    ec2.delete_launch_template(LaunchTemplateId=gone)
    ec2.close()
    outcome = ssh_rotate.rotate(ctx, "k", None, NOTHING)
    assert (outcome.failed, outcome.look.untold) == ({}, {})
    assert [each.title for each in outcome.look.templates] == ["launch template web, version 1"]


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


def test_a_key_of_several_accounts_is_replaced_by_one_in_each(
    ctx: Context, simulator: Simulator, cloud: Cloud
) -> None:
    in_memory.add_profile(ctx, "other", *simulator.elsewhere(OTHER, "dev"))
    ssh.create(ctx, "k", ["us-east-1"], "other")
    number = launch(simulator, "us-east-1", "credguard_k")
    assert ssh_rotate.reach(ctx, "k") == (["work", "other"], [])
    assert not ssh_rotate.rotate(ctx, "k", "work", NOTHING).over
    new = successor(ctx)
    assert ssh_rotate.reach(ctx, None) == (["work", "other"], [])
    outcome = ssh_rotate.rotate(ctx, "k", "other", NOTHING)
    assert (outcome.over, outcome.record.account) == (True, OTHER)
    assert {each.account for each in table.registrations(ctx.db, new.name)} == {
        simulator.account, OTHER,
    }  # fmt: skip
    old = table.key(ctx.db, "k")
    assert old is not None
    assert old.state == table.DRAINING  # in the first account an instance has it
    terminate(simulator, "us-east-1", number)
    assert ssh_rotate.reach(ctx, None) == (["work"], [])
    assert ssh_rotate.rotate(ctx, None, "work", NOTHING).over
    old = table.key(ctx.db, "k")
    assert old is not None
    assert old.state == table.REPLACED
    # An account that no profile is of is told, and holds nothing up.
    table.add_registration(ctx.db, table.Registration(new.name, "333333333333", "us-east-1", 1.0))
    assert ssh_rotate.reach(ctx, None) == (["work", "other"], ["333333333333"])


def test_ssh_is_told_of_the_new_key_after_a_crash_too(ctx: Context, simulator: Simulator) -> None:
    """The switch is journalled, then ssh's settings are written: here they cannot be."""
    ssh_agent.configure(ctx, [], None)
    number = launch(simulator, "us-east-1", "credguard_k")
    ours = Path(config.path())
    before = ours.read_text()
    ours.unlink()
    ours.mkdir()
    with pytest.raises(CredguardError, match=re.escape(str(ours))):
        ssh_rotate.rotate(ctx, "k", None, NOTHING)
    ours.rmdir()
    ours.write_text(before)
    assert not ssh_rotate.rotate(ctx, "k", None, NOTHING).over, number
    assert f'IdentityFile "{successor(ctx).path}"' in ours.read_text()


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
