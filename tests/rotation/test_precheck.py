"""The second slot of an IAM user: every kind of key in the way."""

import itertools
import json
import time

import pytest

from credguard.rotation.model import NEVER, UNKNOWN_USE, Remote, Use
from credguard.rotation.precheck import ACTIONS, Slot, Verdict, Wishes, policy, second_slot

DAY = 86400.0
NOW = 100 * DAY
MINE = Remote(True, 0.0)


def verdict(
    other: Remote | None,
    use: Use = NEVER,
    known: bool = False,
    wishes: Wishes = Wishes(),  # noqa: B008 - frozen
) -> Verdict:
    listed = {"mine": MINE} | ({"other": other} if other else {})
    ours = frozenset({"mine", "other"} if known else {"mine"})
    return second_slot("mine", listed, ours, {"other": use}, wishes, NOW)


def test_a_free_slot() -> None:
    assert verdict(None) == Verdict(Slot.FREE)


@pytest.mark.parametrize(
    ("active", "use", "words"),
    [
        (True, NEVER, "Active, 40 days old, never used"),
        (False, UNKNOWN_USE, "Inactive, 40 days old, last use UNKNOWN"),
        (True, Use(90 * DAY, "s3", "eu-west-1"),
         "Active, 40 days old, last used 1970-04-01 by s3 in eu-west-1"),
    ],
)  # fmt: skip
def test_a_key_of_others_is_described(active: bool, use: Use, words: str) -> None:
    assert verdict(Remote(active, 60 * DAY), use) == Verdict(
        Slot.REFUSE,
        "other",
        f"the user has two keys, IAM's limit; other is not credguard's ({words})",
        "when nobody needs it: credguard rotate PROFILE --delete-key other",
    )


def test_the_day_of_a_use_is_said_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-14")
    time.tzset()
    try:
        said = verdict(MINE, Use(90 * DAY + 80_000, "s3", "eu-west-1"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "last used 1970-04-01 by" in said.why


def test_an_age_in_days_is_exact() -> None:
    listed = {"mine": MINE, "other": Remote(True, 0.0)}
    said = second_slot("mine", listed, frozenset({"mine"}), {}, Wishes(), 99_999 * DAY)
    assert "(Active, 99999 days old" in said.why


def test_a_use_that_was_not_asked_is_unknown() -> None:
    listed = {"mine": MINE, "other": Remote(False, 60 * DAY)}
    said = second_slot("mine", listed, frozenset({"mine"}), {}, Wishes(inactive_after=1.0), NOW)
    assert said.slot is Slot.REFUSE
    assert "last use UNKNOWN" in said.why


def test_a_key_of_ours_without_a_journal() -> None:
    assert verdict(MINE, known=True) == Verdict(
        Slot.REFUSE,
        "other",
        "the vault holds a second key, other, and no journal says what it is for",
        "to let mine stay and other rest, then go: credguard rotate PROFILE --yes",
    )
    assert verdict(MINE, known=True, wishes=Wishes(person=True)) == Verdict(Slot.TAKE_UP, "other")


@pytest.mark.parametrize(
    ("active", "created", "use", "after", "expected"),
    [
        (False, 60 * DAY, NEVER, 39 * DAY, Slot.DELETE),
        (False, 60 * DAY, NEVER, 40 * DAY, Slot.REFUSE),
        (False, 60 * DAY, Use(70 * DAY), 35 * DAY, Slot.REFUSE),
        (False, 60 * DAY, Use(70 * DAY), 29 * DAY, Slot.DELETE),
        (False, 60 * DAY, Use(50 * DAY), 45 * DAY, Slot.REFUSE),
        (False, 60 * DAY, UNKNOWN_USE, 1.0, Slot.REFUSE),
        (False, 60 * DAY, NEVER, 0.0, Slot.REFUSE),
        (False, NOW - 2, NEVER, 1.0, Slot.DELETE),
        (True, 60 * DAY, NEVER, 1.0, Slot.REFUSE),
    ],
)
def test_an_inactive_key_that_nobody_used(
    active: bool, created: float, use: Use, after: float, expected: Slot
) -> None:
    said = verdict(Remote(active, created), use, wishes=Wishes(inactive_after=after))
    assert (said.slot, said.key_id) == (expected, "other")


def test_no_combination_deletes_what_is_handed_out_or_ours() -> None:
    ids = ["mine", "a", "b", "c"]
    remotes = [None, Remote(True, 0.0), Remote(False, 0.0)]
    subsets = [frozenset(c) for n in range(5) for c in itertools.combinations(ids, n)]
    for states in itertools.product(remotes, repeat=3):
        listed = {"mine": MINE} | {k: r for k, r in zip(ids[1:], states, strict=True) if r}
        for known, delete, person in itertools.product(subsets, subsets, (False, True)):
            wishes = Wishes(delete, person, DAY)
            said = second_slot("mine", listed, known, dict.fromkeys(ids, NEVER), wishes, NOW)
            assert said.key_id != "mine"
            if said.slot is Slot.DELETE:
                assert said.key_id in set(listed) - known
                assert said.key_id in delete or not listed[said.key_id].active
            if said.slot is Slot.TAKE_UP:
                assert person
                assert said.key_id in known
            if said.slot is Slot.FREE:
                assert len(listed) == 1
            if said.slot is Slot.REFUSE:
                assert said.key_id in said.why
                assert said.hint
            if delete & set(listed) - known - {"mine"}:
                assert said.slot is Slot.DELETE
                assert said.key_id in delete


def test_the_policy_names_every_action_for_the_own_user_only() -> None:
    (statement,) = json.loads(policy("aws-cn"))["Statement"]
    assert statement == {
        "Sid": "ReplaceOwnAccessKeys",
        "Effect": "Allow",
        "Action": [f"iam:{each}" for each in ACTIONS],
        "Resource": "arn:aws-cn:iam::*:user/${aws:username}",
    }
    assert json.loads(policy("aws"))["Version"] == "2012-10-17"
    assert policy("aws").startswith('{\n  "Version"')
