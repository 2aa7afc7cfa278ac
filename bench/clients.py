"""The clients of AWS that people use, through credential_process, with the key only in the vault.

Run, after ./install.sh --test: .venv-dev/bin/python bench/clients.py
The AWS CLI is installed into a throw-away environment (it pins its own botocore), the JavaScript
SDK by npm; without npm it says so. Each asks STS who it is, against the local simulator.
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
    shell = 'echo "$(aws --version | cut -d" " -f1 | cut -d/ -f2)" "$(aws sts get-caller-identity'
    return [
        "sh",
        "-c",
        f'PATH={home}/cli/bin:$PATH; {shell} --profile work --query Arn --output text)"',
    ]


def javascript(home: Path) -> list[str]:
    packages = ["@aws-sdk/client-sts", "@aws-sdk/credential-providers"]
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home / "js"), *packages])
    (home / "js/who.mjs").write_text(JAVASCRIPT)
    return ["sh", "-c", f"cd {home}/js && node who.mjs"]


def show(name: str, command: list[str]) -> None:
    began = time.perf_counter()
    version, arn = run(command).split()
    took = (time.perf_counter() - began) * 1000
    if not arn.endswith(":user/dev"):
        sys.exit(f"{name} is {arn}")
    print(f"  {name:12}{version:10}{arn}  {took:6.0f} ms")


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
            show("boto3", [sys.executable, "-c", BOTO3])
            show("AWS CLI", cli)
            if js is None:
                print("  JavaScript  not run: there is no npm")
            else:
                show("JavaScript", js)
            files = [each for each in home.rglob("*") if each.is_file()]
            held = [each for each in files if secret.encode() in each.read_bytes()]
            print(f"  files below the home with the secret in plaintext: {len(held)}")
            sys.exit(1 if held else 0)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
