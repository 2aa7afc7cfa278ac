"""An own key that was pushed: noticed, answered once, told; real git, the simulator's IAM."""

import json
from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app import keys, leak, rotate
from credguard.app.context import Context
from credguard.app.leak_report import story
from credguard.app.log import Query, entries
from credguard.app.tick import tick
from credguard.daemon.scheduler import TASK
from credguard.report import leak as shown
from credguard.report.log import sentence
from credguard.store import leaks, profiles, schedule
from tests.support import daemon
from tests.support.daemon import until
from tests.support.leaks import World, commit, repository
from tests.support.person import add_key, credguard, file_vault, wait_for_nothing
from tests.support.repositories import git
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path)


def test_a_key_that_was_pushed_is_replaced_once(simulator: Simulator, repo: Path) -> None:
    world = World(simulator, 0)
    oid = commit(repo, simulator.secret.reveal())
    assert world.look(repo) == []
    assert "the key of profile work" in world.told[0]
    assert "git commit --amend" in world.told[0]
    assert world.statuses == {simulator.key_id: "Active"}  # local: nothing is rotated
    git(repo, "push", "-q", "origin", "HEAD:main")
    [seen] = world.look(repo)
    assert (seen.state, seen.title, seen.place.oid) == ("waiting", "the key of profile work", oid)
    next_run = schedule.get(world.ctx.db, TASK).next_run
    assert next_run is not None
    assert next_run <= world.at
    world.due()
    notes = tick(world.ctx)
    assert [note.title for note in notes if "leak" in note.title] == [
        "credguard: a leak was answered"
    ]
    [answered] = leaks.all_(world.ctx.db)
    assert answered.state == "answered"
    new = profiles.profile(world.ctx.db, "work").key.key_id
    assert new != simulator.key_id
    assert world.statuses == {simulator.key_id: "Inactive", new: "Active"}
    # Once, ever: the same value elsewhere, and the same commit again, change nothing.
    commit(repo, simulator.secret.reveal(), "again.txt")
    git(repo, "push", "-q", "origin", "HEAD:main")
    assert world.look(repo) == [answered]
    assert leak.answer_due(world.ctx) == []
    said = [sentence(each) for each in entries(world.ctx, Query())]
    assert any(line.startswith("the key of profile work got out: notes.txt:2") for line in said)
    assert any("got out was answered: emergency" in line for line in said)
    report = shown.text(story(world.ctx, answered, regions=[]))
    for part in (oid, simulator.key_id, new, "deactivated", "aws:TokenIssueTime", "lookup-events"):
        assert part in report
    for text in [*world.told, *said, report]:
        assert simulator.secret.reveal() not in text


def test_a_person_can_stop_the_answer(simulator: Simulator, repo: Path) -> None:
    world = World(simulator, 600)
    commit(repo, simulator.secret.reveal())
    git(repo, "push", "-q", "origin", "HEAD:main")
    [seen] = world.look(repo)
    assert seen.due == seen.at + 600
    assert "credguard leak stop" in world.told[-1]
    assert leak.answer_due(world.ctx) == []  # not yet
    assert [each.item for each in leak.stop(world.ctx)] == [seen.item]
    world.ctx.__dict__["now"] = lambda: world.at + 3600
    assert leak.answer_due(world.ctx) == []
    assert world.statuses == {simulator.key_id: "Active"}


def test_the_previous_key_in_its_grace_is_stopped_now(simulator: Simulator, repo: Path) -> None:
    world = World(simulator, 0)
    (outcome,) = rotate.rotate(world.ctx, ["work"], yes=True)
    assert outcome.state == "waiting"
    new = profiles.profile(world.ctx.db, "work").key.key_id
    assert world.statuses == {simulator.key_id: "Active", new: "Active"}
    commit(repo, simulator.secret.reveal()[::-1])
    git(repo, "push", "-q", "origin", "HEAD:main")
    assert len(world.look(repo)) == 1
    world.due()
    [answered] = leak.answer_due(world.ctx)
    assert answered.answer.startswith("deactivate")
    assert world.statuses == {simulator.key_id: "Inactive", new: "Active"}
    assert profiles.profile(world.ctx.db, "work").key.key_id == new


def test_a_dead_key_is_only_reported(simulator: Simulator, repo: Path) -> None:
    for name in ("grace", "soak"):
        config.set_value(f"rotation.{name}", "0s")
    world = World(simulator, 0)
    config.set_value("rotation.soak", "0s")
    world.ctx.__dict__.pop("config", None)
    (outcome,) = rotate.rotate(world.ctx, ["work"], yes=True)
    assert outcome.state == "done"
    before = world.statuses
    commit(repo, simulator.secret.reveal())
    git(repo, "push", "-q", "origin", "HEAD:main")
    assert len(world.look(repo)) == 1
    world.due()
    [answered] = leak.answer_due(world.ctx)
    assert answered.answer.startswith("report")
    assert world.statuses == before


def _answered() -> bool:
    ctx = Context()
    try:
        return [each.state for each in leaks.all_(ctx.db)] == ["answered"]
    finally:
        ctx.close()


def test_the_real_service_answers_by_itself(
    simulator: Simulator, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_vault(tmp_path, monkeypatch)
    wait_for_nothing()
    credguard("config", "set", "leak.countdown", "0s")
    add_key(simulator)
    credguard("watch", "add", str(repo))
    process = daemon.start()
    commit(repo, simulator.secret.reveal())
    git(repo, "push", "-q", "origin", "HEAD:main")
    iam = simulator.iam()
    until(lambda: simulator.key_id not in dict(iam.keys("dev")), 90)
    until(_answered)
    daemon.stop(process)
    done = credguard("leak", "list")
    assert "answered" in done.stdout
    report = credguard("leak", "report", "--region", "eu-west-1").stdout
    ctx = Context()
    new = keys.credentials(ctx, "work").key_id
    ctx.close()
    for part in (simulator.key_id, f"Replaced by: {new}", "put-user-policy", "UNKNOWN: cloudtrail"):
        assert part in report
    (row,) = json.loads(credguard("leak", "report", "--json", "--no-aws").stdout)["leaks"]
    assert (row["key_id"], row["replaced_by"], row["seen"]) == (simulator.key_id, new, None)
    for word in ("stop", "answer"):
        assert "no answer to a leak waits" in credguard("leak", word, ok=2).stderr
    log = Path(paths.log_file()).read_text()
    for text in (report, log, done.stdout):
        assert simulator.secret.reveal() not in text
    assert new != simulator.key_id
