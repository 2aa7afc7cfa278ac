"""The `cloud` fixture: instances that can be reached, where moto only keeps their records.

A proxy before the simulator, as `faults`, which adds what moto leaves out of EC2 Instance Connect
(a key that lets in for a while), Systems Manager (a command that runs, a session) and EC2 (a region
that is not enabled).
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credguard.app import ssh
from credguard.app.context import Context
from credguard.store import ssh as table
from tests.support import in_memory
from tests.support.faults import FaultProxy
from tests.support.loopback import Reply
from tests.support.openssh import SERVER, Server
from tests.support.simulator import Simulator
from tests.support.wire import Answer, Request, json_answer, refusal


class Cloud(FaultProxy):
    """`sent`: the public keys of SendSSHPublicKey; `commands`: the scripts of SendCommand.

    `enabled`: the account's regions; `disabled`: others, which refuse every key. `server`: the one
    machine behind all instances.
    """

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.sent: list[dict[str, str]] = []
        self.commands: list[str] = []
        self.enabled = ["eu-west-1", "us-east-1"]
        self.disabled: set[str] = set()
        self.folder = folder
        self.server: Server | None = None
        super().__init__(simulator)

    def handle(self, request: Request) -> Reply:
        if request.region in self.disabled and request.service == "ec2":
            return Reply(refusal("invalid-key", request))
        reply = super().handle(request)
        answer = reply.answer
        if answer is None or (answer.status in {401, 403}):
            return reply
        body = json.loads(request.body) if request.header("X-Amz-Target") else {}
        match request.action:
            case "DescribeRegions" if answer.status == 200:
                return Reply(Answer(200, self._regions()))
            case "SendSSHPublicKey" if answer.status == 200:
                return Reply(self._admit(body))
            case "SendCommand":
                return Reply(self._run(answer, body))
            case "GetCommandInvocation":
                return Reply(json_answer(json.loads((self.folder / body["CommandId"]).read_text())))
            case "StartSession":
                session = {"SessionId": "s-1", "StreamUrl": "wss://127.0.0.1:9", "TokenValue": "t"}
                return Reply(json_answer(session))
        return reply

    def _regions(self) -> bytes:
        rows = "".join(f"<item><regionName>{each}</regionName></item>" for each in self.enabled)
        return (
            '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<regionInfo>{rows}</regionInfo></DescribeRegionsResponse>"
        ).encode()

    def _admit(self, body: dict[str, str]) -> Answer:
        self.sent.append(body)
        if self.server is not None:
            self.server.admit(body["SSHPublicKey"])
        return json_answer({"RequestId": "r", "Success": True})

    def _run(self, answer: Answer, body: dict[str, Any]) -> Answer:
        script = "\n".join(body["Parameters"]["commands"]) + "\n"
        self.commands.append(script)
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-s"], input=script, text=True, capture_output=True, timeout=60, env=environment
        )
        number = f"{len(self.commands):036}"
        (self.folder / number).write_text(
            json.dumps(
                {
                    "Status": "Failed" if done.returncode else "Success",
                    "StandardOutputContent": done.stdout,
                }
            )
        )
        return json_answer({"Command": {"CommandId": number}})

    def home_of(self, user: str, home: Path) -> None:
        """The machine's commands find the home of `user` at `home`."""
        getent = self.folder / "bin" / "getent"
        getent.parent.mkdir(exist_ok=True)
        getent.write_text(f'#!/bin/sh\n[ "$2" = {user} ] && echo "{user}:x:1:1::{home}:/bin/sh"\n')
        getent.chmod(0o700)
        become = getent.with_name("su")  # the user is not one of this machine's
        become.write_text(f'#!/bin/sh\n[ "$1 $2 $4" = "{user} -s -c" ] && exec "$3" -c "$5"\n')
        become.chmod(0o700)


def client(simulator: Simulator, region: str, service: str = "ec2") -> Any:
    """A plain client of the simulator's user."""
    import boto3

    return boto3.client(
        service, region, aws_access_key_id=simulator.key_id,
        aws_secret_access_key=simulator.secret.reveal(), endpoint_url=simulator.url,
    )  # fmt: skip


def launch(simulator: Simulator, region: str, key_name: str | None, **tags: str) -> str:
    """An instance, running; gives its id."""
    ec2 = client(simulator, region)
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    tagged = {"TagSpecifications": [{"ResourceType": "instance", "Tags": rows}]} if rows else {}
    keyed = {"KeyName": key_name} if key_name else {}
    made = ec2.run_instances(ImageId="ami-760aaa0f", MinCount=1, MaxCount=1, **keyed, **tagged)
    ec2.close()
    return str(made["Instances"][0]["InstanceId"])


def template(simulator: Simulator, region: str, name: str, *keys: str | None) -> str:
    """A launch template, a version for each of `keys`, of which the second is the default."""
    ec2 = client(simulator, region)
    first, *others = ({"KeyName": key} if key else {"ImageId": "ami-760aaa0f"} for key in keys)
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=first)
    number = str(made["LaunchTemplate"]["LaunchTemplateId"])
    for data in others:
        ec2.create_launch_template_version(LaunchTemplateId=number, LaunchTemplateData=data)
    if others:
        ec2.modify_launch_template(LaunchTemplateId=number, DefaultVersion="2")
    ec2.close()
    return number


def pinned(simulator: Simulator, region: str, template_id: str, version: int) -> None:
    """An Auto Scaling group, of no instance, that stays with that version."""
    scaling = client(simulator, region, "autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=template_id, MinSize=0, MaxSize=1, DesiredCapacity=0,
        AvailabilityZones=[f"{region}a"],
        LaunchTemplate={"LaunchTemplateId": template_id, "Version": str(version)},
    )  # fmt: skip
    scaling.close()


def configuration(simulator: Simulator, region: str, name: str, key: str) -> None:
    """A launch configuration of EC2 Auto Scaling."""
    scaling = client(simulator, region, "autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-760aaa0f", InstanceType="t3.nano", KeyName=key
    )
    scaling.close()


REGIONS = ["eu-west-1", "us-east-1"]


def with_key(simulator: Simulator) -> Context:
    """A context with the profile `work`, whose SSH key `k` is registered in REGIONS."""
    made = in_memory.context(simulator, "work")
    ssh.create(made, "k", REGIONS)
    return made


def successor(ctx: Context) -> table.SshKey:
    """The only key beside `k`."""
    (new,) = [key for key in table.keys(ctx.db) if key.name != "k"]
    return new


def terminate(simulator: Simulator, region: str, instance_id: str) -> None:
    ec2 = client(simulator, region)
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.close()


def pairs(simulator: Simulator, region: str) -> dict[str, dict[str, Any]]:
    """The key pairs there, by name."""
    ec2 = client(simulator, region)
    rows = ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
    ec2.close()
    return {row["KeyName"]: row for row in rows}


@pytest.fixture
def cloud(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    """The proxy, in AWS_ENDPOINT_URL."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    proxy = Cloud(simulator, folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    yield proxy
    proxy.close()


@pytest.fixture
def machine(cloud: Cloud, sshd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """A real SSH server behind every instance of `cloud`; `ssh` finds it whatever the address."""
    import shutil

    cloud.server = sshd
    real = shutil.which("ssh")
    wrapper = tmp_path / "network" / "ssh"
    wrapper.parent.mkdir()
    # The network: whatever the address, the connection ends at the server. After ProxyCommand of
    # our own, since ssh takes the first value.
    wrapper.write_text(
        f'#!/bin/sh\necho "$*" >>"{tmp_path}/ssh-calls"\n'
        f'[ "$1" = -V ] && exec {real} -V\n'
        f'exec {real} -F "{tmp_path}/network/config" "$@"\n'
    )
    wrapper.chmod(0o700)
    (wrapper.parent / "config").write_text(
        f"Host *\n  ProxyCommand {SERVER} -i -f {sshd.folder / 'config'}\n"
        f"  UserKnownHostsFile {sshd.folder / 'known'}\n  StrictHostKeyChecking accept-new\n"
    )
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    return sshd
