"""`credguard audit` as a person and as a program sees it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from credguard import config as settings
from credguard import paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.audit.table import CHECKS, TIPS
from credguard.cli.main import root
from credguard.errors import CredguardError
from credguard.report.audit import Audit, from_json
from credguard.report.audit_text import audit_text
from credguard.store import audits
from tests.support import audit_seeds, samples
from tests.support.audited import REGION, Account


@pytest.fixture
def profile(
    compiled_rules: None, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Account:
    """A profile `work` in the file vault, whose key is the account's."""
    word = tmp_path / "passphrase"
    word.write_text("a passphrase\n")
    word.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(word))
    monkeypatch.setattr("credguard.vault.encfile.COST", 2)
    settings.set_value("vault.backend", "file")
    ctx = Context()
    key = keys.prove(account.simulator.key_id, account.simulator.secret, None, "add")
    keys.store(ctx, "work", key, account.simulator.secret)
    ctx.close()
    return account


def run(*args: str, given: str | None = None) -> Result:
    return CliRunner().invoke(root, ["audit", *args], input=given)


HERE = ("--regions", REGION)


def test_the_bad_account(profile: Account, caplog: pytest.LogCaptureFixture) -> None:
    audit_seeds.bad(profile)
    done = run(*HERE, "--stats")
    assert done.exit_code == 1
    text = done.stdout
    assert f"Audit of account {profile.simulator.account}" in text
    assert [tip for tip in TIPS.values() if tip not in text] == []
    assert "  Root signs in with MFA  [root-mfa critical IAM.9]" in text
    # What was typed here has to be typed there, too.
    assert "        $ credguard audit fix password-policy --apply --regions us-east-1\n" in text
    assert re.match(r"\d+ wrong, \d+ well", text.rstrip().splitlines()[-1])
    assert "requests in" in done.stderr
    assert "\x1b" not in text
    shown = re.findall(r"^  .*  \[([a-z0-9-]+) ", text, re.MULTILINE)
    assert shown == [each.id for each in CHECKS]
    profile.calls.clear()
    more = run(*HERE, "--format", "json")
    made = from_json(more.stdout.encode(), "it")
    # The audit before is there by now.
    assert by_status(made, "FAIL") == {each.id for each in CHECKS} - {"audit-dated"}
    assert by_status(made, "UNKNOWN") == set()
    _as_many_calls_as_allowed(made, len(profile.calls))
    _no_secret(profile, done.output + more.output + caplog.text)
    for width in (40, 60, 80, 110):
        long = [line for line in audit_text(made, width).splitlines() if len(line) > width]
        assert [line for line in long if not re.search(r"https://|\$ |[^ ]{25}", line)] == []
    _own_user(profile)


def by_status(made: Audit, status: str) -> set[str]:
    return {each.check for each in made.results if each.status == status}


def _as_many_calls_as_allowed(made: Audit, seen: int) -> None:
    buckets, kms, users, instances = 2, 1, 3, 2
    most = 40 + 16 + 5 * buckets + 2 * kms + 4 * users + instances
    assert made.calls == seen <= most
    assert sum(made.calls_by.values()) == made.calls
    regional = ("ec2:", "kms:ListKeys", "cloudwatch-logs:", "ssm:", "lambda:", "accessanalyzer:")
    once = ("DescribeInstanceAttribute", "DescribeRegions")
    a_region = [
        number
        for name, number in made.calls_by.items()
        if name.startswith((*regional, "guardduty:")) and not name.endswith(once)
    ]
    assert sum(a_region) <= 16


def _no_secret(profile: Account, output: str) -> None:
    secrets = [profile.simulator.secret.reveal(), samples.text(24)]
    assert not [each for each in secrets if each in output]
    database = Path(paths.database_file()).read_bytes()
    assert not [each for each in secrets if each.encode() in database]


def _own_user(profile: Account) -> None:
    profile.calls.clear()
    done = run(*HERE, "--scope", "self", "--format", "json")
    made = from_json(done.stdout.encode(), "it")
    assert {each.id for each in made.checks} == {each.id for each in CHECKS if each.own}
    failed = {(e.check, e.resource.rpartition("/")[2]) for e in made.results if e.status == "FAIL"}
    assert {("user-mfa", "dev"), ("key-age", profile.simulator.key_id)} <= failed
    assert set(profile.calls) == {
        "GetCallerIdentity", "GetLoginProfile", "ListAccessKeys", "GetAccessKeyLastUsed",
        "ListMFADevices", "DescribeKeyPairs", "DescribeInstances",
    }  # fmt: skip


def test_exit_codes_and_what_changed(profile: Account) -> None:
    audit_seeds.good(profile)
    assert run(*HERE).exit_code == 1  # the first audit from here
    done = run(*HERE, "--format", "json")
    assert done.exit_code == 0
    assert by_status(from_json(done.stdout.encode(), "it"), "PASS") == {e.id for e in CHECKS}
    profile.root_mfa = ""
    done = run(*HERE)
    assert done.exit_code == 1
    assert "    worse   Root signs in with MFA: root" in done.stdout
    found = audits.recent(Context().db, profile.simulator.account, "account")
    assert [each.failed for each in found] == [2, 0, 1]
    # A run of some checks only is not remembered: its silence on the others says nothing.
    assert run(*HERE, "--only", "root-no-keys").exit_code == 0
    assert len(audits.recent(Context().db, profile.simulator.account, "account")) == 3
    profile.refused["GetAccountSummary"] = "denied"
    done = run("--only", "root-no-keys")
    assert done.exit_code == 2
    assert '"iam:GetAccountSummary"' in done.stdout
    assert "Could not be told" in done.stdout
    assert run("--only", "root-no-keys,password-length").exit_code == 2
    assert run("--only", "root-no-keys,ssh-orphan,user-mfa").exit_code == 2
    profile.client("iam").delete_account_password_policy()
    assert run("--only", "root-no-keys,password-length").exit_code == 1


def test_only_what_is_asked_for_is_read(profile: Account) -> None:
    profile.calls.clear()
    run("--only", "root-no-keys,key-age")
    assert set(profile.calls) == {
        "GetCallerIdentity", "GetAccountSummary", "ListUsers", "ListAccessKeys",
    }  # fmt: skip


def test_fix_shows_then_does_then_undoes(profile: Account) -> None:
    shown = run("fix", "password-policy")
    assert shown.exit_code == 0
    assert '+  "MinimumPasswordLength": 14,' in shown.stdout
    assert "nothing was changed; 1 would be, with --apply" in shown.stdout
    assert "iam:UpdateAccountPasswordPolicy" in shown.stdout
    assert run("--only", "password-length").exit_code == 1
    with pytest.raises(CredguardError, match="nobody is here to answer"):
        raise run("fix", "password-policy", "--apply").exception or AssertionError
    assert run("--only", "password-length").exit_code == 1
    done = run("fix", "password-policy", "--apply", "--yes")
    assert "done; to undo it: credguard audit undo 1" in done.stdout
    assert run("--only", "password-length").exit_code == 0
    assert "password-policy" in run("undo", "--list").stdout
    assert "is as it was" in run("undo", "1", "--yes").stdout
    assert run("--only", "password-length").exit_code == 1


def test_a_name_in_the_list_of_fixes_cannot_steer_a_terminal() -> None:
    ctx = Context()
    audits.begin(ctx.db, 0.0, "1", "port", "arn:\x07", "eu-west-1", before={}, after={})
    ctx.close()
    assert "\x07" not in run("undo", "--list").stdout


def test_a_warning_is_not_agreed_to_by_yes(profile: Account) -> None:
    s3 = profile.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_bucket_policy(Bucket="data", Policy=audit_seeds.PUBLIC)
    done = run("fix", "s3-account-block", "--apply", "--yes")
    assert done.exit_code == 2
    assert "warning: public now" in done.stdout
    assert run("--only", "s3-account-block").exit_code == 1


def test_the_list_names_every_check() -> None:
    done = run("--list")
    assert [each.id for each in CHECKS if f"  {each.id} " not in done.stdout] == []


def test_a_waived_result_is_told_with_its_reason(profile: Account) -> None:
    folder = Path(paths.private_dir(paths.config_dir()))
    (folder / "audit-waivers.toml").write_text(
        '[[waiver]]\ncheck = "root-mfa"\nreason = "old"\nuntil = 2020-01-01\n'
    )
    made = run("waive", "root-no-keys", "--reason", "until the move", "--until", "2999-01-01")
    assert "audit-waivers.toml" in made.stdout
    profile.root_keys = True
    done = run("--only", "root-no-keys,root-mfa")
    assert done.exit_code == 1
    assert "waived until 2999-01-01: until the move" in done.stdout
    assert "note: the waiver of root-mfa on * ended on 2020-01-01" in done.stdout
    assert "1 wrong, 1 waived" in done.stdout
