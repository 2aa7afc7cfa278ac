"""A new user's home broken in many ways, mended by typing what `credguard doctor` says."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.context import Context
from credguard.store import profiles
from tests.support import samples
from tests.support.checks import aws, launcher, passphrase_file, shell
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")

# Where no manager of user services runs, one cannot be installed.
_NO_MANAGER = {("Service and agent", "running")}


def doctor(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["credguard", "doctor", *options],
        env=environment, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wrong(environment: dict[str, str]) -> list[dict[str, str]]:
    done = doctor(environment, "--json")
    assert done.stderr == ""
    found = [each for each in json.loads(done.stdout) if each["state"] != "ok"]
    found = [each for each in found if (each["area"], each["name"]) not in _NO_MANAGER]
    bad = any(each["state"] in ("FAIL", "UNKNOWN") for each in found)
    assert done.returncode == (2 if bad else 0)
    return found


@pytest.fixture
def environment(poisoned: Path, simulator: Simulator) -> dict[str, str]:
    """The environment of a person's shell, in a home where all is well."""
    passphrase_file(poisoned)
    bin_folder = launcher(poisoned).parent
    found = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    aws(poisoned, "credentials", _plain(simulator))
    subprocess.run(["git", "init", "-q", poisoned / "project"], check=True)
    (poisoned / "watched").mkdir()
    for command in (
        "config set vault.backend file", "import --all --yes", "hook install ~/project",
        "watch add ~/watched",
    ):  # fmt: skip
        found = shell(f"credguard {command}", found)
    ctx = Context()
    profiles.set_consent(ctx.db, "work")
    ctx.db.close()
    assert wrong(found) == []
    return found


def _plain(simulator: Simulator) -> str:
    return (
        f"[work]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
    )


def break_it(home: Path, simulator: Simulator, environment: dict[str, str]) -> dict[str, str]:
    aws(home, "credentials", _plain(simulator))  # a key that beats the vault's
    config_file = home / ".aws" / "config"
    text = config_file.read_text().replace("process = /", "process = /gone/")
    role = "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = wrok\n"
    config_file.write_text(text + role)
    session = {"Credentials": {"SecretAccessKey": "x", "Expiration": "2101-01-01T00:00:00Z"}}
    (home / ".aws" / "cli" / "cache").mkdir(parents=True)
    (home / ".aws" / "cli" / "cache" / "a.json").write_text(json.dumps(session))
    (home / ".aws").chmod(0o777)
    (home / "passphrase").chmod(0o644)
    Path(paths.state_dir()).chmod(0o777)
    (home / "watched").rmdir()
    git = ["git", "-C", str(home / "project"), "config", "core.hooksPath", ".husky"]
    subprocess.run(git, check=True)
    settings = Path(paths.config_file())
    settings.write_text(settings.read_text() + "backedn = 1\n")
    address = Path(paths.agent_socket())
    address.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": samples.aws_key_id(5),
        "AWS_SECRET_ACCESS_KEY": samples.aws_secret(5),
        "AWS_PROFILE": "wrok",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def by_hand(check: dict[str, str], home: Path) -> None:
    """The two whose fix is an edit, made as the text says."""
    if check["name"] == "source_profile":
        assert "correct source_profile of [role]" in check["fix"]
        assert "work" in check["fix"].split("there are: ")[1]
        file = home / ".aws" / "config"
        file.write_text(file.read_text().replace("= wrok", "= work"))
    if check["name"] == "config.toml":
        assert "line" in check["said"]
        file = Path(paths.config_file())
        file.write_text(file.read_text().replace("backedn = 1\n", ""))


def test_a_broken_home_is_mended_by_the_doctors_text_alone(
    environment: dict[str, str], poisoned: Path, simulator: Simulator
) -> None:
    environment = break_it(poisoned, simulator, environment)
    seen: set[str] = set()
    secrets = (simulator.secret.reveal(), samples.aws_secret(5), samples.aws_secret(99))
    said = doctor(environment, "--verbose").stdout
    assert not any(each in said for each in secrets)
    for _ in range(4):
        found = wrong(environment)
        if not found:
            break
        seen |= {each["said"] for each in found if each["state"] != "UNKNOWN"}
        for check in found:
            by_hand(check, poisoned)
        commands = [
            line.removeprefix("run: ")
            for check in found
            for line in check["fix"].splitlines()
            if line.startswith("run: ")
        ]
        # What two checks say is typed once; modes first, since the rest needs them.
        order = sorted(dict.fromkeys(commands), key=lambda each: not each.startswith("chmod"))
        for command in order:
            # One may need what another mends: then the next round says it again.
            environment = shell(command, environment, may_fail=True)
    assert wrong(environment) == []
    assert len(seen) >= 13
    assert simulator.secret.reveal() not in (poisoned / ".aws" / "credentials").read_text()
    summary = doctor(environment).stdout.splitlines()[-1]
    assert "nothing is wrong" in summary or "all is well" in summary


def test_the_text_fits_80_columns_and_is_quiet_about_what_is_well(
    environment: dict[str, str], poisoned: Path, simulator: Simulator
) -> None:
    quiet = doctor(environment)
    assert quiet.returncode == 0
    assert "ok " not in quiet.stdout
    assert "state database" in doctor(environment, "--verbose").stdout
    broken = doctor(break_it(poisoned, simulator, environment))
    assert broken.returncode == 2
    for line in broken.stdout.splitlines():
        words = line.split()
        assert len(line) <= 80 or len(max(words, key=len)) > 60 or line.lstrip().startswith("$ ")
