"""The clients of AWS that people use, through credential_process, with the key only in the vault.

Run, after ./install.sh --test: .venv-dev/bin/python bench/clients.py
The AWS CLI is installed into a throw-away environment (it pins its own botocore), the JavaScript
SDK by npm. Each asks STS who it is, against the local simulator. Exit code 1: one failed, or was
not run since there is no npm.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from credguard.demo import simulator as local_aws  # noqa: E402

BOTO3 = """
import boto3
who = boto3.Session(profile_name="work").client("sts").get_caller_identity()
print(boto3.__version__, who["Arn"])
"""
JAVASCRIPT = """
import { readFileSync } from "node:fs";
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { fromProcess } from "@aws-sdk/credential-providers";
const sts = new STSClient({ credentials: fromProcess({ profile: "work" }),
                            endpoint: process.env.AWS_ENDPOINT_URL });
const who = await sts.send(new GetCallerIdentityCommand({}));
const about = readFileSync("node_modules/@aws-sdk/client-sts/package.json");
console.log(JSON.parse(about).version, who.Arn);
"""


def run(command: list[str], where: Path = ROOT, stdin: str = "") -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, cwd=where, check=False, timeout=600
    )
    if done.returncode:
        sys.exit(f"{command[:4]} gave {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def aws_cli(home: Path) -> list[str]:
    run([sys.executable, "-m", "venv", str(home / "cli")])
    run([str(home / "cli/bin/pip"), "install", "--quiet", "awscli"])
    version = 'aws --version | cut -d" " -f1 | cut -d/ -f2'
    who = "aws sts get-caller-identity --profile work --query Arn --output text"
    return ["sh", "-c", f"PATH={home}/cli/bin:$PATH; {version}; {who}"]


def javascript(home: Path) -> list[str]:
    packages = ["@aws-sdk/client-sts", "@aws-sdk/credential-providers"]
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home / "js"), *packages])
    (home / "js/who.mjs").write_text(JAVASCRIPT)
    return ["sh", "-c", f"cd {home}/js && node who.mjs"]


def shown(name: str, command: list[str] | None) -> bool:
    """Print a line of the table; whether the client got what it should."""
    if command is None:
        print(f"  {name:12}not run: there is no npm")
        return False
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    took = (time.perf_counter() - began) * 1000
    words = done.stdout.split()
    if done.returncode or len(words) != 2 or not words[1].endswith(":user/dev"):
        print(f"  {name:12}FAILED, exit code {done.returncode}: {done.stdout}{done.stderr[-500:]}")
        return False
    print(f"  {name:12}{words[0]:10}{words[1]}  {took:6.0f} ms")
    return True


def main() -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "CREDGUARD_", "XDG_")):
            del os.environ[name]
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        cli = aws_cli(home)
        js = javascript(home) if shutil.which("npm") else None
        server = local_aws.start()
        key_id, secret = local_aws.seed_user(server.url, "dev")
        (home / "passphrase").write_text("correct horse battery")
        (home / "passphrase").chmod(0o600)
        (home / "run").mkdir(mode=0o700)
        os.environ |= {
            "HOME": made,
            "XDG_RUNTIME_DIR": str(home / "run"),
            "CREDGUARD_PASSPHRASE_FILE": str(home / "passphrase"),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        credguard = [sys.executable, "-m", "credguard"]
        run([*credguard, "config", "set", "vault.backend", "file"])
        run([*credguard, "add", "work"], stdin=f"{key_id}\n{secret}\n")
        try:
            print("STS GetCallerIdentity through credential_process:")
            clients = {"boto3": [sys.executable, "-c", BOTO3], "AWS CLI": cli, "JavaScript": js}
            answered = [shown(name, command) for name, command in clients.items()]
            files = [each for each in home.rglob("*") if each.is_file()]
            held = [each for each in files if secret.encode() in each.read_bytes()]
            print(f"  files below the home with the secret in plaintext: {len(held)}")
            sys.exit(0 if all(answered) and not held else 1)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
