"""`credguard ssh connect`: a real ssh to a real server, with a key that EC2 takes for a minute."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import ssh, ssh_connect
from credguard.app.context import Context
from credguard.app.ssh_account import Caller, caller
from credguard.errors import CredguardError, NotPermitted, Unsupported
from credguard.ssh import agent
from tests.support import in_memory
from tests.support.cloud import Cloud, client, launch
from tests.support.daemon import until
from tests.support.fault_table import Fault
from tests.support.openssh import SERVER, Server
from tests.support.person import vault_with_key
from tests.support.simulator import Simulator

ROOT = ssh_connect.Way("root")


@pytest.fixture
def ctx(simulator: Simulator, cloud: Cloud) -> Context:
    return in_memory.context(simulator, "work")


@pytest.fixture
def who(ctx: Context) -> Caller:
    return caller(ctx)


def address(simulator: Simulator, region: str, number: str) -> str:
    ec2 = client(simulator, region)
    (row,) = ec2.describe_instances(InstanceIds=[number])["Reservations"][0]["Instances"]
    ec2.close()
    return str(row["PrivateIpAddress"])


def test_an_instance_by_each_of_its_names(
    ctx: Context, who: Caller, simulator: Simulator, cloud: Cloud
) -> None:
    web = launch(simulator, "us-east-1", None, Name="web *1")
    twin = [launch(simulator, region, None, Name="twin") for region in ("us-east-1", "eu-west-1")]
    regions = ["us-east-1", "eu-west-1"]
    for name in (web, "web *1", address(simulator, "us-east-1", web)):
        found = ssh_connect.find(who, regions, name)
        assert (found.id, found.region, found.zone[:9]) == (web, "us-east-1", "us-east-1")
    assert ssh_connect.find(who, ["eu-west-1"], "twin").id == twin[1]
    with pytest.raises(CredguardError, match="the name of several"):
        ssh_connect.find(who, regions, "twin")
    with pytest.raises(CredguardError, match="no instance w\\* in"):
        ssh_connect.find(who, regions, "w*")
    with pytest.raises(CredguardError, match="no instance web") as caught:
        ssh_connect.find(who, ["eu-west-1"], "web *1")
    assert "--all-regions" in caught.value.hint
    cloud.script(Fault("DescribeInstances", "denied", region="eu-west-1"))
    assert ssh_connect.find(who, regions, "web *1").id == web
    with pytest.raises(NotPermitted):
        ssh_connect.find(who, regions, "absent")


def test_a_login_with_a_key_for_one_connection(
    ctx: Context,
    who: Caller,
    simulator: Simulator,
    cloud: Cloud,
    machine: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    number = launch(simulator, "us-east-1", None)
    found = ssh_connect.find(who, ["us-east-1"], number)
    seen = tmp_path / "seen"
    # What lies on the disk while the connection is there: ssh's own PermitLocalCommand looks.
    look = f"find {tmp_path / 'tmp'} -type f -exec cat {{}} + >{seen}"
    arguments = ["-o", "PermitLocalCommand=yes", "-o", f"LocalCommand={look}"]
    code = ssh_connect.connect(
        ctx, who, found, ROOT, [*arguments, f"echo in >{tmp_path}/ran; exit 7"]
    )
    assert code == 7
    assert (tmp_path / "ran").read_text() == "in\n"
    (sent,) = cloud.sent
    assert sent["InstanceId"] == number
    assert sent["AvailabilityZone"] == found.zone
    assert seen.read_text().split()[:2] == sent["SSHPublicKey"].split()[:2]
    assert "PRIVATE" not in seen.read_text()
    assert list((tmp_path / "tmp").iterdir()) == []
    # One that comes too late is refused.
    with ssh_connect.reached(ctx, who, found, ROOT) as command:
        machine.expire()
        assert os.spawnvp(os.P_WAIT, "ssh", [*command, "-o", "BatchMode=yes", "true"]) == 255


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_an_agent_of_our_own_ends_with_us(number: int, tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from credguard.ssh.openssh import own_agent\n"
        "with own_agent(sys.argv[1]) as path:\n"
        "    print(path, flush=True)\n"
        "    time.sleep(100)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]  # ssh-agent looks every ten seconds
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        assert agent.answers(path)
        process.send_signal(number)
    until(lambda: not agent.answers(path), 30)


def test_with_a_key_of_ones_own_nothing_is_sent(
    ctx: Context, who: Caller, simulator: Simulator, cloud: Cloud, machine: Server
) -> None:
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    machine.authorized.write_text(key.public_key + "\n")
    found = ssh_connect.find(who, ["us-east-1"], launch(simulator, "us-east-1", "credguard_k"))
    assert ssh_connect.connect(ctx, who, found, ssh_connect.Way("root", key="k"), ["true"]) == 0
    assert cloud.sent == []


def test_through_systems_manager(
    simulator: Simulator,
    cloud: Cloud,
    machine: Server,
    poisoned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stand-in for AWS's plugin, which notes what it was given and ends at the real server."""
    ctx = vault_with_key(simulator, poisoned, monkeypatch)
    who = caller(ctx)
    way = ssh_connect.Way("root", ssm=True)
    found = ssh_connect.find(who, ["us-east-1"], launch(simulator, "us-east-1", None))
    with pytest.raises(Unsupported, match="session-manager-plugin is not installed"):
        ssh_connect.connect(ctx, who, found, way, ["true"])
    plugin = tmp_path / "network" / ssh_connect.PLUGIN
    plugin.write_text(
        f'#!/bin/sh\nfor each; do printf "%s\\n" "$each"; done >{tmp_path}/given\n'
        f'echo "$AWS_SSM_START_SESSION_RESPONSE" >{tmp_path}/response\n'
        f"exec {SERVER} -i -f {machine.folder / 'config'}\n"
    )
    plugin.chmod(0o700)
    assert ssh_connect.connect(ctx, who, found, way, ["-p", "2222", "true"]) == 0
    name, region, operation, profile, request, endpoint = (
        (tmp_path / "given").read_text().split("\n")[:-1]
    )
    assert (name, region, operation) == (ssh_connect.RESPONSE, "us-east-1", "StartSession")
    assert json.loads(request) == {
        "Target": found.id,
        "DocumentName": "AWS-StartSSHSession",
        "Parameters": {"portNumber": ["2222"]},
    }
    assert (profile, endpoint) == ("", cloud.url)
    assert json.loads((tmp_path / "response").read_text())["TokenValue"] == "t"
    assert {each["InstanceId"] for each in cloud.sent} == {found.id}


def test_what_cannot_be_connected_to(
    ctx: Context, who: Caller, simulator: Simulator, cloud: Cloud
) -> None:
    number = launch(simulator, "us-east-1", None)
    found = ssh_connect.find(who, ["us-east-1"], number)
    cloud.script(Fault("SendSSHPublicKey", "denied"))
    with pytest.raises(NotPermitted) as caught:
        ssh_connect.connect(ctx, who, found, ROOT, [])
    assert "ec2-instance-connect:SendSSHPublicKey" in caught.value.hint
    assert "--key NAME" in caught.value.hint
    with pytest.raises(Unsupported, match="no user name"):
        ssh_connect.check(ssh_connect.Way("-oProxyCommand=x"))
    ec2 = client(simulator, "us-east-1")
    ec2.stop_instances(InstanceIds=[number])
    stopped = ssh_connect.find(who, ["us-east-1"], number)
    with pytest.raises(CredguardError, match="is stopped"):
        ssh_connect.connect(ctx, who, stopped, ROOT, [])
    made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    windows = ssh_connect.find(who, ["us-east-1"], made["Instances"][0]["InstanceId"])
    with pytest.raises(Unsupported, match="Windows"):
        ssh_connect.connect(ctx, who, windows, ROOT, [])
    ec2.close()
