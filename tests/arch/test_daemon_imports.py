"""What the service keeps in memory: nothing that only its short-lived children need."""

import subprocess
import sys

_CHILDRENS = (
    "bcrypt", "boto3", "botocore", "click", "cryptography", "git", "jeepney", "keyring", "rich",
    "tomlkit", "credguard.app.rotate", "credguard.app.ssh", "credguard.aws", "credguard.keypairs",
    "credguard.rotation", "credguard.sessions", "credguard.ssh",
)  # fmt: skip


def test_the_service_loads_nothing_that_its_children_work_with() -> None:
    # Ready, as `daemon run` is: each part is made from modules that `main` has loaded by then.
    code = "import sys, credguard.daemon.main; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = [
        name
        for name in done.stdout.split()
        if any(name == each or name.startswith(each + ".") for each in _CHILDRENS)
    ]
    assert loaded == []
