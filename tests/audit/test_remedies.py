"""What the report tells to type exists: AWS's operations and parameters, our own options."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from botocore.validate import ParamValidator

from credguard.audit import judge, remedies
from credguard.audit.model import FAIL, Limits
from credguard.audit.table import CHECKS
from tests.audit.world import BAD
from tests.support.aws_cli import Line


def commands() -> Iterator[tuple[str, str]]:
    for check in CHECKS:
        for said in judge.judged(check, BAD, Limits()):
            if said.status == FAIL:
                for line in said.remedy.split("\n"):
                    if line.startswith("run: "):
                        yield check.id, line.removeprefix("run: ")


ALL = sorted(set(commands()))


def _options(words: list[str]) -> set[str]:
    return {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize(("check", "line"), [each for each in ALL if each[1].startswith("aws ")])
def test_aws_takes_the_command(check: str, line: str) -> None:
    # What a person fills in, where AWS wants a number.
    line = re.sub(r"NUMBER-OF-THE-NEW-ONE|OLD-NUMBER|CODE[12]", "123456", line)
    # The keys of this world have shorter names than AWS's.
    read = Line(re.sub(r"\bAK\d\b", "AKIA000000000000", line))
    report = ParamValidator().validate(read.arguments, read.operation.input_shape)
    assert not report.has_errors(), report.generate_report()
    if read.inner:
        Line(read.inner)


@pytest.mark.parametrize(
    ("check", "line"), [each for each in ALL if each[1].startswith("credguard ")]
)
def test_credguard_takes_the_command(check: str, line: str) -> None:
    from credguard.cli.main import root

    command: click.Command = root
    words = shlex.split(line)[1:]
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            break
        command, words = found, words[1:]
    known = {name.removeprefix("--") for p in command.params for name in p.opts}
    assert _options(words) <= known, line


def test_every_line_is_a_command_of_a_known_program() -> None:
    assert {line.split()[0] for _, line in ALL} == {"aws", "credguard"}


@pytest.mark.parametrize("path", ["team", ":$(id)", "x:`id`", "x:policy", "a'b:c;d|e&f"])
def test_the_path_of_a_holder_or_a_policy_runs_nothing(path: str) -> None:
    for kind in ("user", "group", "role"):
        told = remedies.rewrite(f"arn:aws:iam::123456789012:{kind}/{path}/bob/own", "own")
        for line in told.split("\n"):
            if line.startswith("run: "):
                assert re.match(rf"run: aws iam (get|put)-{kind}-policy --{kind}-name bob ", line)
    arn = f"arn:aws:iam::123456789012:policy/{path}/own"
    last = remedies.rewrite(arn, "own").split("\n")[-1].removeprefix("run: ")
    assert shlex.split(last)[:5] == ["aws", "iam", "create-policy-version", "--policy-arn", arn]
