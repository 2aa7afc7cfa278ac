"""What a credential_process call with a warm agent may load, module by module."""

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.agent import Child, agent, serving

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "_collections_abc", "_json", "_socket", "_stat", "genericpath", "os", "os.path", "posixpath",
    "stat",
    "credguard", "credguard.app", "credguard.app.process", "credguard.credential_process",
    "credguard.errors", "credguard.ipc", "credguard.ipc.client", "credguard.ipc.peer",
    "credguard.ipc.wire", "credguard.paths",
}  # fmt: skip
CODE = """
import sys
before = set(sys.modules)
sys.path += {folders!r}
sys.argv = ["x", "work"]
from credguard.credential_process import main
main()
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


def test_only_what_is_listed(child: Child) -> None:
    folders = [str(ROOT), sysconfig.get_path("purelib")]
    with serving(agent()):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", CODE.format(folders=folders)],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stdout == "it"
    assert set(done.stderr.split()) <= ALLOWED
