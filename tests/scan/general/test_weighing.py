"""A candidate is given up early only when all of its signals would have given it up too."""

from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from credguard.scan.engine import Engine
from credguard.scan.general import detect, score, signals, weighing
from credguard.scan.general.places import Text
from credguard.sources.database import load_engine
from tests.scan.general.test_contexts import PLACES
from tests.support import samples

WORDS = (
    "example", "changeme", "your_password_here", "null", "${PASSWORD}", "{{ secret }}", "letmein",
    "12345678", "aaaaaaaaaaaa", "2024-01-02", "correct horse battery", "https://host.example/a",
    "get_password()", "some-name", "UserPassword", "abcdefgh", "test", "p",
    "\u20ac" * 4,
)  # fmt: skip
LINES = ("", "# example: ", 'user = "me"; ', "assert ", "throw new Error(")


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    return load_engine(str(rules_once))


def test_giving_up_early_changes_no_verdict(engine: Engine) -> None:
    values = (*WORDS, samples.text(12), samples.text(40), samples.text(16).lower())
    given_up: Counter[bool] = Counter()
    for (place, name), value, before in product(PLACES.values(), values, LINES):
        data = (before + place.replace("@", value) + "\n").encode()
        path = name.encode()
        text = Text(data, path)
        _, probed = engine.examine(data, path)
        for each in detect.candidates(text, probed):
            for times in (1, 3):
                every = tuple(dict.fromkeys(signals.signals(text, each, times)))
                held = weighing.weighed(text, each, times)
                given_up[held is None] += 1
                if held is None:
                    assert not score.confidence(every), (data, every)
                else:
                    assert held == every
    assert given_up[True] > 100
    assert given_up[False] > 100


def test_no_more_is_read_around_a_value_than_is_kept_of_it(engine: Engine) -> None:
    """A value amid a long text; its line, and what is above, end where no more is looked at."""
    value = samples.text(16, alphabet="abcdefghijkmnpqrstuvwxyz23456789")
    told: set[tuple[str, ...] | None] = set()
    for long, gap, (place, name) in product((0, 90, 290, 310), (0, 120, 230, 250), PLACES.values()):
        above = "filler\n" * 200 + f'user = "me"\nhost: x{"y" * gap}\n'
        data = f"{above}{' ' * long}{place.replace('@', value)}{' ' * long};x\n{'z' * 400}".encode()
        text = Text(data, name.encode())
        _, probed = engine.examine(data, name.encode())
        for each in detect.candidates(text, probed):
            held = weighing.weighed(text, each, 1)
            told.add(held)
            if held is not None:
                assert held == tuple(dict.fromkeys(signals.signals(text, each, 1)))
    assert len(told) > 50
