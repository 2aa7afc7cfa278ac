"""The report of a leak: what AWS says is in it, and what it does not say is UNKNOWN."""

import json
from pathlib import Path

import pytest

from credguard.app import leak
from credguard.app.leak_report import story
from credguard.report.leak import as_json, text
from credguard.report.leak import moment as iso
from credguard.store import leaks, profiles
from credguard.vault.base import key_item
from tests.support import samples
from tests.support.faults import Fault, FaultProxy
from tests.support.leaks import World, commit, repository
from tests.support.repositories import git
from tests.support.simulator import Simulator
from tests.support.trail import event

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def world(simulator: Simulator) -> World:
    return World(simulator, 0)


def out(world: World) -> leaks.Leak:
    item = key_item("aws", world.simulator.account, world.simulator.key_id)
    world.leaks.out(leaks.Place(item, "", "", "/synced/keys.txt", 3, world.at), "for a test")
    world.at += 1
    world.due()
    (found,) = leaks.all_(world.ctx.db)
    return found


def answered(world: World) -> leaks.Leak:
    out(world)
    leak.answer_due(world.ctx)
    (found,) = leaks.all_(world.ctx.db)
    assert found.state == "answered"
    return found


def test_what_the_key_did_and_what_it_left_behind(
    world: World, simulator: Simulator, faults: FaultProxy
) -> None:
    found = answered(world)
    new = profiles.profile(world.ctx.db, "work").key.key_id
    stolen, session = samples.aws_key_id(40), samples.aws_key_id(41, prefix="AS" + "IA")
    at = world.at
    ends = {"credentials": {"accessKeyId": session, "expiration": "Nov 26, 2031, 1:02:03\u202fAM"}}
    faults.trail.add(
        *(event(at - n, "ListBuckets", simulator.key_id, source="s3") for n in range(3)),
        event(at - 9, "CreateAccessKey", simulator.key_id, address="198.51.100.7",
              asked={"userName": "dev"}, given={"accessKey": {"accessKeyId": stolen}}),
        event(at - 8, "AssumeRole", simulator.key_id, source="sts", given=ends,
              asked={"roleArn": "arn:aws:iam::123456789012:role/admin"}),
        event(at - 7, "CreateUser", simulator.key_id, error="AccessDenied"),
        event(at - 6, "CreateLoginProfile", stolen, asked={"userName": "dev"}),
        event(at - 5, "ListUsers", stolen),
        event(at - 400 * 86400, "ListUsers", simulator.key_id),
        event(at - 4, "ListUsers", samples.aws_key_id(43), user="somebody-else"),
    )  # fmt: skip
    faults.trail.add(event(at - 3, "RunInstances", simulator.key_id, source="ec2",
                           region="eu-west-1"), region="eu-west-1")  # fmt: skip
    told = story(world.ctx, found, regions=["eu-west-1"])
    assert told.seen is not None
    assert told.seen.gaps == []
    calls = {(each.name, each.region): each for each in told.seen.calls or ()}
    assert set(calls) == {
        ("ListBuckets", "us-east-1"), ("CreateAccessKey", "us-east-1"), ("AssumeRole", "us-east-1"),
        ("CreateUser", "us-east-1"), ("CreateLoginProfile", "us-east-1"),
        ("RunInstances", "eu-west-1"),
    }  # fmt: skip
    assert calls["ListBuckets", "us-east-1"].count == 3
    assert {name for (name, _), each in calls.items() if each.notable} == {
        "CreateAccessKey", "AssumeRole", "CreateLoginProfile", "RunInstances"
    }  # fmt: skip
    assert calls["AssumeRole", "us-east-1"].until == pytest.approx(1953421323)
    assert {each.key_id: each.ours for each in told.seen.keys or ()} == {
        simulator.key_id: True, new: True
    }  # fmt: skip
    assert (told.seen.has_login, told.replaced_by) == (False, new)
    shown, stopped = text(told), iso(found.due)
    for part in (
        simulator.key_id, new, stolen, "198.51.100.7", "CHECK:", "3 times", "role/admin",
        f"may live until {iso(found.due + 36 * 3600)}", f'"aws:TokenIssueTime": "{stopped}"',
        "aws iam put-user-policy --user-name dev", "/synced/keys.txt:3", "2031-11-26T01:02:03Z",
        "refused: AccessDenied",
    ):  # fmt: skip
        assert part in shown
    assert json.loads(json.dumps(as_json(told)))["deny_policy"]["Statement"][0]["Effect"] == "Deny"
    assert simulator.secret.reveal() not in shown + json.dumps(as_json(told))


def test_all_pages_are_read(world: World, faults: FaultProxy, simulator: Simulator) -> None:
    found = answered(world)
    faults.trail.page = 2
    faults.trail.add(*(event(world.at - n, f"Get{n}", simulator.key_id) for n in range(3)))
    told = story(world.ctx, found, regions=[])
    assert told.seen is not None
    assert len(told.seen.calls or ()) == 3
    assert told.seen.complete


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        ("cloudtrail:LookupEvents", "calls"),
        ("iam:ListAccessKeys", "keys"),
        ("iam:GetLoginProfile", "has_login"),
    ],
)
def test_what_may_not_be_asked_is_unknown_and_nothing_else(
    world: World, faults: FaultProxy, action: str, missing: str
) -> None:
    found = answered(world)
    faults.script(Fault(action, "denied"))
    told = story(world.ctx, found, regions=[])
    assert told.seen is not None
    unknown = {name for name in ("calls", "keys", "has_login") if getattr(told.seen, name) is None}
    assert unknown == {missing}
    (gap,) = told.seen.gaps
    assert action in gap
    assert f"UNKNOWN: {gap}" in text(told)


def test_without_a_profile_left_the_report_says_what_to_type(world: World) -> None:
    found = answered(world)
    world.ctx.db.execute("DELETE FROM profile")
    shown = text(story(world.ctx, found, regions=[]))
    assert "aws cloudtrail lookup-events" in shown
    assert "UNKNOWN: no profile hands out a key" in shown
    assert "no profile" not in text(story(world.ctx, found, ask=False, regions=[]))


def test_a_waiting_and_a_stopped_leak_say_that_the_key_works(world: World) -> None:
    found = out(world)
    shown = text(story(world.ctx, found, ask=False, regions=[]))
    assert "the key still works, so new ones can be got" in shown
    assert "leak stop" in shown
    leak.stop(world.ctx)
    (found,) = leaks.all_(world.ctx.db)
    shown = text(story(world.ctx, found, ask=False, regions=[]))
    assert "stop the key: it still works" in shown


def test_a_commit_says_when_it_was_made_and_hostile_names_stay_text(
    world: World, tmp_path: Path
) -> None:
    repo = repository(tmp_path)
    oid = commit(repo, world.simulator.secret.reveal(), "a\x1b[31m\nb.txt")
    git(repo, "push", "-q", "origin", "HEAD:main")
    (found,) = world.look(repo)
    told = story(world.ctx, found, ask=False, regions=[])
    made = git(repo, "log", "-1", "--format=%ct", oid)
    assert [each.committed for each in told.places] == [float(made)]
    assert "\x1b" not in text(told)
    assert all(each.count("\n") == 0 for each in text(told).splitlines())
