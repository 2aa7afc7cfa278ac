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


IN_USE = "it is in use: replaced at once"
OVER = "it was replaced already: stopped now, its grace is over"
LOOK = "no profile hands it out; stop it in IAM if it is active"
CONSOLE = "no profile is left to change it with: change it at the console"
CHANGED = "it was changed already: AWS takes it no more"
TAKEN = "it is taken from everywhere that credguard put it"
PASSPHRASE = "change the passphrase: whoever has the key's file can use it"
REPLACE = "replace it where it is from, then: credguard secret add"


@pytest.mark.parametrize(
    ("item", "standing", "expected", "words"),
    [
        ("key/aws/1/OLD", key(handed_out=True), Answer.EMERGENCY, IN_USE),
        ("key/aws/1/OLD", key(handed_out=True, record=record()), Answer.EMERGENCY, IN_USE),
        ("key/aws/1/OLD", key(record=record()), Answer.DEACTIVATE, OVER),
        ("key/aws/1/OLD", key(record=record(State.DEACTIVATED)), Answer.DEACTIVATE, OVER),
        ("key/aws/1/OLD", key(record=record(old=OTHER, new=KEY)), Answer.DEACTIVATE, OVER),
        ("key/aws/1/OLD", key(known=False, record=record()), Answer.TELL, LOOK),
        ("key/aws/1/OLD", key(record=record(old="A", new="B")), Answer.TELL, LOOK),
        ("key/aws/1/OLD", key(), Answer.TELL, LOOK),
        ("key/aws/1/OLD", key(held=False, known=False), Answer.REPORT,
         "it is dead: AWS takes it no more"),
        ("password/aws/1/u/3", PasswordStanding(in_force=True, known=True), Answer.PASSWORD,
         "it is in force: changed at once"),
        ("password/aws/1/u/3", PasswordStanding(in_force=True, known=False), Answer.TELL, CONSOLE),
        ("password/aws/1/u/3", PasswordStanding(in_force=False, known=True),
         Answer.REPORT, CHANGED),
        ("ssh-key/laptop", None, Answer.REVOKE, TAKEN),
        ("ssh-key/of/two", None, Answer.REVOKE, TAKEN),
        ("ssh/laptop", None, Answer.TELL, PASSPHRASE),
        ("secret/token", None, Answer.TELL, REPLACE),
        ("of-a-later-version/x", None, Answer.TELL, REPLACE),
    ],
)  # fmt: skip
def test_every_value_has_one_answer_and_says_why(
    item: str, standing: Standing | None, expected: Answer, words: str
) -> None:
    assert answer(item, standing) == (expected, words)


@pytest.mark.parametrize("state", list(State))
def test_a_key_works_until_its_rotation_says_that_it_was_stopped(state: State) -> None:
    # Before the switch a profile hands the old one out; that is what tells.
    assert still_works(KEY, True, record(state))
    assert still_works(KEY, False, record(state)) == (state is State.SWITCHED)
    assert still_works(OTHER, False, record(state))
    assert not still_works(KEY, False, None)
