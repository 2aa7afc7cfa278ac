"""Run single rows of the doctor's table, and make a small vault for them to look at."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from credguard import config
from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor.model import Check
from credguard.app.doctor.run import LOOKS, ONLINE, run
from credguard.awsfiles import files
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault.base import key_item
from tests.support import samples


def checks(area: str, name: str) -> list[Check]:
    """What the row says; empty: it does not apply."""
    rows = [each for each in (*LOOKS, *ONLINE) if (each.area, each.name) == (area, name)]
    assert len(rows) == 1
    return run(rows)


def only(area: str, name: str) -> Check:
    """The row's one check."""
    (check,) = checks(area, name)
    return check


def states(area: str, name: str) -> list[str]:
    return [each.state for each in checks(area, name)]


def passphrase_file(home: Path) -> Path:
    """The file vault's passphrase, named in the environment."""
    file = home / "passphrase"
    file.write_text(samples.aws_secret(99) + "\n")
    file.chmod(0o600)
    os.environ["CREDGUARD_PASSPHRASE_FILE"] = str(file)
    return file


def file_vault(home: Path, *names: str) -> Context:
    """A file vault that holds a key for each profile of `names`, with its line."""
    passphrase_file(home)
    config.set_value("vault.backend", "file")
    ctx = Context()
    for number, name in enumerate(names, 1):
        key = profiles.Key(
            samples.aws_key_id(number), "aws", "1" * 12, name, f"U{number}", ctx.now(), "import"
        )
        ctx.vault.put(key_item("aws", key.account, key.key_id), Secret(samples.aws_secret(number)))
        profiles.add_profile(ctx.db, name, key, ctx.now(), consent=True)
        files.set_process(name, keys.command(name))
    return ctx


def shell(command: str, environment: dict[str, str], *, may_fail: bool = False) -> dict[str, str]:
    """Run what a person would type; the environment that their shell has afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        # Not a pipe: what a command leaves running in the background would keep it open.
        after = Path(folder) / "environment"
        program = f"{command}\nstatus=$?; env -0 >'{after}'; exit $status"
        said = Path(folder) / "said"
        with said.open("wb") as output:
            done = subprocess.run(
                ["bash", "-c", program],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=100,
            )
        assert may_fail or done.returncode == 0, (command, said.read_text())
        pairs = (os.fsdecode(row).partition("=") for row in after.read_bytes().split(b"\0") if row)
        return {name: value for name, _, value in pairs}


def launcher(home: Path) -> Path:
    """`credguard` as install.sh writes it, for this interpreter."""
    file = home / ".local" / "bin" / "credguard"
    file.parent.mkdir(parents=True)
    file.write_text(
        "#!/bin/sh\n# credguard launcher, written by install.sh\n"
        f"exec '{sys.executable}' -I -m credguard \"$@\"\n"
    )
    file.chmod(0o755)
    return file


def aws(home: Path, name: str, text: str) -> Path:
    file = home / ".aws" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def plain(seed: int = 7) -> str:
    return (
        f"aws_access_key_id = {samples.aws_key_id(seed)}\n"
        f"aws_secret_access_key = {samples.aws_secret(seed)}\n"
    )
