"""What a blocked person reads can be copied, and does what it says."""

import re

import pytest

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
