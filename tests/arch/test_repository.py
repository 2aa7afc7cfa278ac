"""What holds for every file of the repository."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "credguard"
MAX_MODULE = 400
MAX_FUNCTION = 50
TREES = ("credguard", "tests", "bench", "requirements", "hooks", "docs", ".ci")


def python_files() -> list[Path]:
    return sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def text_files() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file()]
    found += [path for tree in TREES for path in (ROOT / tree).rglob("*") if path.is_file()]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_init_is_empty() -> None:
    version = PACKAGE / "__init__.py"
    full = [shown(p) for p in python_files() if p.name == "__init__.py" and p.stat().st_size]
    # The package's own holds its docstring and the version, which the build reads.
    assert [name for name in full if name != shown(version)] == []
    assert len(ast.parse(version.read_text()).body) <= 2


def test_modules_stay_short() -> None:
    long = {
        shown(p): n for p in python_files() if (n := len(p.read_text().splitlines())) > MAX_MODULE
    }
    assert long == {}


def test_functions_stay_short() -> None:
    long = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION:
                    long[f"{shown(path)}:{node.name}"] = lines
    assert long == {}


def test_no_file_holds_a_secret(tmp_path: Path) -> None:
    from credguard.scan.model import HIGH
    from credguard.sources.database import load_engine

    engine = load_engine(str(tmp_path))
    found = [
        f"{shown(path)}: {finding.rule_id}"
        for path in text_files()
        for finding in engine.scan(path.read_bytes(), shown(path).encode())
        if finding.confidence == HIGH
    ]
    assert found == []


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


def test_every_command_has_help_and_an_example() -> None:
    from credguard.cli.main import root

    without = [
        name
        for name, command in commands(root, "credguard")
        if not command.help or not (command.epilog or "").startswith("Example: credguard ")
    ]
    assert without == []


def test_the_readme_names_only_commands_that_exist() -> None:
    from credguard.cli.main import root

    known = {name for name, _ in commands(root, "credguard")}
    groups = {name for name, command in commands(root, "credguard") if hasattr(command, "commands")}
    readme = (ROOT / "README.md").read_text()
    unknown = set()
    for first, second in re.findall(
        r"^(?:\$ )?credguard ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", readme, re.MULTILINE
    ):
        name = f"credguard {first}"
        if name in groups and second:
            name += f" {second}"
        if name not in known:
            unknown.add(name)
    assert unknown == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, click\n"
        "from credguard.cli.main import root\n"
        f"root.main({arguments!r}, prog_name='credguard', standalone_mode=False)\n"
        "heavy = {'boto3', 'botocore', 'keyring', 'rich', 'asyncio'} & set(sys.modules)\n"
        "sys.stderr.write(' '.join(sorted(heavy)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr == ""


LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), PACKAGE / "demo" / "requirements.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_lock_files_pin_with_hashes_and_name_no_index(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert re.search(r"^\s*-(-index|-extra|-find|-trusted|i |f )", text, re.MULTILINE) is None
    entries = re.findall(r"^[A-Za-z0-9].*(?:\n[ \t]+.*)*", text, re.MULTILINE)
    assert entries
    bad = [
        entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry
    ]
    assert bad == []


def test_ci_runs_exactly_the_documented_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[1:] == ['exec "$(dirname -- "$0")/../install.sh" --test']
