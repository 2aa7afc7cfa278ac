"""What is done about a value that got out: every kind of value, every standing of it."""

import pytest

from credguard.rotation.leak import (
    Answer,
    KeyStanding,
    PasswordStanding,
    Standing,
    answer,
    still_works,
)
from credguard.rotation.model import Record, State

KEY, OTHER = "OLD", "NEW"


def record(state: State = State.SWITCHED, old: str = KEY, new: str = OTHER) -> Record:
    return Record("aws/1/u", "t", state, old, (), 0.0, 0.0, new)


def key(
    *, handed_out: bool = False, held: bool = True, known: bool = True, record: Record | None = None
) -> KeyStanding:
    return KeyStanding(KEY, handed_out, held, known, record)


@pytest.mark.parametrize(
    ("item", "standing", "expected"),
    [
        ("key/aws/1/OLD", key(handed_out=True), Answer.EMERGENCY),
        ("key/aws/1/OLD", key(handed_out=True, record=record()), Answer.EMERGENCY),
        ("key/aws/1/OLD", key(record=record()), Answer.DEACTIVATE),
        ("key/aws/1/OLD", key(record=record(State.DEACTIVATED)), Answer.DEACTIVATE),
        ("key/aws/1/OLD", key(record=record(old=OTHER, new=KEY)), Answer.DEACTIVATE),
        ("key/aws/1/OLD", key(known=False, record=record()), Answer.TELL),
        ("key/aws/1/OLD", key(record=record(old="A", new="B")), Answer.TELL),
        ("key/aws/1/OLD", key(), Answer.TELL),
        ("key/aws/1/OLD", key(held=False, known=False), Answer.REPORT),
        ("password/aws/1/u/3", PasswordStanding(in_force=True, known=True), Answer.PASSWORD),
        ("password/aws/1/u/3", PasswordStanding(in_force=True, known=False), Answer.TELL),
        ("password/aws/1/u/3", PasswordStanding(in_force=False, known=True), Answer.REPORT),
        ("ssh-key/laptop", None, Answer.REVOKE),
        ("ssh/laptop", None, Answer.TELL),
        ("secret/token", None, Answer.TELL),
        ("of-a-later-version/x", None, Answer.TELL),
    ],
)
def test_every_value_has_one_answer_and_says_why(
    item: str, standing: Standing | None, expected: Answer
) -> None:
    found, why = answer(item, standing)
    assert found is expected
    assert why


@pytest.mark.parametrize("state", list(State))
def test_a_key_works_until_its_rotation_says_that_it_was_stopped(state: State) -> None:
    # Before the switch a profile hands the old one out; that is what tells.
    assert still_works(KEY, True, record(state))
    assert still_works(KEY, False, record(state)) == (state is State.SWITCHED)
    assert still_works(OTHER, False, record(state))
    assert not still_works(KEY, False, None)
