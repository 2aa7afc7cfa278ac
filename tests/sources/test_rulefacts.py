"""Facts of a few rules are those of all, without reading all."""

import tomllib

import pytest

from credguard.scan.general.kinds import IDS
from credguard.sources.rulefacts import rule_facts


def test_each_rule_alone_has_the_facts_it_has_among_all() -> None:
    every = rule_facts()
    assert len(every) > 600
    for name in list(every)[::7]:
        assert rule_facts({name})[name] == every[name]
    assert rule_facts(set(every)) == every


def test_a_name_that_no_rule_has_is_left_out() -> None:
    assert "own-rule" not in rule_facts({"own-rule"})


def test_only_the_tables_asked_for_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: read.append(text) or real(text))
    assert set(IDS) <= set(rule_facts(set(IDS)))
    assert not read  # the general rules stand in no file
    rule_facts({"github-token"})
    assert 0 < sum(map(len, read)) < 5000
