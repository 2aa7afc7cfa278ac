"""The checklist: what was done stays done, what is there again is not, what is left is told."""

from dataclasses import replace

from credguard.keypairs.model import Instance, Pair, Template
from credguard.keypairs.revocation import (
    Item,
    Kind,
    Record,
    State,
    from_json,
    launching,
    seen,
    ticked,
    with_state,
)

KEY = "ssh-ed25519 AAAA"
PAIR = Pair("r1", "p", "ed25519", "f", KEY, {"owner": "ada"})
ON = (
    Instance("r1", "i-1", "p", name="web"),
    Instance("r1", "i-2", "p"),
    Instance("r1", "i-9", "q"),
)
READ = frozenset({"r1"})
START = Record("the SSH key k", "k", KEY, "1", 1.0)


def states(record: Record) -> dict[str, State]:
    return {each.id: each.state for each in record.items}


def done(record: Record, kind: Kind) -> Record:
    item = next(each for each in record.items if each.kind is kind)
    return with_state(record, item, State.DONE)


def test_a_list_from_its_beginning_to_its_end() -> None:
    record = seen(START, (PAIR,), ON, READ, here=True)
    assert states(record) == {
        "p": State.TODO, "agent": State.TODO, "file": State.TODO, "i-1": State.OPEN,
        "i-2": State.OPEN, "images": State.OPEN, "sessions": State.OPEN, "elsewhere": State.OPEN,
    }  # fmt: skip
    assert from_json(record.to_json()) == record
    for kind in (Kind.PAIR, Kind.AGENT, Kind.FILE):
        record = done(record, kind)
    # The pair is gone: its instances are known by its name.
    record = seen(record, (), ON, READ, here=False)
    assert states(record)["i-1"] is State.OPEN
    record = seen(record, (), ON[1:], READ, here=False)
    assert states(record)["i-1"] is State.DONE
    for item in ("i-2", "images", "sessions", "elsewhere"):
        ticked_off = ticked(record, item)
        assert ticked_off is not None
        record = ticked_off
    assert record.left == []


def test_a_launch_template_is_left_until_it_names_the_pair_no_more() -> None:
    web = Template("r1", "lt-1", "web", "p", 3)
    other = Template("r1", "lt-2", "db", "q", 1)
    record = launching(seen(START, (PAIR,), (), READ, here=False), (web, other), READ)
    record = done(record, Kind.PAIR)
    assert states(record)["lt-1"] is State.OPEN
    assert "lt-2" not in states(record)
    assert launching(record, (), frozenset()) == record
    ticked_off = ticked(record, "lt-1")
    assert ticked_off is not None
    assert states(ticked_off)["lt-1"] is State.DONE
    again = launching(ticked_off, (web,), READ)  # it was looked at, and still does
    assert states(again)["lt-1"] is State.OPEN
    assert states(launching(again, (), READ))["lt-1"] is State.DONE


def test_a_region_that_was_not_read_tells_nothing() -> None:
    record = done(seen(START, (PAIR,), ON, READ, here=False), Kind.PAIR)
    assert states(seen(record, (), (), frozenset(), here=False))["i-1"] is State.OPEN


def test_a_pair_that_is_there_again_is_to_be_deleted_again() -> None:
    record = done(seen(START, (PAIR,), (), READ, here=False), Kind.PAIR)
    assert states(seen(record, (PAIR,), (), READ, here=False))["p"] is State.TODO


def test_a_person_ticks_off_only_what_is_done_by_hand() -> None:
    record = seen(START, (PAIR,), ON, READ, here=True)
    assert ticked(record, "p") is None
    assert ticked(record, "file") is None
    assert ticked(record, "nothing") is None


def test_a_failure_keeps_its_reason() -> None:
    record = seen(START, (PAIR,), (), READ, here=False)
    (item,) = [each for each in record.items if each.kind is Kind.PAIR]
    failed = with_state(record, item, State.FAILED, "denied")
    kept = seen(failed, (PAIR,), (), READ, here=False)
    assert replace(item, state=State.FAILED, why="denied") in kept.items
    assert isinstance(kept.items[0], Item)


def test_what_is_in_another_account_is_left_to_it() -> None:
    here = seen(START, (PAIR,), ON, READ, here=False, pair_name="p", elsewhere=[("2", "r1")])
    record = done(here, Kind.PAIR)
    assert [each.account for each in record.left if each.kind is Kind.PAIR] == ["2"]
    # The same region of the other account has none of these machines.
    record = seen(record, (PAIR,), (), READ, here=False, pair_name="p", account="2")
    assert states(record)["i-1"] is State.OPEN
    assert [each.account for each in record.items if each.kind is Kind.PAIR] == ["", "2"]
    assert from_json(record.to_json()) == record
