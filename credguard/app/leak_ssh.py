"""The answer to an SSH key of the vault whose private half got out."""

from credguard.app import ssh_revoke
from credguard.app.context import Context
from credguard.app.ssh_account import by_account
from credguard.errors import CredguardError
from credguard.keypairs.revocation import Kind, Record, State
from credguard.rotation.leak import Answer
from credguard.store import ssh


def answered(ctx: Context, name: str) -> tuple[Answer, str]:
    """What was done about the SSH key of that name, in words: its key pairs are deleted.

    Its private half stays here, since a person needs it to get at the machines that it opens, which
    `credguard ssh revoke --list` names. Raises CredguardError: it is tried again later.
    """
    if ssh.key(ctx.db, name) is None:
        return Answer.TELL, "make another key, and take this one from every server it opens"
    target = ssh_revoke.Target(name)
    records: list[Record] = []
    unread: dict[str, CredguardError] = {}
    for profile in _profiles(ctx, target):
        records, failed = ssh_revoke.revoke(ctx, target, profile, parts=ssh_revoke.OF_A_LEAK)
        unread |= failed
    undone = [
        f"{item.where}: {item.why}"
        for record in records
        for item in record.items
        if item.kind is Kind.PAIR and item.state is State.FAILED
    ]
    known = {each.region for each in ssh.registrations(ctx.db, name)}
    undone += [f"{region}: {error}" for region, error in unread.items() if region in known]
    if undone:
        raise CredguardError(
            "its key pairs are not deleted everywhere: " + "; ".join(undone),
            hint="see what is left: credguard ssh revoke --list",
        )
    left = ssh_revoke.left(records)
    accounts = sorted(
        {
            item.account or record.account
            for record in records
            for item in record.items
            if item.kind is Kind.PAIR and item.state is not State.DONE
        }
    )
    but = f" but those of account {', '.join(accounts)}" if accounts else ""
    return Answer.REVOKE, (
        f"its key pairs{but} are deleted, so that no new instance gets it; {left} things are left"
        " for a person: credguard ssh revoke --list"
    )


def _profiles(ctx: Context, target: ssh_revoke.Target) -> list[str | None]:
    """One of each account where the key is or was registered; None: the one that is there."""
    accounts = {each.account for each in ssh.registrations(ctx.db, target.name)}
    for record in ssh_revoke.listed(ctx, target):
        accounts |= {record.account} | {each.account for each in record.items if each.account}
    of_account = by_account(ctx)
    return [of_account[each] for each in sorted(accounts) if each in of_account] or [None]
