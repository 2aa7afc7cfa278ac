"""The table of the doctor's checks."""

import json
import threading
from pathlib import Path

import pytest

from credguard.app.context import Context
from credguard.app.doctor.model import OK, UNKNOWN, look
from credguard.app.doctor.run import LOOKS, ONLINE, everything, run, well
from tests.support import samples
from tests.support.checks import (
    aws,
    file_vault,
    plain,
)


def test_an_empty_home_has_nothing_wrong_but_the_missing_vault_and_stays_empty(
    poisoned: Path,
) -> None:
    before = sorted(poisoned.rglob("*"))
    found = everything()
    assert [(e.area, e.name) for e in found if e.state != OK] == [("Vault", "backend")]
    assert sorted(poisoned.rglob("*")) == before


def test_rows_have_names_of_their_own() -> None:
    names = [(each.area, each.name) for each in (*LOOKS, *ONLINE)]
    assert len(names) == len(set(names))


def test_a_check_that_crashes_is_unknown_without_its_text_and_hides_no_other() -> None:
    secret = samples.aws_secret(3)

    def crash(_ctx: Context) -> None:
        raise ValueError(secret)

    rows = [look("A", "one", crash, lambda _: []), look("A", "two", lambda _: 1, lambda _: [])]
    (found,) = run([*rows, look("A", "x", lambda _: crash, lambda _: [])])
    assert (found.name, found.state) == ("one", UNKNOWN)
    assert "ValueError at test_doctor.py" in found.said
    assert secret not in found.said
    assert not well([found])


def test_a_look_that_does_not_answer_is_unknown() -> None:
    never = threading.Event()
    row = look("A", "slow", lambda _: never.wait(60), lambda _: [], deadline_s=0.05)
    (found,) = run([row])
    never.set()
    assert (found.state, "no answer" in found.said) == (UNKNOWN, True)


def test_no_check_says_a_secret(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_vault(poisoned, "work")
    aws(poisoned, "credentials", "[work]\n" + plain(7) + "[other]\n" + plain(8))
    aws(poisoned, "credentials.bak", "[x]\n" + plain(7))
    (poisoned / ".bashrc").write_text(f"export AWS_SECRET_ACCESS_KEY={samples.aws_secret(5)}\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", samples.aws_secret(6))
    monkeypatch.setenv("AWS_SESSION_TOKEN", samples.aws_secret(9))
    said = json.dumps([(each.said, each.fix) for each in everything()])
    for seed in (1, 5, 6, 7, 8, 9, 99):
        assert samples.aws_secret(seed) not in said
