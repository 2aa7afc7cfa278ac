"""What the report tells of the past, from the log and the store."""

from pathlib import Path

import pytest

from credguard.app.context import Context
from credguard.app.history import history
from credguard.report.history import KeyLine
from credguard.store import audits, events, profiles
from tests.cli.test_main import run
from tests.support import samples

DAY = 86400.0
IDENTITY = "aws/111122223333/ada"


def key(number: int, created: float | None, user: str = "ada") -> profiles.Key:
    return profiles.Key(
        samples.aws_key_id(number), "aws", "111122223333", user, "U", created, "import"
    )


def lines(ctx: Context) -> list[KeyLine]:
    return history(ctx, ctx.now() - 365 * DAY).keys


def test_a_key_that_was_never_replaced_is_as_old_as_iam_says() -> None:
    ctx = Context()
    now = ctx.now()
    profiles.add_profile(ctx.db, "work", key(1, now - 40 * DAY), now - DAY, consent=True)
    (line,) = lines(ctx)
    (use,) = line.uses
    assert (line.name, use.start, use.end, use.sure) == ("ada", now - 40 * DAY, None, True)


def test_one_whose_making_is_not_known_is_at_least_as_old_as_it_is_here() -> None:
    ctx = Context()
    now = ctx.now()
    profiles.add_profile(ctx.db, "work", key(1, None), now - 9 * DAY, consent=True)
    ((use,),) = [line.uses for line in lines(ctx)]
    assert (use.created, use.sure) == (now - 9 * DAY, False)


def test_each_rotation_ends_one_key_and_begins_another_though_the_old_is_forgotten() -> None:
    ctx = Context()
    now = ctx.now()
    ids = [samples.aws_key_id(number) for number in range(3)]
    events.record(ctx.db, now - 90 * DAY, "profile.stored", "work", key_id=ids[0])
    for number, at in ((1, now - 60 * DAY), (2, now - 30 * DAY)):
        detail = {"old_id": ids[number - 1], "new_id": ids[number]}
        events.record(ctx.db, at - 60, "rotation.created", IDENTITY, **detail)
        events.record(ctx.db, at, "rotation.switched", IDENTITY, **detail)
    profiles.add_profile(ctx.db, "work", key(2, now - 30 * DAY), now, consent=True)
    (line,) = lines(ctx)
    assert [use.key_id for use in line.uses] == ids
    assert [use.sure for use in line.uses] == [False, True, True]
    assert [use.start for use in line.uses] == [now - 90 * DAY, now - 60 * DAY, now - 30 * DAY]
    assert [use.end for use in line.uses] == [now - 60 * DAY, now - 30 * DAY, None]
    kinds = [(each.kind, each.new_id) for each in history(ctx, now - 45 * DAY).rotations]
    assert kinds == [("replaced", ids[2])]


def test_a_key_put_in_by_hand_after_a_rotation_ends_the_rotated_one() -> None:
    ctx = Context()
    now = ctx.now()
    old, new = samples.aws_key_id(0), samples.aws_key_id(1)
    events.record(ctx.db, now - 9 * DAY, "rotation.switched", IDENTITY, old_id=old, new_id=new)
    profiles.add_profile(ctx.db, "work", key(7, now - 2 * DAY), now - DAY, consent=True)
    (line,) = lines(ctx)
    assert [use.key_id for use in line.uses] == [old, new, samples.aws_key_id(7)]
    assert line.uses[1].end == line.uses[2].start == now - 2 * DAY


def test_findings_that_ended_before_are_left_out() -> None:
    ctx = Context()
    now = ctx.now()
    for number, (age, end) in enumerate(((100, 90), (50, 3), (1, None))):
        ctx.db.execute(
            "INSERT INTO finding (fingerprint, path, line, rule_id, masked, first_seen, last_seen,"
            " state) VALUES (?, '/x', 1, 'r', '*', ?, ?, ?)",
            (number, now - age * DAY, now - (end or 0) * DAY, "resolved" if end else "open"),
        )
    found = history(ctx, now - 60 * DAY).findings
    assert [(each.opened, each.closed) for each in found] == [
        (now - 50 * DAY, now - 3 * DAY),
        (now - DAY, None),
    ]


def test_the_command_writes_one_private_file_and_breaks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert run("report", "--html", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("<!doctype html>")
    assert run("report", "--html", "-", "--since", "30d").stdout.startswith("<!doctype html>")
    link = tmp_path / "link.html"
    link.symlink_to(file)
    file.write_text("")
    assert run("report", "--html", str(link)).returncode == 0
    assert link.is_symlink()
    assert file.read_text() != ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--html", "/dev/null"), "no plain file"),
        (("--html", "/absent/x.html"), "cannot write"),
        (("--html", "x", "--since", "soon"), "neither a duration nor a date"),
        (("--html", "x", "--since", "2999-01-01"), "begin after now"),
        ((), "Missing option '--html'"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], said: str) -> None:
    done = run("report", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert Path("/dev/null").is_char_device()


def test_the_audits_that_were_made_are_told_oldest_first() -> None:
    ctx = Context()
    now = ctx.now()
    for days, failed in ((400, 9), (3, 5), (1, 2)):
        run = audits.Run(
            "111122223333", "account", now - days * DAY, 40, failed, 1, 0, 60, 4.0, ("us-east-1",),
            {("root-mfa", "", "root"): "FAIL"},
        )  # fmt: skip
        audits.add(ctx.db, run)
    told = history(ctx, now - 365 * DAY).audits
    assert [(each.at, each.failed) for each in told] == [(now - 3 * DAY, 5), (now - DAY, 2)]
    assert (told[0].passed, told[0].unknown) == (40, 1)
