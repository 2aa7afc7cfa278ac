from datetime import datetime

import pytest

from credguard.app import log
from credguard.app.context import Context
from credguard.errors import CredguardError, UnknownProfile
from credguard.store import events, handouts, profiles
from tests.support import samples

OLD, NEW = samples.aws_key_id(1), samples.aws_key_id(2)
IDENTITY = "aws/111111111111/dev"
WHO = handouts.Asker(7, "/bin/aws", 1.0)


@pytest.fixture
def ctx() -> Context:
    """Eleven entries from 1 to 10; profile work is dev's, profile other is somebody else's."""
    ctx = Context()
    for name, user, key_id in (("work", "dev", NEW), ("other", "ops", samples.aws_key_id(3))):
        key = profiles.Key(key_id, "aws", "1" * 12, user, "U", 1.0, "add")
        profiles.add_profile(ctx.db, name, key, 1, consent=True)
    events.record(ctx.db, 1, "profile.stored", "work", key_id=OLD)
    handouts.record(ctx.db, 2, "work", OLD, "exec", WHO)
    events.record(ctx.db, 3, "secret.stored", "work")
    events.record(ctx.db, 4, "rotation.intent", IDENTITY, old_id=OLD, new_id=None)
    events.record(ctx.db, 5, "rotation.switched", IDENTITY, old_id=OLD, new_id=NEW)
    handouts.record(ctx.db, 6, "work", NEW, "credential_process", WHO)
    handouts.record(ctx.db, 7, "other", samples.aws_key_id(3), "exec", WHO)
    events.record(ctx.db, 8, "rotation.ended", "aws/111111111111/ops")
    events.record(ctx.db, 9, "profile.removed", "gone", key_id="X")
    events.record(ctx.db, 9.5, "ssh.registered", "work", regions=[])
    events.record(ctx.db, 10, "rotationist", "not a rotation")
    return ctx


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (log.Query(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 9.5, 10]),
        (log.Query(limit=3), [9, 9.5, 10]),
        (log.Query(limit=5), [7, 8, 9, 9.5, 10]),
        (log.Query(kinds=frozenset({"handout"})), [2, 6, 7]),
        (log.Query(kinds=frozenset({"rotation"})), [4, 5, 8]),
        (log.Query(kinds=frozenset({"rotation.switched", "handout"})), [2, 5, 6, 7]),
        (log.Query(kinds=frozenset({"handout"}), limit=1), [7]),
        (log.Query(profile="work"), [1, 2, 4, 5, 6]),
        (log.Query(profile="other"), [7, 8]),
        (log.Query(profile="gone"), [9]),
        (log.Query(key_id=OLD), [1, 2, 4, 5]),
        (log.Query(key_id=NEW), [5, 6]),
        (log.Query(key_id=OLD[:-1]), []),
        (log.Query(since=9.2), [9.5, 10]),
        (log.Query(profile="work", kinds=frozenset({"rotation"}), since=4.5), [5]),
    ],
)
def test_what_fits_is_shown_newest_last(
    ctx: Context, query: log.Query, expected: list[int]
) -> None:
    assert [each.at for each in log.entries(ctx, query)] == expected


def test_a_clock_that_was_set_back_still_reads_in_order(ctx: Context) -> None:
    events.record(ctx.db, 2.5, "secret.read", "s")
    assert [each.at for each in log.entries(ctx, log.Query())][:4] == [1, 2, 2.5, 3]


def test_equal_times_keep_the_order_they_happened_in() -> None:
    ctx = Context()
    for number in range(5):
        events.record(ctx.db, 1, f"k{number}", "s")
    assert [each.kind for each in log.entries(ctx, log.Query())] == [f"k{n}" for n in range(5)]


def test_what_nothing_is_known_of_is_an_error_not_an_empty_log(ctx: Context) -> None:
    with pytest.raises(UnknownProfile):
        log.entries(ctx, log.Query(profile="never"))
    with pytest.raises(CredguardError, match="rotations"):
        log.entries(ctx, log.Query(kinds=frozenset({"rotations"})))
    assert [each.at for each in log.entries(ctx, log.Query(kinds=frozenset({"rotationist"})))] == [
        10
    ]
    assert log.entries(ctx, log.Query(kinds=frozenset({"user"}))) == []


def test_following_goes_on_with_what_others_record_and_repeats_nothing(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_POLL_S", 0.01)
    stream = log.follow(ctx, log.Query(limit=2))
    assert [next(stream).at for _ in range(2)] == [9.5, 10]
    other = Context()
    for number in range(60):  # more than the limit, and in the past
        handouts.record(other.db, number, "work", NEW, "exec", WHO)
    assert [next(stream).at for _ in range(60)] == list(range(60))
    events.record(other.db, 3, "secret.read", "s")
    assert next(stream).kind == "secret.read"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", 1e9 - 7 * 86400),
        ("0s", 1e9),
        ("2026-11-01", datetime(2026, 11, 1).timestamp()),  # noqa: DTZ001 - local is meant
        ("2026-11-01T10:30", datetime(2026, 11, 1, 10, 30).timestamp()),  # noqa: DTZ001
        ("today", datetime(2001, 9, 9).timestamp()),  # noqa: DTZ001
        ("yesterday", datetime(2001, 9, 8).timestamp()),  # noqa: DTZ001
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01T02:00:10+02:00", 10),
    ],
)
def test_moments(text: str, expected: float) -> None:
    assert log.moment(text, 1e9) == expected


@pytest.mark.parametrize("text", ["", "7", "7y", "tomorrow", "2026-13-01", "d", "-7d", "9" * 20])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(CredguardError) as caught:
        log.moment(text, 1e9)
    assert "7d" in caught.value.hint
