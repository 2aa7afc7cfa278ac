"""Waivers, thresholds and what is chosen."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from credguard import config as settings
from credguard import paths
from credguard.app.audit import run, waivers
from credguard.app.context import Context
from credguard.audit import judge
from credguard.audit.model import FAIL, PASS, WAIVED, Limits
from credguard.audit.table import BY_ID
from credguard.config_model import AuditConfig
from credguard.errors import ConfigError
from tests.audit import world


def written(text: str) -> Context:
    folder = Path(paths.private_dir(paths.config_dir()))
    (folder / "audit-waivers.toml").write_text(text)
    return Context()


ENTRY = 'check = "s3-bucket-block"\nresource = "arn:aws:s3:::data"\nreason = "the website"\n'


def test_a_waiver_holds_to_the_end_of_its_day() -> None:
    (found,) = waivers.load(written(f"[[waiver]]\n{ENTRY}until = 2027-03-01\n"))
    end = 1803945600.0  # 2027-03-02 00:00 UTC
    assert found.until == end
    check = BY_ID["s3-bucket-block"]
    for now, status in ((end - 1, WAIVED), (end, FAIL)):
        facts = world.put(world.put(world.GOOD, "bucket.block", None), "now", now)
        results = judge.run(facts, Limits(), [check], [found])
        assert [each.status for each in results] == [status, FAIL]
    assert list(judge.expired([found], end)) == [found]


def test_a_waiver_is_written_beside_what_a_person_wrote() -> None:
    ctx = written(f"# ours\n[[waiver]]\n{ENTRY}until = 2027-03-01  # a day\n")
    day = date(2999, 1, 1)
    odd = 'it"s \\ a\n[[reason]]'
    path = waivers.add(ctx, "root-mfa", "*", odd, day)
    assert [(each.check, each.reason, each.day) for each in waivers.load(ctx)] == [
        ("s3-bucket-block", "the website", "2027-03-01"), ("root-mfa", odd, "2999-01-01"),
    ]  # fmt: skip
    assert Path(path).read_text().startswith(f"# ours\n[[waiver]]\n{ENTRY}until = 2027-03-01  # a")
    before = Path(path).read_bytes()
    for check, reason, until, said in (
        ("no-such", "x", day, "no check"), ("root-mfa", " ", day, "no reason"),
        ("root-mfa", "x", date(2020, 1, 1), "is over"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            waivers.add(ctx, check, "*", reason, until)
    assert Path(path).read_bytes() == before


def test_the_first_waiver_makes_the_file() -> None:
    ctx = Context()
    path = Path(waivers.add(ctx, "root-mfa", "arn:aws:*", "x", date(2999, 1, 1)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.resource for each in waivers.load(ctx)] == ["arn:aws:*"]


def test_a_waiver_may_last_as_long_as_there_are_days() -> None:
    waivers.add(Context(), "root-mfa", "*", "x", date.max)
    (found,) = waivers.load(Context())
    assert (found.day, found.until) == ("9999-12-31", 253402300800.0)


@pytest.mark.parametrize("given", [("caf\udce9", "x"), ("*", "caf\udce9")])
def test_a_waiver_in_letters_that_no_file_can_hold(given: tuple[str, str]) -> None:
    ctx = Context()
    with pytest.raises(ConfigError, match="UTF-8"):
        waivers.add(ctx, "root-mfa", *given, date(2999, 1, 1))
    assert waivers.load(ctx) == []


def test_waivers_that_are_written_at_once_all_stand() -> None:
    names = [f"arn:aws:s3:::{number}" for number in range(16)]
    start = threading.Barrier(len(names))

    def add(name: str) -> None:
        ctx = Context()
        start.wait()
        waivers.add(ctx, "s3-bucket-public", name, "x", date(2999, 1, 1))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(add, names))
    assert sorted(each.resource for each in waivers.load(Context())) == sorted(names)


def test_a_waiver_hides_no_pass() -> None:
    found = waivers.load(written(f"[[waiver]]\n{ENTRY}until = 2999-01-01\n"))
    (first, _) = judge.run(world.GOOD, Limits(), [BY_ID["s3-bucket-block"]], found)
    assert (first.status, first.waiver) == (PASS, "")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 << 30)


ODD = pytest.mark.parametrize(
    ("made", "said"), [(_fifo, "no file"), (_device, "no file"), (_huge, "larger than 1 MiB")]
)


@ODD
def test_what_is_no_file_of_waivers_hangs_nobody(made: Callable[[Path], None], said: str) -> None:
    made(Path(paths.private_dir(paths.config_dir())) / "audit-waivers.toml")
    with pytest.raises(ConfigError, match=said):
        waivers.load(Context())


@ODD
def test_what_is_no_file_of_settings_hangs_nobody(made: Callable[[Path], None], said: str) -> None:
    made(Path(paths.private_dir(paths.config_dir())) / "config.toml")
    with pytest.raises(ConfigError, match=said):
        settings.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[[waiver]]\n{ENTRY}", "until"),
        ('[[waiver]]\ncheck = "s3-bucket-block"\nuntil = 2027-01-01\n', "reason"),
        ('[[waiver]]\ncheck = "s3-bucket-block"\nreason = " "\nuntil = 2027-01-01\n', "no reason"),
        ('[[waiver]]\ncheck = "no-such"\nreason = "x"\nuntil = 2027-01-01\n', "no check 'no-such'"),
        (f"[[waiver]]\n{ENTRY}until = 2027-01-01\nwhom = 1\n", "whom"),
        ("[[waiver]\n", "toml"),
    ],
)
def test_a_wrong_waiver_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        waivers.load(written(text))


def test_a_file_that_is_named_must_be_there() -> None:
    settings.set_value("audit.waivers", "/no/such/file")
    with pytest.raises(ConfigError, match="/no/such/file"):
        waivers.load(Context())
    settings.set_value("audit.waivers", "")
    assert waivers.load(Context()) == []


def test_thresholds_come_from_the_settings() -> None:
    settings.set_value("audit.key_age", "60d")
    settings.set_value("audit.open_ports", "443")
    settings.set_value("audit.automation", "Robot-*")
    limits = run.limits_of(settings.load().audit)
    assert limits.key_age == 60 * 86400
    assert limits.open_ports == {443}
    assert limits.automation == ("robot-*",)
    assert run.limits_of(AuditConfig()) == Limits()


@pytest.mark.parametrize("value", ["x", "70000", "-1"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="not a port"):
        settings.set_value("audit.open_ports", value)


def test_what_is_chosen() -> None:
    assert [c.id for c in run.chosen(["root-mfa"], [], own=False)] == ["root-mfa"]
    assert "root-mfa" not in {c.id for c in run.chosen([], ["root-mfa"], own=False)}
    assert all(c.own for c in run.chosen([], [], own=True))
    with pytest.raises(ConfigError, match="'nonsense'"):
        run.chosen([], ["nonsense"], own=False)
    with pytest.raises(ConfigError, match="no check is left"):
        run.chosen(["root-mfa"], [], own=True)


def test_worse_and_better() -> None:
    def keys(**given: str) -> dict[tuple[str, str, str], str]:
        return {(name, "", ""): status for name, status in given.items()}

    before = keys(a="PASS", b="FAIL", c="UNKNOWN", d="FAIL", e="FAIL", f="PASS", g="WAIVED")
    after = keys(a="FAIL", b="PASS", c="FAIL", d="FAIL", f="UNKNOWN", g="FAIL", h="FAIL", i="PASS")
    assert [each[0] for each in judge.worse(before, after)] == ["a", "c", "f", "g", "h"]
    assert [each[0] for each in judge.better(before, after)] == ["b", "e"]
