"""What a blocked person reads can be copied, and does what it says."""

import re
import shlex

import pytest

from credguard import precommit
from credguard.report.blocked import Hit, text_for_person
from credguard.scan.model import MEDIUM, Finding
from credguard.scan.skip import Skips
from tests.support import samples


def hit(path: str, rule: str, commit: str = "") -> Hit:
    value = samples.aws_secret().encode()
    return Finding(path.encode(), 3, 4, 3, rule, "A rule", MEDIUM, value), commit


FOUND = {
    "one": [hit("a/b.ini", "aws-key")],
    "two rules in one file": [hit("a/b.ini", "aws-key"), hit("a/b.ini", "aws-secret")],
    "one rule in two files": [hit("a", "aws-key"), hit("b", "aws-key")],
    "two rules in two files": [hit("a", "aws-key"), hit("b", "aws-secret")],
    "many rules in an odd file": [hit("it's: odd;", f"rule-{n}") for n in range(5)],
    "a member": [hit("a.zip!b", "aws-key"), hit("a.zip!b", "aws-secret")],
}


@pytest.mark.parametrize("what", ["commit", "message", "push"])
@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("width", [0, 40, 60, 80, 120])
def test_commands_stay_on_their_line_and_let_pass_all_that_was_found(
    name: str, what: str, width: int
) -> None:
    found = [(each, "0123456789abcdef" if what == "push" else "") for each, _ in FOUND[name]]
    text = text_for_person(found, what, colour=False, width=width)
    assert "\0" not in text
    command = "git push" if what == "push" else "git commit"
    (skip,) = re.findall(rf"CREDGUARD_SKIP='([^'\n]*)' {command}", text)
    assert all(Skips(skip).reason(each.rule_id, each.path) for each, _ in found)
    assert "credguard secret get NAME" in text
    if what == "commit":
        rules = dict.fromkeys(each.rule_id for each, _ in found)
        marks = re.findall(r"credguard:allow (\S+) why it is none", text)
        assert marks == (list(rules) if len(rules) <= 3 else ["RULE"])
    if width:
        ways = text.partition("Three ways on:")[2].splitlines()
        wide = [each for each in ways if len(each) > width]
        assert all(re.search("CREDGUARD|credguard|git ", each) for each in wide)


def test_where_one_is_of_the_vault_no_way_lets_it_pass() -> None:
    found = [hit("a", "private-key"), hit("b", "own-secret")]
    found[1][0].own = "secret/deploy"
    text = text_for_person(found, "commit", colour=False, width=80)
    assert "credguard secret get deploy" in text
    assert "git add b" in text
    assert "CREDGUARD_SKIP" not in text
    assert "credguard:allow" not in text


@pytest.mark.parametrize("what", ["commit", "message", "push"])
def test_a_rule_of_the_repository_cannot_end_the_quotes_of_a_command(what: str) -> None:
    rule = "x'; touch hit #"
    text = text_for_person([hit("a", rule, "0" * 40)], what, colour=False, width=0)
    command = "git push" if what == "push" else "git commit"
    (skip,) = re.findall(rf"CREDGUARD_SKIP=.* {command}", text)
    assert shlex.split(skip) == [f"CREDGUARD_SKIP={rule}:why it is none", *command.split()]


def test_the_name_of_a_file_cannot_end_the_quotes_of_a_command() -> None:
    name = "a'; touch hit #"
    said = precommit.unread([(name.encode(), "too deep")], precommit.PUSH)
    (skip,) = re.findall(r"CREDGUARD_SKIP=.*", said)
    assert shlex.split(skip) == [f"CREDGUARD_SKIP={name}:why", "git", "push"]


@pytest.mark.parametrize("name", ["*", ":!x", ":/", "pages/[id].tsx", "a?"])
@pytest.mark.parametrize("own", ["", "secret/deploy"])
def test_a_name_that_git_would_take_for_a_pattern_adds_itself_alone(name: str, own: str) -> None:
    found = [hit(name, "a-rule")]
    found[0][0].own = own
    text = text_for_person(found, "commit", colour=False, width=0)
    (add,) = re.findall(r"git add .*", text)
    assert shlex.split(add) == ["git", "add", "--", f":(literal){name}"]
