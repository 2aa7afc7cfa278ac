"""The status screen: what it says, in terminals of every width."""

from dataclasses import replace

import pytest

from credguard.report.cells import Look, plain_text, width
from credguard.report.overview import (
    Audit,
    FindingRow,
    HookStatus,
    KeyStatus,
    LeakRow,
    PasswordStatus,
    ProblemRow,
    Resting,
    RootStatus,
    SshStatus,
    Status,
)
from credguard.report.screen import needs, screen
from tests.support import samples

NOW = 1_790_000_000.0
DAY = 86400.0
WIDTHS = (40, 60, 80, 120)

EMPTY = Status(
    now=NOW, vault_backend="not chosen", vault_state="missing", keys=[], resting=[],
    rotations_midway=0, passwords=[], passwords_due=[], ssh=[], hooks=[], watched=[],
    open_findings=[], leaks=[], daemon="stopped", service="not installed", last_tick=None,
    problems=[], audit=None, unreadable=[],
)  # fmt: skip


def key(name: str, *, age: float | None = 12, due: float | None = 16, **more: object) -> KeyStatus:
    made = KeyStatus(
        name, samples.aws_key_id(len(name)), f"aws/111122223333/{name}", age, due, True, 30
    )
    return replace(made, **more)  # type: ignore[arg-type]


WELL = replace(
    EMPTY,
    vault_backend="keyring:secretservice", vault_state="UNKNOWN", daemon="running",
    service="running", last_tick=NOW - 300, keys=[key("work")],
    hooks=[HookStatus("/home/ada/src/app", "installed"), HookStatus("--global", "installed")],
    watched=[RootStatus("/home/ada/src", "ok", 53111, NOW - 300, 0)],
    audit=Audit(NOW - DAY, 20, 0, 1),
)  # fmt: skip

FULL = replace(
    WELL,
    daemon="stopped",
    keys=[
        key("old", age=44, due=-15, consent=False),
        key("a-name-that-is-longer-than-any-terminal-is-wide-by-some"),
        key("unaged", age=None, due=None),
        key("leaky", state="leaked"),
        replace(key("work"), profile="also-work"),
        key("work"),
    ],
    resting=[
        Resting(samples.aws_key_id(90), "aws/1/ada", "grace", "deactivate", NOW + 3 * DAY, ""),
        Resting(samples.aws_key_id(91), "aws/1/bob", "blocked", "deactivate", None,
                "blocked: the old key was used by s3 an hour ago"),
    ],
    rotations_midway=2,
    passwords=[
        PasswordStatus("aws/111122223333/ada", ["work"], "kept", 95, -5),
        PasswordStatus("aws/111122223333/bob", ["old"], "unknown", None, None),
    ],
    passwords_due=["aws/111122223333/ada"],
    ssh=[
        SshStatus("ada-laptop", 40, 50, ["us-east-1", "eu-west-1"]),
        SshStatus("spare", 93, -3, []),
    ],
    hooks=[
        HookStatus("/home/ada/src/app", "shadowed"), HookStatus("/gone", "gone"),
        HookStatus("/home/ada/日本語の長い名前のプロジェクト", "partly"),
        *(HookStatus(f"/r/{number}", "installed") for number in range(30)),
    ],
    watched=[
        RootStatus("/home/ada/src", "ok", 53111, NOW - 300, 2),
        RootStatus("/mnt/gone", "missing", None, None, 0),
        RootStatus("/home/ada/new", "ok", None, None, 0),
        RootStatus("/home/ada/empty", "ok", 0, NOW - 300, 0, ["/home/ada/empty/nfs"]),
    ],
    open_findings=[
        FindingRow(f"/home/ada/src/a/rather/long/path/to/the/file/number{number}.env", 3,
                   "aws-secret-access-key", "bdVs********", NOW - 3 * DAY, NOW, "open")
        for number in range(12)
    ],
    leaks=[LeakRow("the key of profile leaky", "waiting", NOW + 300)],
    problems=[
        ProblemRow("rotation of aws/1/old", "refused", "nobody agreed yet\x1b[31m",
                   "run: credguard rotate old --yes", NOW - 7000)
    ],
)  # fmt: skip


def shown(status: Status, columns: int = 80, **look: object) -> str:
    made = Look(columns, home="/home/ada", **look)  # type: ignore[arg-type]
    return "\n".join(plain_text(screen(status, made))) + "\n"


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("status", [EMPTY, WELL, FULL], ids=["empty", "well", "full"])
def test_no_line_is_wider_than_the_terminal_but_a_command_to_copy(
    status: Status, columns: int
) -> None:
    for line in shown(status, columns).splitlines():
        assert width(line) <= columns or line.strip().startswith("credguard "), line


@pytest.mark.parametrize("columns", WIDTHS)
def test_every_key_its_age_and_what_to_type_are_there_at_any_width(columns: int) -> None:
    text = shown(FULL, columns)
    for each in FULL.keys:
        assert text.count(each.key_id) == 1
    for part in (
        "44 d", "due now", "credguard rotate old --yes", "leaked",
        "credguard rotate --emergency leaky", "UNKNOWN", "also-work, work", "grace: deactivate",
        "credguard leak list", "ada-laptop", "credguard ssh rotate spare",
        "credguard hook install /home/ada/src/app",
        "2 findings", "empty when", "/home/ada/empty/nfs",
        "12 open", "and 2 more: credguard status --json", "and 13 more",
    ):  # fmt: skip
        assert part in text, part


def test_nothing_steers_the_terminal_and_plain_is_ascii() -> None:
    assert "\x1b" not in shown(FULL)
    text = shown(replace(FULL, hooks=FULL.hooks[:2]), plain=True)
    assert text.isascii()
    assert "=" * 10 in text  # the bar of the key that is over its age


def test_the_bar_is_full_only_when_the_age_is_reached() -> None:
    for age, full in ((0, 0), (15, 5), (29.9, 9), (30, 10), (400, 10)):
        text = shown(replace(WELL, keys=[key("work", age=age)]), plain=True)
        assert text.count("=") == full, age


def test_the_head_sums_up_what_needs_a_look() -> None:
    assert "nothing is set up yet: credguard init" in shown(EMPTY)
    assert "all is well" in shown(replace(EMPTY, vault_backend="file", vault_state="present"))
    assert needs(WELL) == []
    assert "✓ all is well" in shown(WELL)
    assert f"! {len(needs(FULL))} things need a look" in shown(FULL)
    one = replace(WELL, keys=[key("old", due=-1, consent=False)])
    assert "! 1 thing needs a look" in shown(one)
    # A person agreed, so the service does it by itself.
    assert needs(replace(WELL, keys=[key("old", due=-1)])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"daemon": "stopped"},
        {"hooks": [HookStatus("/r", "shadowed")]},
        {"hooks": [HookStatus("/r", "UNKNOWN")]},
        {"watched": [RootStatus("/r", "missing", None, None, 0)]},
        {"passwords_due": ["aws/1/ada"]},
        {"leaks": FULL.leaks},
        {"ssh": FULL.ssh[1:]},
        {"open_findings": FULL.open_findings[:1]},
        {"resting": FULL.resting[1:]},
        {"keys": [key("work", state="UNKNOWN")]},
        {"unreadable": ["the settings"]},
        {"problems": FULL.problems},
        {"keys": [key("work", age=None, due=None)]},
        {"keys": [key("work", due=0.0, consent=False)]},
        {"passwords": FULL.passwords[1:]},
        {"audit": Audit(NOW - DAY, 20, 3, 1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_thing_that_needs_a_look_is_counted(change: dict[str, object]) -> None:
    assert len(needs(replace(WELL, **change))) == 1  # type: ignore[arg-type]


def test_what_nobody_looked_at_is_never_called_clean() -> None:
    assert "Findings  none open" in shown(WELL)
    assert "UNKNOWN, nothing is watched" in shown(replace(WELL, watched=[]))
    assert "nobody looks: the service is stopped" in shown(replace(WELL, daemon="stopped"))
    assert "20 passed, 0 failed, 1 UNKNOWN; 24 h ago" in shown(WELL)
    assert "none was made yet" in shown(EMPTY)
    ends = {screen(replace(WELL, audit=Audit(NOW, 9, *made)), Look(80))[-1][-1].style
            for made in ((0, 1), (0, 0), (1, 1))}  # fmt: skip
    assert ends == {"warn", "good", "bad"}


@pytest.mark.parametrize("state", ["UNKNOWN", "could not be read"])
def test_hooks_of_which_nothing_is_known_say_so(state: str) -> None:
    assert f"/r  {state}\n" in shown(replace(WELL, hooks=[HookStatus("/r", state)]))
