"""Ways onto a running instance: EC2 Instance Connect and Systems Manager."""

from contextlib import closing
from dataclasses import dataclass

from credguard.aws.clients import client
from credguard.aws.model import Credentials
from credguard.aws.translate import translated
from credguard.errors import AwsError
from credguard.secret import Secret

DOCUMENT = "AWS-StartSSHSession"


def send_public_key(
    creds: Credentials, region: str, instance_id: str, zone: str, user: str, public_key: str
) -> None:
    """Let `public_key` in as `user` for 60 seconds. Raises AwsError.

    EC2 Instance Connect API, SendSSHPublicKey. That it was taken does not prove that the instance
    runs Instance Connect.
    """
    action = "ec2-instance-connect:SendSSHPublicKey"
    with (
        translated(action, f"{instance_id} in {region}"),
        closing(client("ec2-instance-connect", creds, region)) as connect,
    ):
        answer = connect.send_ssh_public_key(
            InstanceId=instance_id,
            InstanceOSUser=user,
            SSHPublicKey=public_key,
            AvailabilityZone=zone,
        )
    if not answer.get("Success"):
        raise AwsError(f"{action} on {instance_id} was not done", hint="run it again")


@dataclass(frozen=True, slots=True)
class Session:
    """A session with an instance; `response`: what session-manager-plugin takes, a token in it."""

    response: Secret
    region: str
    endpoint: str
    request: str


def start_ssh_session(creds: Credentials, region: str, instance_id: str, port: int) -> Session:
    """Open a session to the SSH server of the instance. Raises AwsError. It ends by itself."""
    import json

    wanted = {
        "Target": instance_id,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [str(port)]},
    }
    with (
        translated("ssm:StartSession", f"{instance_id} in {region}"),
        closing(client("ssm", creds, region)) as ssm,
    ):
        answer = ssm.start_session(**wanted)
        response = {name: answer[name] for name in ("SessionId", "StreamUrl", "TokenValue")}
        endpoint = str(ssm.meta.endpoint_url)
    return Session(Secret(json.dumps(response)), region, endpoint, json.dumps(wanted))


@dataclass(frozen=True, slots=True)
class Command:
    """How a command ended. `status`: SSM's word, such as Success; `output`: its first 24 KB."""

    status: str
    output: str


def send_command(creds: Credentials, region: str, instance_id: str, script: str) -> str:
    """Have the instance run `script` as root; gives the command's id. Raises AwsError."""
    with (
        translated("ssm:SendCommand", f"{instance_id} in {region}"),
        closing(client("ssm", creds, region, once=True)) as ssm,
    ):
        answer = ssm.send_command(
            InstanceIds=[instance_id],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": script.splitlines()},
            TimeoutSeconds=60,
        )
        return str(answer["Command"]["CommandId"])


def command(creds: Credentials, region: str, instance_id: str, command_id: str) -> Command:
    """How the command stands. Raises AwsError (NoSuchEntity: SSM has not taken it up yet)."""
    with (
        translated("ssm:GetCommandInvocation", f"{instance_id} in {region}"),
        closing(client("ssm", creds, region)) as ssm,
    ):
        answer = ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        return Command(str(answer["Status"]), str(answer.get("StandardOutputContent", "")))
