"""What the demo shows. A step runs the real commands, then proves by other means what they did.

Each gives the lines to tell the person; it raises DemoFailed when a claim does not hold.
"""

import json
import os
import secrets
import shlex
import signal
import stat
import string
import sys
from collections.abc import Callable
from dataclasses import dataclass

from credguard.demo.world import REGION, DemoFailed, Result, World, parsed, wait_until

_PROFILE = "default"
_WHO = """
import boto3
print(boto3.Session(profile_name="default").client("sts").get_caller_identity()["Arn"])
"""
_KEYS = """
import boto3, json
iam = boto3.Session(profile_name="default").client("iam")
found = iam.list_access_keys(UserName="demo-developer")["AccessKeyMetadata"]
print(json.dumps({key["AccessKeyId"]: key["Status"] for key in found}))
"""
_REFUSED = """
import boto3, botocore.exceptions, sys
key_id, secret = sys.stdin.read().split()
sts = boto3.client("sts", aws_access_key_id=key_id, aws_secret_access_key=secret)
try:
    print(sts.get_caller_identity()["Arn"])
except botocore.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
    sys.exit(1)
"""
_PAIRS = """
import boto3, json
ec2 = boto3.Session(profile_name="default").client("ec2", region_name="us-east-1")
print(json.dumps([pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]]))
"""


@dataclass(frozen=True, slots=True)
class Step:
    """`run` does and proves it; `claim` is what holds afterwards; `doing` is for the narration."""

    title: str
    doing: str
    claim: str
    run: Callable[[World], list[str]]


def _require(held: bool, otherwise: str) -> None:
    if not held:
        raise DemoFailed(otherwise)


def _short(key_id: str) -> str:
    return f"{key_id[:4]}...{key_id[-4:]}"


def _planted() -> tuple[str, str]:
    """A random key of the real shape, that opens nothing."""
    key_id = (
        "AK" + "IA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in "x" * 16)
    )
    alphabet = string.ascii_letters + string.digits + "+/"
    return key_id, "".join(secrets.choice(alphabet) for _ in "x" * 40)


def _key_lines(key_id: str, secret: str) -> str:
    return f"aws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"


def _remote_keys(world: World) -> dict[str, str]:
    found: dict[str, str] = parsed(world.sdk(_KEYS).out, "boto3")
    return found


def before(world: World) -> list[str]:
    """A home as so many are: a working key in plaintext."""
    world.start_simulator()
    secret = world.first_secret.reveal()
    lines = _key_lines(world.first_key, secret)
    world.write(
        world.path(".aws", "credentials"), f"# my keys, do not lose\n[default]\n{lines}", 0o644
    )
    world.write(world.path(".aws", "config"), f"[default]\nregion = {REGION}\n")
    who = world.sdk(_WHO).out.strip()
    return [
        f"a local AWS answers on {world.url}",
        f"~/.aws/credentials holds {_short(world.first_key)} in plaintext; with it you are {who}",
    ]


def choose_vault(world: World) -> list[str]:
    """The encrypted file, and everything set up without a question."""
    world.credguard("config", "set", "vault.backend", "file")
    world.credguard("init", "--yes")
    backend = _status(world)["vault_backend"]
    _require(backend == "file", f"the vault is {backend!r}, not the encrypted file")
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        world.credguard("config", "set", f"rotation.{name}", "0s")
        now = world.credguard("config", "get", f"rotation.{name}", quiet=True).out.strip()
        _require(now == "0s", f"rotation.{name} is {now!r}")
    return ["the vault is an encrypted file; waiting times are zero, for this demo only"]


def import_keys(world: World) -> list[str]:
    """The key moves into the vault; no plaintext stays."""
    world.credguard("import", "--all", "--yes")
    left = world.files_holding(world.first_secret.reveal())
    _require(not left, f"the secret still lies in plaintext in {', '.join(left)}")
    with open(world.path(".aws", "config"), encoding="utf-8") as file:
        _require("credential_process" in file.read(), "~/.aws/config names no credential_process")
    rows = world.asked("list")
    _require(_PROFILE in json.dumps(rows), "credguard list does not show the profile")
    files = sum(len(names) for _, _, names in os.walk(world.home))
    return [f"looked through {files} files in the home: the secret is in none of them"]


def hand_out(world: World) -> list[str]:
    """AWS tools work as before, and so does a command under exec."""
    who = world.sdk(_WHO).out.strip()
    _require(who.endswith(f":user/{world.user}"), f"through credential_process you are {who!r}")
    code = _WHO.replace('Session(profile_name="default")', "Session()")
    command = (sys.executable, "-I", "-c", code)
    inside = world.credguard("exec", _PROFILE, "--", *command).out.strip()
    _require(inside == who, f"under exec you are {inside!r}")
    return [f"boto3, unchanged, asks credguard and is {who}", "credguard exec gives the same"]


def rotate(world: World) -> list[str]:
    """A new key takes over; the old one is switched off, then deleted."""
    keys: dict[str, str] = {}
    for _ in range(4):  # create and switch, deactivate, delete: a call may do one or all
        world.credguard("rotate", "--all", "--yes")
        keys = _remote_keys(world)
        if len(keys) == 1 and world.first_key not in keys:
            break
    _require(world.first_key not in keys, f"the old key still exists in IAM: {keys}")
    _require(list(keys.values()) == ["Active"], f"not exactly one active key in IAM: {keys}")
    pair = f"{world.first_key}\n{world.first_secret.reveal()}\n"
    refused = world.sdk(_REFUSED, stdin=pair, ok=(0, 1))
    _require(refused.code == 1, "AWS still accepts the old key")
    who = world.sdk(_WHO).out.strip()
    (new,) = keys
    return [
        f"IAM holds one key: {_short(new)}; {_short(world.first_key)} is gone",
        f"the old key, tried directly, is refused ({refused.out.strip()})",
        f"boto3 goes on with the new one, unchanged: {who}",
    ]


def _masked_report(result: Result, name: str, secret: str) -> None:
    said = result.out + result.err
    _require(name in said, f"the report does not name {name}: {said}")
    _require(secret not in said, "the report shows the secret itself")


def scan(world: World) -> list[str]:
    """A secret in a file is found, its value masked."""
    key_id, secret = _planted()
    folder = world.path("notes")
    world.write(os.path.join(folder, "deploy.cfg"), "[aws]\n" + _key_lines(key_id, secret))
    world.write(os.path.join(folder, "readme.txt"), "nothing to see\n")
    found = world.credguard("scan", folder, ok=(1,))
    _masked_report(found, "deploy.cfg", secret)
    os.unlink(os.path.join(folder, "deploy.cfg"))
    world.credguard("scan", folder)
    return ["exit code 1 with the planted key, its value masked; exit code 0 without it"]


def _git(world: World, *arguments: str, ok: tuple[int, ...] = (0,)) -> Result:
    if arguments[0] in ("add", "commit"):
        world.tell(f"$ git {shlex.join(arguments)}")
    return world.run("git", *arguments, cwd=world.path("project"), ok=ok)


def hook(world: World) -> list[str]:
    """A commit with a secret is blocked, a clean one passes without a word."""
    os.mkdir(world.path("project"))
    _git(world, "init", "--quiet", "--initial-branch=main")
    world.credguard("hook", "install", cwd=world.path("project"))
    key_id, secret = _planted()
    settings = world.path("project", "settings.ini")
    world.write(settings, _key_lines(key_id, secret))
    _git(world, "add", "settings.ini")
    blocked = _git(world, "commit", "--quiet", "-m", "add settings", ok=(1,))
    _masked_report(blocked, "settings.ini", secret)
    _git(world, "rev-parse", "--verify", "--quiet", "HEAD", ok=(1,))
    world.write(settings, "profile = default\n")
    _git(world, "add", "settings.ini")
    clean = _git(world, "commit", "--quiet", "-m", "add settings")
    _require(not clean.out + clean.err, f"the clean commit said: {clean.out}{clean.err}")
    count = _git(world, "rev-list", "--count", "HEAD").out.strip()
    _require(count == "1", f"the repository holds {count} commits, not one")
    shown = blocked.err.strip().splitlines() or blocked.out.strip().splitlines()
    return [
        "git commit was stopped:",
        *(f"    {line}" for line in shown),
        "a clean one then passed without a word",
    ]


def watch(world: World) -> list[str]:
    """The background service sees a secret while the file is still open."""
    folder = world.path("downloads")
    os.mkdir(folder)
    world.credguard("watch", "add", folder)
    world.tell("$ credguard daemon run")
    daemon = world.start(sys.executable, "-I", "-m", "credguard", "daemon", "run")
    wait_until(lambda: _status(world)["daemon"] == "running", "the daemon did not start")
    key_id, secret = _planted()
    world.tell("$ echo ... > ~/downloads/export.env")
    world.write(os.path.join(folder, "export.env"), _key_lines(key_id, secret))
    wait_until(
        lambda: "export.env" in json.dumps(_status(world)["open_findings"]),
        "the daemon did not notice the planted key",
    )
    _require(secret not in json.dumps(_status(world)), "the stored finding holds the secret")
    world.tell("$ rm ~/downloads/export.env")
    os.unlink(os.path.join(folder, "export.env"))
    wait_until(lambda: not _status(world)["open_findings"], "the finding outlives its file")
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(30)
    _require(code == 0, f"the daemon ended with exit code {code}")
    return [
        "the planted key in a watched folder was found, and closed when its file went",
        "on SIGTERM the service ended cleanly",
    ]


def _status(world: World) -> dict[str, object]:
    found: dict[str, object] = world.asked("status")
    return found


def ssh(world: World) -> list[str]:
    """An own SSH key, its passphrase in the vault, registered in EC2."""
    world.tell(f"$ credguard ssh create --regions {REGION} --profile {_PROFILE}")
    created = world.asked("ssh", "create", "--regions", REGION, "--profile", _PROFILE)
    path = created["private_key"]
    mode = stat.S_IMODE(os.stat(path).st_mode)
    _require(os.name == "nt" or mode & 0o077 == 0, f"{path} can be read by others: {mode:o}")
    _require(not _opens_without_passphrase(path), "the private key opens without a passphrase")
    pairs = parsed(world.sdk(_PAIRS).out, "boto3")
    _require(created["key_pair"] in pairs, f"EC2 knows only {pairs}")
    return [f"EC2 knows the key pair {created['key_pair']}; the private key needs its passphrase"]


def _opens_without_passphrase(path: str) -> bool:
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    with open(path, "rb") as file:
        data = file.read()
    try:
        load_ssh_private_key(data, password=None)
    except TypeError:  # what it raises for an encrypted key and no password
        return False
    except ValueError as exc:
        raise DemoFailed(f"{path} is no OpenSSH private key: {exc}") from exc
    return True


def overview(world: World) -> list[str]:
    """Everything on one screen."""
    shown = world.credguard("status").out.replace(world.home, "~")
    _require("Vault" in shown and _PROFILE in shown, f"status is incomplete: {shown}")
    return [f"    {line}" for line in shown.rstrip().splitlines()]


STEPS = (
    Step(
        "Before",
        "a home as so many are, with a key in a file that anybody can read",
        "a working key lies in plaintext",
        before,
    ),
    Step("Vault", "a place for secrets", "the vault is ready", choose_vault),
    Step("Import", "the key moves into the vault", "no plaintext is left", import_keys),
    Step("Use", "AWS tools go on as before", "keys are handed out on demand", hand_out),
    Step(
        "Rotation",
        "a new key takes over, the old one is deactivated, then deleted",
        "the key is new, the old one gone",
        rotate,
    ),
    Step("Scan", "a secret planted in a folder", "a secret in a file is found", scan),
    Step("Git hook", "a secret on its way into a commit", "a secret is not committed", hook),
    Step(
        "Watcher",
        "the background service, while a secret is saved to a file",
        "a secret is noticed at once",
        watch,
    ),
    Step("SSH", "a key of your own instead of a shared one", "the key is registered", ssh),
    Step("Status", "everything on one screen", "it is all on one screen", overview),
)
