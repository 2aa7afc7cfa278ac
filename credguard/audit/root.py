"""The root user: MFA, no access keys, not used."""

from collections.abc import Iterator

from credguard.audit.facts import Facts
from credguard.audit.known import NotKnown, Unknown, known
from credguard.audit.model import FAIL, NA, PASS, Check, Limits, Said, days, old

_TIP = "root-mfa"
_CONSOLE = "https://console.aws.amazon.com/iam/home#/security_credentials"
_ENABLE = (
    f"sign in as root, open {_CONSOLE}\n"
    "Multi-factor authentication (MFA) > Assign MFA device > Security Key (a hardware key)"
)


def _without_credentials(facts: Facts) -> bool:
    """An organisation may take away a member's root credentials; nobody can sign in then."""
    row = known(facts.report).get("<root_account>")
    return row is not None and row.password is False and not known(facts.summary).root_keys


def mfa(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Source: IAM User Guide, AccountMFAEnabled of GetAccountSummary."""
    if known(facts.summary).mfa:
        yield Said(PASS, facts.root, "root signs in with MFA")
    elif _without_credentials(facts):
        yield Said(NA, facts.root, "root has neither a password nor keys")
    else:
        yield Said(FAIL, facts.root, "root signs in with a password alone", _ENABLE)


def hardware(facts: Facts, limits: Limits) -> Iterator[Said]:
    """An app's root device is among the virtual ones; one that is not there is hardware."""
    if not known(facts.summary).mfa:
        if _without_credentials(facts):
            yield Said(NA, facts.root, "root has neither a password nor keys")
        else:
            yield Said(FAIL, facts.root, "root has no MFA device at all", _ENABLE)
        return
    apps = known(facts.root_devices)
    if apps:
        remedy = f"{_ENABLE}\nthen remove the authenticator app there: " + ", ".join(apps)
        yield Said(FAIL, facts.root, f"root's MFA device is an app: {', '.join(apps)}", remedy)
    else:
        yield Said(PASS, facts.root, "root's MFA device is hardware")


def no_keys(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Root's keys can do everything and no policy stops them."""
    if not known(facts.summary).root_keys:
        yield Said(PASS, facts.root, "root has no access key")
        return
    remedy = (
        "give whoever uses them a role or an IAM user of their own first\n"
        f"sign in as root, open {_CONSOLE}\nAccess keys > Actions > Deactivate, then Delete"
    )
    yield Said(FAIL, facts.root, "root has access keys", remedy)


def unused(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By the credential report, up to four hours behind."""
    row = known(facts.report).get("<root_account>")
    if row is None:
        raise _no_row()
    uses = [at for at in (row.used, row.keys_used) if at is not None]
    if not uses or old(facts.now, max(uses), limits.root_unused):
        said = "root was never used" if not uses else "root was last used long ago"
        yield Said(PASS, facts.root, said)
        return
    remedy = (
        "use a role for what root was used for; only a few tasks need root:\n"
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html\n"
        f"this passes once root was not used for {days(limits.root_unused)}"
    )
    ago = days(facts.now - max(uses))
    yield Said(FAIL, facts.root, f"root was used {ago} ago", remedy)


def _no_row() -> NotKnown:
    return NotKnown(Unknown("the credential report has no line of the root user"))


CHECKS = (
    Check(
        "root-mfa", "Root signs in with MFA", _TIP, "critical",
        "Whoever has root's password can do everything, and no policy stops them.",
        mfa, ("summary", "report"),
        cis="1.5: 1.5, 3.0: 1.5, 5.0: 1.4, 7.0: 2.5", hub=("IAM.9",),
        peer=("iam_root_mfa_enabled",),
    ),
    Check(
        "root-mfa-hardware", "Root's MFA device is hardware", _TIP, "medium",
        "An app's seed can be copied off a phone or its backup; a hardware key's cannot.",
        hardware, ("summary", "root_devices", "report"),
        cis="1.5: 1.6, 3.0: 1.6, 5.0: 1.5, 7.0: 2.6", hub=("IAM.6",),
        peer=("iam_root_hardware_mfa_enabled",),
    ),
    Check(
        "root-no-keys", "Root has no access keys", _TIP, "critical",
        "A key of root in a file is the whole account in a file.",
        no_keys, ("summary",),
        cis="1.5: 1.4, 3.0: 1.4, 5.0: 1.3, 7.0: 2.4", hub=("IAM.4",),
        peer=("iam_no_root_access_key",),
    ),
    Check(
        "root-unused", "Root is not used day by day", _TIP, "high",
        "Daily work as root is work that nothing limits and that nobody's name stands under.",
        unused, ("report",),
        cis="1.5: 1.7, 3.0: 1.7, 5.0: 1.6, 7.0: 2.7", peer=("iam_avoid_root_usage",),
    ),
)  # fmt: skip
