"""The hook's import budget, module by module: speed that cannot creep away."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from credguard.app.noting import note
from credguard.secret import Secret
from tests.support import samples
from tests.support.repositories import git

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
    "credguard.sources.indexed_rules",
    "credguard.sources.own",
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
from credguard.{module} import {what}
code = {call}
print(code, *sorted(set(sys.modules) - before), sep="\\n")
"""
OWN = {"_blake2", "_hashlib", "binascii"}
MORE = {
    "precommit": set(),
    "commitmsg": {"credguard.commitmsg"},
    "prepush": {
        "credguard.prepush", "credguard.sources.commits", "credguard.sources.push", "time"
    },
}  # fmt: skip
CALLS = {
    "precommit": ("run", "run()"),
    "commitmsg": ("run", "run('message')"),
    "prepush": ("run", "run('origin', 'url')"),
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("module", MORE)
def test_a_hook_loads_only_what_is_listed(tmp_path: Path, module: str, own: bool) -> None:
    if own:
        note("secret/a", Secret(samples.text(40)))
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("clean\n")
    (tmp_path / "message").write_text("clean\n")
    git(tmp_path, "add", "a")
    oid = git(tmp_path, "commit-tree", git(tmp_path, "write-tree"), "-m", "clean")
    folders = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    what, call = CALLS[module]
    code = CODE.format(folders=folders, module=module, what=what, call=call)
    command = [sys.executable, "-I", "-S", "-c", code]
    line = f"refs/heads/main {oid} refs/heads/main {'0' * 40}\n"
    for _ in range(2):  # the first run compiles the rules, the second is what a commit pays
        done = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=110,
            env=dict(os.environ), input=line if module == "prepush" else "",
        )  # fmt: skip
    code, *loaded = done.stdout.split()
    assert code == "0", done.stderr
    assert not set(loaded) & HEAVY
    assert ("credguard.scan.own" in loaded) is own
    allowed = ALLOWED | MORE[module] | {"errno", "marshal"} | (OWN if own else set())
    extra = {name for name in loaded if name not in allowed and not name.startswith(ENGINE)}
    assert extra == set()
    assert "credguard.scan.allow" not in loaded  # nothing was found
