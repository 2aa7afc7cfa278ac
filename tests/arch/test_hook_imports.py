"""The hook's import budget, module by module: speed that cannot creep away."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "__future__",
    "_collections_abc",
    "_stat",
    "genericpath",
    "ntpath",
    "os",
    "os.path",
    "posixpath",
    "stat",
    "credguard",
    "credguard.errors",
    "credguard.paths",
    "credguard.precommit",
    "credguard.scan",
    "credguard.scan.model",
    "credguard.sources",
    "credguard.sources.database",
    "credguard.sources.git",
    "credguard.sources.staging",
    "select",
}
ENGINE = ("credguard.scan.", "credguard.secret", "hyperscan", "_hs_ext")
HEAVY = {
    "argparse", "asyncio", "boto3", "click", "dataclasses", "detect_secrets", "enum", "git",
    "importlib.metadata", "inspect", "json", "keyring", "logging", "pathlib", "re", "rich",
    "socket", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip
CODE = """
import sys
before = set(sys.modules)
sys.path += {folders!r}
from credguard.precommit import run
code = run()
print(code, *sorted(set(sys.modules) - before), sep="\\n")
"""


def test_the_hook_loads_only_what_is_listed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "a").write_text("clean\n")
    subprocess.run(["git", "add", "a"], cwd=tmp_path, check=True, timeout=30)
    folders = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    command = [sys.executable, "-I", "-S", "-c", CODE.format(folders=folders)]
    for _ in range(2):  # the first run compiles the rules, the second is what a commit pays
        done = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=110,
            env=dict(os.environ),
        )  # fmt: skip
    code, *loaded = done.stdout.split()
    assert code == "0", done.stderr
    assert not set(loaded) & HEAVY
    extra = {name for name in loaded if name not in ALLOWED and not name.startswith(ENGINE)}
    assert extra <= {"errno", "marshal"}, extra
