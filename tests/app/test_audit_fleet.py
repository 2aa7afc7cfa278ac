"""Many accounts of an organization, each entered through a role."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from credguard.app.audit import fleet as app
from credguard.app.audit import run
from credguard.app.context import Context
from credguard.aws.model import Credentials
from credguard.cli import audit_fleet
from credguard.errors import ConfigError, NotPermitted
from credguard.report.audit import Audit, from_json
from tests.support import wire
from tests.support.audited import REGION, Account
from tests.support.simulator import ACCOUNT
from tests.support.wire import Answer, Request

ROLE = "OrganizationAccountAccessRole"
# Few checks, so that a hundred accounts take seconds; all of one account are in test_audit.py.
WANTED = run.Wanted(regions=(REGION,), only=("root-mfa", "user-mfa", "ebs-encryption"))


@pytest.fixture
def ctx(compiled_rules: None) -> Iterator[Context]:
    made = Context()
    yield made
    made.close()


def organization(account: Account, number: int) -> list[str]:
    """The numbers of so many accounts, made by and beside the management account."""
    made = account.client("organizations")
    made.create_organization(FeatureSet="ALL")
    return sorted(
        made.create_account(AccountName=f"account {each}", Email=f"a{each}@b.example")[
            "CreateAccountStatus"
        ]["AccountId"]
        for each in range(number)
    )


def refusing(account: Account, number: str) -> Callable[[Request], Answer]:
    """AssumeRole that is refused for the account `number`; moto lets everybody into any."""

    def answer(request: Request) -> Answer:
        if number.encode() in request.body:
            return wire.refusal("denied", request)
        return wire.forward(account.simulator.url.removeprefix("http://"), request)

    return answer


def audited(
    ctx: Context, account: Account, asked: app.Fleet, **more: Any
) -> tuple[Any, list[Audit]]:
    key = account.simulator
    kept: list[Audit] = []
    credentials = Credentials(key.key_id, key.secret, None, "aws")
    wanted = more.pop("wanted", WANTED)
    return app.fleet(ctx, credentials, wanted, asked, keep=kept.append, **more), kept


def test_a_fix_of_another_account_is_not_made_in_one_s_own(ctx: Context, account: Account) -> None:
    (number,) = organization(account, 1)
    only = run.Wanted(only=("password-length",), typed="--profile work")
    _, kept = audited(ctx, account, app.Fleet((number, ACCOUNT), ROLE), wanted=only)
    told = {each.account: each.results[0].remedy for each in kept}
    assert told == {
        number: ("run: credguard audit fix password-policy --apply --profile PROFILE",),
        ACCOUNT: ("run: credguard audit fix password-policy --apply --profile work",),
    }


def test_all_accounts_of_the_organization_are_audited(ctx: Context, account: Account) -> None:
    numbers = organization(account, 3)
    steps: list[tuple[int, int]] = []
    team, kept = audited(
        ctx, account, app.Fleet(("all",), ROLE), progress=lambda *step: steps.append(step)
    )
    # The own account too, though no role is in it.
    assert sorted(each.account for each in team.accounts) == sorted([ACCOUNT, *numbers])
    assert {each.account for each in kept} == {ACCOUNT, *numbers}
    assert steps == [(number, 4) for number in range(5)]
    by_name = {each.account: each.name for each in team.accounts}
    assert {by_name[each] for each in numbers} == {"account 0", "account 1", "account 2"}
    for each in kept:
        named = {row.resource for row in each.results if row.check == "root-mfa"}
        assert named == {f"arn:aws:iam::{each.account}:root"}
        assert ("assumed-role" in each.caller) == (each.account != ACCOUNT)
    assert ctx.db.execute("SELECT count(DISTINCT account) FROM audit_run").fetchone()[0] == 0


def test_whole_audits_are_remembered_account_by_account(ctx: Context, account: Account) -> None:
    numbers = organization(account, 1)
    wanted = run.Wanted(regions=(REGION,))
    for _ in range(2):
        _, kept = audited(ctx, account, app.Fleet(tuple(numbers), ROLE), wanted=wanted)
    assert kept[0].change is not None
    assert not [key for key in kept[0].change.worse if key[0] != "audit-dated"]


def test_an_account_that_cannot_be_entered_is_unknown_and_hides_no_other(
    ctx: Context, account: Account
) -> None:
    (number,) = organization(account, 1)
    missing = "9" * 12
    account._AssumeRole = refusing(account, missing)  # type: ignore[attr-defined]
    team, kept = audited(ctx, account, app.Fleet((missing, number), ROLE))
    found = {each.account: each for each in team.accounts}
    assert found[number].note == ""
    assert found[missing].counts["UNKNOWN"] == len(kept[0].checks) == 3
    assert found[missing].counts["PASS"] == found[missing].counts["FAIL"] == 0
    assert f"sts:AssumeRole on arn:aws:iam::{missing}:role/{ROLE}" in found[missing].note
    document = next(each for each in kept if each.account == missing)
    assert document.asks == ("sts:AssumeRole",)


def test_where_accounts_cannot_be_listed_it_says_what_to_ask_for(
    ctx: Context, account: Account
) -> None:
    account.refused["ListAccounts"] = "denied"
    with pytest.raises(NotPermitted, match="organizations:ListAccounts"):
        audited(ctx, account, app.Fleet(("all",), ROLE))


@pytest.mark.parametrize("name", ["12345678901", "all,", "x" * 12, "\uff11" * 12])
def test_what_is_no_account_is_refused(ctx: Context, account: Account, name: str) -> None:
    with pytest.raises(ConfigError, match="is no account"):
        audited(ctx, account, app.Fleet((name, ACCOUNT), ROLE))
    assert "AssumeRole" not in account.calls


def test_a_file_an_account_and_the_view_on_the_screen(
    ctx: Context, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (number,) = organization(account, 1)
    key = account.simulator
    folder = tmp_path / "audits"
    chosen = audit_fleet.Chosen(f"{number}, {ACCOUNT}", ROLE, "text", str(folder), None, False)
    code = audit_fleet.run(ctx, Credentials(key.key_id, key.secret, None, "aws"), WANTED, chosen)
    assert code == 1
    assert "2 accounts" in capsys.readouterr().out
    files = sorted(each.name for each in folder.iterdir())
    assert files == sorted([f"{number}.json", f"{ACCOUNT}.json"])
    assert from_json((folder / files[0]).read_bytes(), "f").account == files[0][:12]
    assert (folder / files[0]).stat().st_mode & 0o777 == 0o600
    json.loads((folder / files[1]).read_text())


# Beside the simulator, which keeps megabytes of each account in the process that serves it.
CHILD = """
import resource, sys
from credguard.app.audit import fleet, run
from credguard.app.context import Context
from credguard.aws.model import Credentials
from credguard.secret import Secret
key_id, role, *numbers = sys.argv[1:]
key = Credentials(key_id, Secret(sys.stdin.read()), None, "aws")
wanted = run.Wanted(regions=("us-east-1",), only=("root-mfa", "key-age", "password-length"))
for part in (numbers[:10], numbers):
    team = fleet.fleet(Context(), key, wanted, fleet.Fleet(tuple(part), role))
    noted = sum(bool(each.note) for each in team.accounts)
    print(len(team.accounts), noted, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_accounts_take_no_more_memory_than_ten(
    compiled_rules: None, account: Account
) -> None:
    numbers = organization(account, 100)
    key = account.simulator
    done = subprocess.run(
        [sys.executable, "-c", CHILD, key.key_id, ROLE, *numbers], input=key.secret.reveal(),
        capture_output=True, text=True, timeout=500, check=True,
    )  # fmt: skip
    ten, hundred = (list(map(int, line.split())) for line in done.stdout.splitlines())
    assert (ten[:2], hundred[:2]) == ([10, 0], [100, 0])
    # Kilobytes. The sums of an account are a few; its facts and its document are let go.
    assert hundred[2] < ten[2] + 15_000
