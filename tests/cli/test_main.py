import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from credguard import paths
from credguard.cli.main import root


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "credguard", *args], capture_output=True, text=True, timeout=60
    )


def test_help_lists_the_commands_and_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "rotate" in done.stdout
    assert "Example: credguard" in done.stdout


def test_help_imports_neither_boto3_nor_keyring() -> None:
    code = (
        "import sys\nfrom credguard.cli.main import root\n"
        "root.main(['--help'], standalone_mode=False)\n"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " {'boto3','botocore','keyring','rich','asyncio','watchdog','sqlite3'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "args", [("nonsense",), ("watch", "add", "/absent/folder"), ("status", "-x")]
)
def test_a_mistake_is_exit_2_without_a_traceback(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize(
    ("args", "said", "see"),
    [
        (("nonsense",), "No such command 'nonsense'", "credguard"),
        (("config", "set", "vault.backend"), "Missing argument 'VALUE'", "credguard config set"),
        (("status", "-x"), "No such option '-x'", "credguard status"),
        (("rotate", "--keep", "x"), "name the PROFILE", "credguard rotate"),
        (("init", "--vault", "x"), "Invalid value for '--vault'", "credguard init"),
        (("scan",), "name at least one PATH, or --staged", "credguard scan"),
    ],
)
def test_a_mistyped_command_line_is_one_line_and_a_hint(
    args: tuple[str, ...], said: str, see: str
) -> None:
    done = run(*args)
    assert done.returncode == 2
    first, hint = done.stderr.splitlines()
    assert first.startswith(f"credguard: {said}")
    assert hint == f"  hint: see: {see} --help"
    assert run(*see.split()[1:], "--help").returncode == 0


@pytest.mark.parametrize("args", [(), ("config",), ("vault",)])
def test_a_command_without_its_part_shows_its_help(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stderr == run(*args, "--help").stdout


def _texts(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    ctx = click.Context(command, info_name=name)
    yield name, command.get_help(ctx)
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            inner = command.get_command(ctx, each)
            assert inner is not None
            yield from _texts(inner, f"{name} {each}")


def test_every_help_has_an_example_that_is_its_own_and_no_text_is_cut_off() -> None:
    for name, text in _texts(root, "credguard"):
        example = text.rsplit("Example: ", 1)[1]
        assert example.startswith(name), name
        assert "...\n" not in text.partition("Commands:")[2], name


@pytest.mark.parametrize(
    ("args", "next_"),
    [
        (("list",), "credguard import --all"),
        (("secret", "list"), "credguard secret add"),
        (("ssh", "list"), "credguard ssh create"),
        (("watch", "list"), "credguard watch add"),
        (("rotate", "--status"), "credguard import --all"),
    ],
)
def test_an_empty_list_says_so_beside_the_output(args: tuple[str, ...], next_: str) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"next: {next_}" in done.stderr
    assert run(*args, "--json").stdout == "[]\n"


@pytest.mark.parametrize("flag", ["--rollback", "--emergency", "--lock-out", "--rebuild"])
def test_a_profile_that_does_not_exist_is_told_before_a_question(flag: str) -> None:
    done = run("rotate", flag, "nope")
    assert done.returncode == 2
    assert "no profile 'nope'" in done.stderr
    assert "nobody is here" not in done.stderr


_READS_THE_DATABASE = [
    ("list",), ("list", "--json"), ("log",), ("rotate",), ("rotate", "--status"), ("status",),
    ("secret", "list"), ("ssh", "list"), ("watch", "list"), ("password", "status"),
    ("hook", "status"), ("exec", "x", "--", "true"), ("uninstall", "--yes"),
]  # fmt: skip


@pytest.mark.parametrize("args", _READS_THE_DATABASE, ids=" ".join)
def test_a_damaged_database_is_never_taken_for_an_empty_one(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    file = Path(paths.database_file())
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(bytes(range(256)) * 20)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *args],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "it is damaged" in done.stderr
    assert "hint:" in done.stderr
    assert "no profiles" not in done.stderr
    assert done.stdout == "" or args == ("status",)


def test_a_bug_is_exit_3_and_shows_no_value() -> None:
    code = (
        "from credguard.cli import main\n"
        "def boom(**_): raise ValueError('the' + 'value')\n"
        "main.root.main = boom\nmain.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "a bug: ValueError" in done.stderr
    assert "thevalue" not in done.stderr


@pytest.mark.parametrize("args", [("--help",), ("config", "get"), ("secret", "--help")])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_output_that_cannot_be_written_is_exit_2(args: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "credguard", *args],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "a bug" not in done.stderr


@pytest.mark.parametrize("args", [("--help",), ("config", "get")])
def test_a_reader_that_left_is_never_taken_for_findings(args: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *args],
        stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize(("closed", "code"), [("<&-", 0), (">&-", 2), ("2>&-", 0), ("<&- 2>&-", 0)])
def test_closed_standard_streams(closed: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m credguard config get vault.backend {closed}', sys.executable],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout == "\n") == (code == 0)
