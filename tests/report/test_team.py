"""Audits and postures of many as one view."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from credguard.audit.model import FAIL, PASS, UNKNOWN, WAIVED
from credguard.cli.main import root
from credguard.errors import ConfigError
from credguard.report import audit as audits
from credguard.report import posture, team
from credguard.report.audit import CheckRow
from credguard.report.posture import Hooks, Key, Posture
from credguard.report.team import Merging, Team, machine_needs
from credguard.report.team_html import team_html
from credguard.report.team_text import team_text
from tests.report.audits import NAMES, made, row

AT = 1767225600.0


def machine(user: str = "ada", host: str = "laptop", **more: object) -> Posture:
    key = Key("default", "123456789012", user, "AKIA...WXYZ", AT - 86400 * 3, 3.0, 27.0)
    values: dict[str, object] = {
        "at": AT, "vault": "file", "service": "running", "keys": (key,),
        "hooks": (Hooks("web", "installed"),), **more,
    }  # fmt: skip
    return Posture("1.2.3", user=user, host=host, platform="Linux", **values)  # type: ignore[arg-type]


def three() -> Team:
    merging = Merging()
    merging.audit(made(row("user-mfa", FAIL), row("root-mfa", PASS), account="1" * 12), name="web")
    merging.audit(
        made(row("user-mfa", FAIL), row("user-mfa", FAIL, NAMES[2]), row("root-mfa", UNKNOWN),
             account="2" * 12)
    )  # fmt: skip
    merging.audit(made(row("user-mfa", WAIVED), account="3" * 12), note="could not be entered")
    merging.machine(machine())
    merging.machine(machine("bob", vault="", keys=(), hooks=(), service="stopped", leaks=1))
    return merging.team(AT)


def test_the_worst_account_is_first_and_the_checks_say_where_they_fail() -> None:
    found = three()
    assert [each.account[0] for each in found.accounts] == ["2", "1", "3"]
    assert found.accounts[0].failed == {"user-mfa": 2}
    assert [(each.id, each.failed, each.unknown) for each in found.checks] == [
        ("user-mfa", ("1" * 12, "2" * 12), ()),
        ("root-mfa", (), ("2" * 12,)),
    ]
    assert team.totals(found) == {"FAIL": 3, "UNKNOWN": 1, "PASS": 1, "N/A": 0, "WAIVED": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_one_account_and_of_one_machine_the_newest_counts(order: tuple[int, int]) -> None:
    both = [made(row("user-mfa", FAIL)), made(row("user-mfa", PASS), at=AT + 1)]
    machines = [machine(), machine(at=AT + 1, vault="pass")]
    merging = Merging()
    for each in order:
        merging.audit(both[each])
        merging.machine(machines[each])
    found = merging.team(AT)
    assert [each.counts["FAIL"] for each in found.accounts] == [0]
    assert [each.vault for each in found.machines] == ["pass"]


def test_two_people_who_looked_at_their_own_user_are_two() -> None:
    merging = Merging()
    for name in ("ada", "bob"):
        caller = f"arn:aws:iam::123456789012:user/{name}"
        merging.audit(made(row("user-mfa", PASS), scope="self", caller=caller))
    assert len(merging.team(AT).accounts) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, []),
        ({"vault": ""}, ["no vault"]),
        ({"hooks": ()}, ["no hook"]),
        ({"hooks": (Hooks("a", "partly"),)}, ["hooks not whole in 1 of 1"]),
        ({"service": "UNKNOWN"}, ["service UNKNOWN"]),
        ({"open_findings": 2, "problems": 1}, ["2 open findings", "1 problem"]),
        ({"unknown": ("settings",)}, ["1 not told"]),
        ({"at": AT - 86400 * 20}, ["told 20 days ago"]),
        ({"keys": (Key("a", "1", "u", "x", None, None, None),)}, ["age of 1 key not known"]),
        ({"keys": (Key("a", "1", "u", "x", 0.0, 40.0, -10.0),)}, ["1 of 1 key overdue"]),
    ],
)
def test_what_of_a_machine_needs_a_look(more: dict[str, object], said: list[str]) -> None:
    assert machine_needs(machine(**more), AT) == said


def test_the_text_says_it_all_within_the_width() -> None:
    text = team_text(three(), 80)
    assert "2/3  " in text
    assert "333333333333: could not be entered" in text
    assert "look  bob on laptop" in text
    assert "3 wrong, 1 not told, 1 well" in text
    assert max(map(len, text.splitlines())) <= 80
    assert team_text(Merging().team(AT), 80) == "nothing was merged\n"


def test_no_word_of_a_document_steers_the_terminal() -> None:
    odd = "x\x1b[2J\x1b]0;y\x07\n  111111111111     0 wrong\r"
    check = CheckRow(odd, odd, odd, odd, odd, odd, odd, (), (), (), "")
    merging = Merging()
    merging.audit(
        made(row(odd, FAIL, severity=odd), account=odd, checks=(check,), caller=odd, scope="self"),
        name=odd, note=odd,
    )  # fmt: skip
    hooks = (Hooks(odd, odd),)
    merging.machine(machine(odd, odd, vault=odd, service=odd, hooks=hooks, unknown=(odd,)))
    text = team_text(merging.team(AT), 80, every=True)
    assert "\x1b" not in text
    assert all(each.isprintable() for each in text.split("\n"))
    assert not [each for each in text.split("\n") if each.startswith("  111111111111     0 wrong")]


def test_the_page_holds_names_as_text() -> None:
    merging = Merging()
    merging.audit(made(row("user-mfa", FAIL)), name=NAMES[6], note=NAMES[6])
    merging.machine(machine(NAMES[6], host=NAMES[6]))
    page = team_html(merging.team(AT))
    assert "<script>alert" not in page
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)""", page)


def merged(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(root, ["report", "merge", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_merge_reads_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(audits.to_json(made(row("user-mfa", FAIL))))
    below = tmp_path / "people" / "ada" / "laptop"
    below.mkdir(parents=True)
    (below / "1.json").write_text(posture.to_json(machine()))
    (below / "notes.txt").write_text("not ours")
    code, text, _ = merged(str(tmp_path / "a.json"), str(tmp_path / "people"), "--format", "json")
    found = json.loads(text)
    assert (code, len(found["accounts"]), len(found["machines"])) == (0, 1, 1)
    page = tmp_path / "team.html"
    code, text, _ = merged(str(tmp_path / "a.json"), "--format", "html", "--output", str(page))
    assert (code, text) == (0, "")
    assert "1 of 1" in page.read_text()


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", '{"kind": "credguard-audit"}', "[1]", "\udce4",
        f'{{"x": {DEEP}, "kind": "credguard-audit"}}',
        f'{{"kind": "credguard-posture", "x": {DEEP}}}',
    ],
    ids=range(7),
)  # fmt: skip
def test_merge_tells_a_file_that_is_none_of_ours_and_reads_the_others(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "a.json").write_text(audits.to_json(made(row("user-mfa", FAIL))))
    (tmp_path / "b.json").write_text(text, errors="surrogateescape")
    code, out, said = merged(str(tmp_path / "b.json"), str(tmp_path / "a.json"))
    assert code == 2
    assert "b.json" in said
    assert "1 wrong" in out


@pytest.mark.parametrize(
    "document",
    [
        audits.to_json(made(at=1e300)),
        audits.to_json(made(at=-1e300)),
        audits.to_json(made(row("user-mfa", "WEIRD"))),
        audits.to_json(made(row("nope", FAIL))),
    ],
)
def test_a_document_that_would_be_counted_wrong_is_told(document: str) -> None:
    with pytest.raises(ConfigError, match="is not an audit"):
        Merging().document(document.encode(), "f")


def test_a_posture_of_no_time_is_told() -> None:
    with pytest.raises(ConfigError, match="is not a posture"):
        Merging().document(posture.to_json(machine(at=1e300)).encode(), "f")


def test_a_document_of_a_later_version_is_told() -> None:
    later = audits.to_json(made()).replace('"version": 1', '"version": 2')
    with pytest.raises(ConfigError, match="version 2"):
        Merging().document(later.encode(), "f")
