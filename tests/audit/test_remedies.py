"""What the report tells to type exists: AWS's operations and parameters, our own options."""

import re
import shlex
from collections.abc import Iterator

import botocore.session
import click
import pytest
from botocore import xform_name

from credguard.audit import judge
from credguard.audit.model import FAIL, Limits
from credguard.audit.table import CHECKS
from tests.audit.world import BAD

# Of the CLI itself, or its own words for a parameter.
_OF_THE_CLI = {"region", "query", "ingress", "filters"}
_SERVICES = {"s3api": "s3", "configservice": "config"}


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
    words = shlex.split(re.sub(r"\$\(.*\)", "IDS", line.partition(" > ")[0]))
    session = botocore.session.get_session()
    model = session.get_service_model(_SERVICES.get(words[1], words[1]))
    names = {xform_name(each, "-"): each for each in model.operation_names}
    assert words[2] in names, line
    shape = model.operation_model(names[words[2]]).input_shape
    members = {} if shape is None else {xform_name(each, "-"): each for each in shape.members}
    given = _options(words[3:])
    flags = {each.removeprefix("is-") for each in members} | set(members)
    assert given - flags - _OF_THE_CLI == set(), line
    required = {xform_name(each, "-") for each in (shape.required_members if shape else [])}
    assert required - given - {"egress"} == set(), line


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
