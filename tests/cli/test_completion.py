"""TAB in real shells; what it loads; that every profile and key id can be completed."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from credguard import paths
from credguard.app.context import Context
from credguard.cli.main import root
from credguard.store import profiles
from tests.support import samples

KEY_ID = samples.aws_key_id()


@pytest.fixture
def home(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`credguard` on PATH, profiles in ~/.aws/config and one in the index."""
    folder = poisoned / "bin"
    folder.mkdir()
    program = folder / "credguard"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m credguard "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    (poisoned / ".aws").mkdir()
    (poisoned / ".aws" / "config").write_text(
        '[default]\n[profile "with space"]\n[profile team:dev@2]\n[profile work]\n'
    )
    key = profiles.Key(KEY_ID, "aws", "111111111111", "ada", "U", None, "add")
    context = Context()
    profiles.add_profile(context.db, "vaulted", key, 1.0, consent=False)
    context.close()
    return poisoned


def shell(*words: str, script: str) -> list[str]:
    if not shutil.which(words[0]):
        pytest.skip(f"*** NOT HERE, so its TAB is not tried: {words[0]}")
    done = subprocess.run(
        [*words, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash(line: str) -> list[str]:
    script = (
        'source <(credguard completion bash); COMP_LINE="$LINE"; COMP_POINT=${#COMP_LINE};'
        " _credguard_completion credguard; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    return shell("bash", "--norc", script=f"LINE={shlex.quote(line)}; {script}")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("credguard rota", ["rotate"]),
        ("credguard exec ", ["default", "team:dev@2", "vaulted", "with\\ space", "work"]),
        ("credguard exec with\\ s", ["with\\ space"]),
        ('credguard exec "with s', ["with space"]),
        ("credguard exec team:d", ["dev@2"]),
        ("credguard exec team:dev@", ["2"]),
        ("credguard rotate --keep ", [KEY_ID]),
        ("credguard env work --shell f", ["fish"]),
        ("credguard env --for", ["--force"]),
        ("credguard no-such-command x", [""]),
        ("credguard exec 'unclosed $(touch hit)", [""]),
    ],
)
def test_bash(home: Path, line: str, offered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert bash(line) == offered
    assert not (home / "hit").exists()


@pytest.mark.parametrize(
    ("line", "offered"),
    [("credguard exec w", {"work", "with space"}), ("credguard rota", {"rotate"})],
)
def test_fish(home: Path, line: str, offered: set[str]) -> None:
    script = f"credguard completion fish | source; complete -C {shlex.quote(line)}"
    assert {each.split("\t")[0] for each in shell("fish", "--no-config", script=script)} == offered


def test_zsh(home: Path) -> None:
    # The completion system needs a line editor, so the two functions it calls only print here.
    script = (
        "compdef() {}; compadd() { print -rl -- ${(P)@[-1]} };"
        ' _describe() { print -rl -- "${(@P)3}" };'
        ' eval "$(credguard completion zsh)"; words=(credguard exec team:); CURRENT=3;'
        " _credguard_completion; words=(credguard rota); CURRENT=2; _credguard_completion"
    )
    assert shell("zsh", "-f", script=script) == [
        "team:dev@2",
        "rotate:Replace access keys through IAM.",
    ]


def test_the_zsh_script_can_be_autoloaded(home: Path) -> None:
    first = subprocess.run(
        ["credguard", "completion", "zsh"], capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()[0]
    assert first == "#compdef credguard"


def test_nothing_heavy_is_loaded_and_nothing_made(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys\nfrom credguard.cli import main\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in sys.modules if m.split('.')[0] in {'boto3','botocore','keyring','rich',"
        "'cryptography','asyncio','watchdog','git'}])"
    )
    monkeypatch.setenv("_CREDGUARD_COMPLETE", "bash_complete")
    for line in ("credguard exec ", "credguard rotate --keep ", "credguard ", "credguard use x"):
        monkeypatch.setenv("COMP_LINE", line)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout.splitlines()[-1] == "[]", (line, done.stderr)
    assert not os.path.exists(paths.state_dir())


def test_a_damaged_index_or_config_is_silent(home: Path) -> None:
    Path(paths.database_file()).write_bytes(b"no database" * 500)
    assert "work" in bash("credguard exec ")
    (home / ".aws" / "config").write_bytes(b"\xff")
    assert bash("credguard exec ") == [""]


def _parameters(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Parameter]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _parameters(command, f"{prefix} {name}")
        else:
            yield from ((f"{prefix} {name}", each) for each in command.params)


def test_every_profile_and_key_id_is_completed(home: Path) -> None:
    assert isinstance(root, click.Group)
    context = click.Context(root)
    wanted = {"profile": "work", "keep": KEY_ID, "delete_key": KEY_ID, "key_id": KEY_ID}
    for command, each in _parameters(root, "credguard"):
        flag = isinstance(each, click.Option) and each.is_flag
        if command == "credguard import":  # only those in plaintext
            continue
        if each.name in wanted and not flag:
            offered = [item.value for item in each.shell_complete(context, "")]
            assert wanted[each.name] in offered, (command, each.name)
