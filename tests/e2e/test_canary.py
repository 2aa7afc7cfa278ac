"""No secret in any byte written, any argument, any environment, any core dump: every process seen.

strace shows each execve with its environment and each write with the path of its descriptor; the
secrets are then searched for, plain and encoded, in all but pipes and sockets.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.support import passwords as aws
from tests.support import samples
from tests.support.simulator import Simulator

_CALLS = "execve,execveat,write,pwrite64,writev,pwritev,pwritev2,sendfile,rename,link,symlink"
_PIPED = re.compile(r"^(?:pipe|socket|anon_inode|UNIX|TCP|NETLINK|/dev/)")


def _traced(trace: Path) -> None:
    done = subprocess.run(["strace", "-o", str(trace), "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("*** processes cannot be traced here, so their writes are not looked at")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    if shutil.which("strace") is None:
        pytest.skip("*** NOT HERE, so no process is looked at: strace")
    folder = tmp_path / "trace"
    folder.mkdir()
    _traced(folder / "probe")
    (folder / "probe").unlink()
    return folder


def run(trace: Path, *arguments: str, stdin: str = "", ok: int = 0) -> str:
    number = len(list(trace.iterdir()))
    command = [sys.executable, "-m", "credguard", *arguments]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-y", "-v", "-xx", "-s", "1000000", "-e", f"trace={_CALLS}",
         "-o", str(trace / str(number)), "-E", "PYTHONDONTWRITEBYTECODE=1", *command],
        input=stdin, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == ok, done.stderr
    return done.stdout


def forms(secret: str) -> list[bytes]:
    """The secret plain, reversed, percent-encoded, in hex, and the sure part of its base64."""
    raw = secret.encode()
    found = {raw, raw[::-1], urllib.parse.quote(secret, safe="").encode(), raw.hex().encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        found.add(encoded[4 if shift else 0 : -4])
    return sorted(found)


def hexed(data: bytes) -> str:
    """As strace -xx writes it."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def leaks(trace: Path, secrets: list[str]) -> list[str]:
    """Calls that put a secret somewhere else than into a pipe or a socket."""
    wanted = [hexed(form) for secret in secrets for form in forms(secret)]
    found = []
    for file in sorted(trace.iterdir()):
        for line in file.read_text().splitlines():
            if not any(form in line for form in wanted):
                continue
            call = line.split(" ", 1)[1] if line[:1].isdigit() else line
            descriptor = re.match(r"\w+\(\d+<((?:[^<>]|\\x[0-9a-f]{2})*)>", call.strip())
            target = descriptor[1] if descriptor else ""
            plain = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), target)
            if not _PIPED.match(plain):
                found.append(f"{call.strip()[:40]} {plain}")
    return found


def secret_of(key_id: str) -> str:
    from moto.iam.models import iam_backends

    for user in iam_backends["123456789012"]["aws"].list_users("/", None, None):
        for key in user.access_keys:
            if key.access_key_id == key_id:
                return str(key.secret_access_key)
    raise KeyError(key_id)


def below(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]


@pytest.mark.keyring
@pytest.mark.parametrize(
    "backend", [pytest.param("file", marks=pytest.mark.slow), "keyring:secretservice"]
)
def test_no_secret_is_written_anywhere(
    backend: str, simulator: Simulator, poisoned: Path, trace: Path,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    passphrase = samples.text(24, 3)
    if backend == "file":
        file = poisoned / "passphrase"
        file.write_text(passphrase)
        file.chmod(0o600)
        monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(file))
    else:
        request.getfixturevalue("keyring_session")
    monkeypatch.setenv("TMPDIR", str(poisoned))
    token = samples.text(40, 9)
    run(trace, "config", "set", "vault.backend", backend)
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        run(trace, "config", "set", f"rotation.{name}", "0s")
    pair = f"{simulator.key_id}\n{simulator.secret.reveal()}\n"
    run(trace, "add", "work", stdin=pair)
    run(trace, "secret", "add", "token", stdin=token)
    run(trace, "rotate", "work", "--yes")
    ((key_id, _),) = simulator.iam().keys("dev")
    run(trace, "rotate", "--status")
    run(trace, "rotate", "nobody", ok=2)
    run(trace, "log")
    typed = samples.text(18, 5)
    aws.user("dev").password = typed
    run(trace, "password", "rotate", "work", "--current-stdin", stdin="x" + typed, ok=2)
    run(trace, "password", "rotate", "work", "--current-stdin", stdin=typed)
    first = str(aws.user("dev").password)
    aws.script.faults = ["lost"]
    run(trace, "password", "rotate", "work")
    assert run(trace, "password", "show", "work") == aws.user("dev").password
    run(trace, "password", "status")
    passwords = [typed, first, str(aws.user("dev").password)]
    monkeypatch.setenv("CREDGUARD_DEBUG", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    run(trace, "password", "rotate", "work", ok=2)
    run(trace, "rotate", "work", ok=2)
    secrets = [simulator.secret.reveal(), secret_of(key_id), token, passphrase, *passwords]
    assert leaks(trace, secrets) == []
    for path in below(poisoned):
        if path.name == "passphrase":
            continue
        data = path.read_bytes()
        for secret in secrets:
            assert not any(form in data for form in forms(secret)), path


def test_the_canary_can_be_seen(trace: Path, tmp_path: Path) -> None:
    """The search itself finds what it is to find."""
    canary = samples.text(40, 5)
    code = f"import os, sys; open({str(tmp_path / 'out')!r}, 'w').write(sys.stdin.read())"
    subprocess.run(
        ["strace", "-f", "-qq", "-y", "-v", "-xx", "-s", "100000", "-e", f"trace={_CALLS}",
         "-o", str(trace / "0"), sys.executable, "-c", code],
        input=base64.b64encode(b"x" + canary.encode()).decode(),
        text=True, check=True, timeout=60,
    )  # fmt: skip
    (seen,) = leaks(trace, [canary])
    assert seen.endswith("/out")
    os.unlink(trace / "0")
    subprocess.run(
        ["strace", "-f", "-qq", "-y", "-v", "-xx", "-s", "100000", "-e", f"trace={_CALLS}",
         "-o", str(trace / "0"), "env", f"A={canary}", "true"],
        check=True, timeout=60,
    )  # fmt: skip
    assert len(leaks(trace, [canary])) >= 1


def test_a_process_that_opened_the_vault_leaves_no_core_dump(poisoned: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("Linux only")
    code = (
        "import ctypes; from credguard.app.context import Context; from credguard import config\n"
        "before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "config.set_value('vault.backend', 'file'); Context().vault\n"
        "print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["1", "0"]
