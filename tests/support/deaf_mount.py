"""Commands that run with a file system mounted that does not answer."""

import subprocess
import sys
from pathlib import Path

import pytest

# `hang`: nobody takes the requests; who waits can be killed. `deaf`: not even that.
KINDS = ("hang", "deaf")


def command(kind: str, folder: Path) -> list[str]:
    """What to put before a command, so that `folder` is dead for it. Skips where that cannot be."""
    script = Path(__file__).with_name(f"{kind}.py")
    own = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    wrapper = [*own, "--mount-proc", sys.executable, str(script), str(folder)]
    probe = subprocess.run([*wrapper, "true"], capture_output=True, timeout=20)
    if probe.returncode != 0:
        pytest.skip("*** NOT HERE, so a dead mount is not tested: FUSE in user namespaces")
    return wrapper
