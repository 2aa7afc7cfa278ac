"""`credguard ssh rotate` and `revoke`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from credguard.app.context import Context
from credguard.cli import complete, ssh_options
from credguard.cli.ask import confirm, show_error
from credguard.errors import Aborted, CredguardError

if TYPE_CHECKING:
    from credguard.app.ssh_account import Caller
    from credguard.app.ssh_push import Pusher
    from credguard.app.ssh_rotate import Wanted
    from credguard.keypairs.driver import Outcome
    from credguard.keypairs.machine import Step
    from credguard.keypairs.revocation import Record

_push = click.option(
    "--push", is_flag=True, help="Change authorized_keys of the running instances too."
)
_by_ssm = click.option("--ssm", is_flag=True, help="By Systems Manager, not Instance Connect.")
_user = click.option("--user", help="Whose authorized_keys (default: ssh.user, ec2-user).")
_private = click.option("--private", is_flag=True, help="By the instances' private addresses.")


def _pusher(
    ctx: Context, push: bool, user: str | None, ssm: bool, private: bool, options: tuple[str, ...]
) -> Callable[[Caller], Pusher] | None:
    from credguard.app import ssh_push
    from credguard.app.ssh_connect import Way, check

    if not push:
        if unused := [
            name
            for name, given in (
                ("--ssm", ssm),
                ("--user", user),
                ("--private", private),
                ("-o", options),
            )
            if given
        ]:
            raise click.UsageError(f"{', '.join(unused)}: only with --push")
        return None
    way = Way(user or ctx.config.ssh.user, private=private, options=options)
    check(way)
    by = ssh_push.BY_SSM if ssm else ssh_push.BY_CONNECT
    return lambda who: ssh_push.Pusher(ctx, who, way, by)


@click.command(
    short_help="Replace a key; the old one drains.",
    epilog="Example: credguard ssh rotate laptop --push",
)
@click.argument("name", required=False, shell_complete=complete.ssh_keys)
@_push
@_by_ssm
@_user
@_private
@ssh_options.ssh_option
@click.option("--finish", is_flag=True, help="Delete the old pair though something names it.")
@click.option("--yes", is_flag=True, help="Answer --finish's question beforehand.")
@ssh_options.profile
@click.option(
    "--json", "as_json", is_flag=True, help="Print where it stands as JSON, one an account."
)
def rotate(
    name: str | None,
    push: bool,
    ssm: bool,
    user: str | None,
    private: bool,
    options: tuple[str, ...],
    finish: bool,
    yes: bool,
    profile: str | None,
    as_json: bool,
) -> int:
    """Make a key that takes over from NAME, register it, and let the old one drain.

    A key pair is only read when an instance is launched: running instances keep letting the old key
    in. They are listed, and --push changes them: the new line is added and proven, then the old one
    is taken out. The old pair is deleted where no instance and no launch template names it any
    more. All of it in each account where the key was registered from here; with --profile, in that
    one. Run it again to go on. The old private key stays; `credguard ssh revoke` takes it away.
    """
    from credguard.app import ssh_rotate as app

    ctx = Context()
    pusher = _pusher(ctx, push, user, ssm, private, options)
    if finish:
        _agree(
            "Delete the old key pair? What instances it still opens is not to be seen in EC2 then,"
            " and launches fail from templates that still name it.",
            yes=yes,
        )
    wanted = app.Wanted(pusher, finish, user or ctx.config.ssh.user if push else "")
    chosen, missing = ([profile], []) if profile else app.reach(ctx, name)
    code = _replace(ctx, name, chosen, wanted, as_json=as_json)
    for account in missing:
        text = f"the key is registered in account {account} too, which no profile here is of"
        hint = "register the new one there: credguard ssh create --name NEW --profile PROFILE"
        show_error(CredguardError(text, hint=hint))
    return 2 if missing else code


def _replace(
    ctx: Context, name: str | None, chosen: list[str | None], wanted: Wanted, *, as_json: bool
) -> int:
    """One account after the other; gives the exit code."""
    from credguard.app import ssh_rotate as app

    outcomes: list[Outcome] = []
    code = 0
    for each in chosen:
        try:
            codes = ssh_options.codes(ctx, each)
            tell = partial(_tell, first=not outcomes)
            outcomes.append(app.rotate(ctx, name, each, wanted, codes, tell))
        except CredguardError as error:
            if len(chosen) == 1:
                raise
            show_error(error, f"profile {each}: ")
            code = 2
            continue
        if not as_json:
            _show_outcome(outcomes[-1], several=len(chosen) > 1)
        code = max(code, _told(outcomes[-1]))
    if as_json:
        click.echo(json.dumps([_outcome_json(each) for each in outcomes], indent=2))
    return code


def _told(outcome: Outcome) -> int:
    """Show what went wrong; gives the exit code."""
    ssh_options.show_errors(outcome.failed)
    ssh_options.show_errors(outcome.look.untold, "UNKNOWN: launch templates in ")
    return 2 if outcome.failed or (outcome.look.untold and not outcome.over) else 0


def _agree(question: str, *, yes: bool) -> None:
    from credguard.report.text import printable

    if not confirm(printable(question), yes=yes):
        raise Aborted("nothing was changed", hint="")


def _tell(step: Step, *, first: bool) -> None:
    from credguard.keypairs.machine import Action

    where = ssh_options.places(step.regions)
    words = {
        Action.MAKE: "making the new key" if first else "",
        Action.REGISTER: f"registering it in {where}",
        Action.SWITCH: "the new key is the one in use now",
        Action.DELETE: f"deleting the old pair in {where}",
    }
    if step.instance is not None:
        what = {Action.ADD: "adding the new line", Action.PROVE: "proving it"}
        text = what.get(step.action, "taking the old line out")
        click.echo(f"{step.instance.id}: {text}", err=True)
    elif said := words.get(step.action):
        click.echo(said, err=True)


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    from credguard.keypairs.machine import still_open

    record, look = outcome.record, outcome.look
    opened = still_open(record, look)
    return {
        "account": record.account,
        "state": "replaced" if outcome.over else str(record.state),
        "old": record.old,
        "new": record.new,
        "waits_for": outcome.why or None,
        "old_pair_in": sorted(look.old_in),
        "new_pair_in": sorted(look.new_in),
        "not_looked_at": list(look.unseen),
        "instances": [
            {
                "id": each.id,
                "name": each.name,
                "region": each.region,
                "launched": each.launched,
                "line": record.lines.get(each.id),
                "lets_old_key_in": each in opened,
            }
            for each in look.carrying
        ],
        "launch_templates": [
            {
                "id": each.id,
                "name": each.name,
                "version": each.version,
                "region": each.region,
            }
            for each in look.templates
        ],
        "launch_templates_not_read": {where: str(error) for where, error in look.untold.items()},
        "failed": {where: str(error) for where, error in outcome.failed.items()},
    }


def _show_outcome(outcome: Outcome, *, several: bool) -> None:
    from credguard.app import ssh
    from credguard.keypairs.machine import still_open
    from credguard.report.text import printable

    record, left = outcome.record, still_open(outcome.record, outcome.look)
    of = f"account {record.account}: " if several else ""
    but = f" but where nobody could look: {', '.join(outcome.look.unseen)}"
    but = but if outcome.look.unseen else ""
    if outcome.over:
        click.echo(
            f"{of}{record.new} replaced {record.old}; its key pair is gone from every region{but}"
        )
    else:
        click.echo(f"{of}{record.new} takes over from {record.old}: {outcome.why}")
    for each in outcome.look.carrying:
        said = "still lets the old key in" if each in left else "takes the new key, not the old one"
        click.echo(printable(f"  {each.region}  {each.id}  {each.name or '-'}  {said}"))
    for template in outcome.look.templates:
        click.echo(printable(f"  {template.region}  {template.title}  launches with the old pair"))
    if outcome.look.templates and not outcome.over:
        click.echo(
            f"have them name {ssh.pair(record.new)}, in the version that is the default or that an"
            " Auto Scaling group takes; then run it again",
            err=True,
        )
    if left and not outcome.over:
        click.echo(
            "no running instance is changed by a key pair; to change them:"
            " credguard ssh rotate --push; to delete the old pair all the same: --finish",
            err=True,
        )


@click.command(
    short_help="Take a key away: a leaver, a lost laptop.",
    epilog="Example: credguard ssh revoke --owner ada",
)
@click.argument("name", required=False, shell_complete=complete.ssh_keys)
@click.option("--owner", default="", help="Every key pair with this owner tag.")
@click.option("--device", default="", help="Every key pair with this device tag.")
@_push
@_by_ssm
@_user
@_private
@ssh_options.ssh_option
@ssh_options.regions
@ssh_options.profile
@click.option("--list", "only_list", is_flag=True, help="Show the lists; calls nobody.")
@click.option("--done", metavar="ITEM", help="You did this item of a list by hand.")
@click.option("--yes", is_flag=True, help="Answer the question beforehand.")
@click.option("--json", "as_json", is_flag=True, help="Print the lists as JSON.")
def revoke(
    name: str | None,
    owner: str,
    device: str,
    push: bool,
    ssm: bool,
    user: str | None,
    private: bool,
    options: tuple[str, ...],
    regions: list[str] | None,
    profile: str | None,
    only_list: bool,
    done: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Do at once what takes a key away, and list what is left to do.

    NAME is a key made here: its private half is deleted too. Key pairs are deleted in all regions;
    machines that were launched with them still let the key in, until its line is taken out (--push,
    or by hand). Exit code 1: something is left to do.
    """
    from credguard.app import ssh_revoke as app

    ctx = Context()
    pusher = _pusher(ctx, push, user, ssm, private, options)
    target = app.Target(name or "", owner, device)
    named = sum(bool(each) for each in (name, owner, device))
    if (only_list or done is not None) and named <= 1:
        only = target if named else None
        records = app.tick(ctx, done, only) if done is not None else app.listed(ctx, only)
        return _show_lists(records, as_json)
    if named != 1:
        raise click.UsageError("name one: NAME, --owner OWNER or --device DEVICE")

    records, failed = app.revoke(
        ctx, target, profile, push=pusher, regions=regions, codes=ssh_options.codes(ctx, profile),
        agreed=partial(_agree_to, yes=yes),
    )  # fmt: skip
    code = _show_lists(records, as_json)
    ssh_options.show_errors(failed, "UNKNOWN: ")
    return 2 if failed else code


def _agree_to(records: list[Record], *, yes: bool) -> None:
    from credguard.keypairs.revocation import Kind
    from credguard.report.text import printable

    for item in (item for each in records for item in each.left):
        if item.kind is Kind.TEMPLATE:
            click.echo(printable(f"{item.where}: {item.text}"), err=True)
    titles = ", ".join(each.title for each in records)
    _agree(f"Take away {titles}? Deleted keys cannot be brought back.", yes=yes)


def _show_lists(records: list[Record], as_json: bool) -> int:
    from credguard.keypairs.revocation import BY_HAND, State
    from credguard.report.text import printable

    if as_json:
        click.echo(json.dumps([each.to_json() for each in records], indent=2))
    elif not records:
        click.echo("no key was revoked", err=True)
    marks = {State.DONE: "[x]", State.FAILED: "[!]"}
    for record in records if not as_json else []:
        click.echo(printable(f"{record.title}: {len(record.left)} of {len(record.items)} left"))
        for each in record.items:
            where = f"{each.account} {each.where}: ".lstrip() if each.where else ""
            why = f" ({each.why})" if each.why else ""
            by_hand = each.kind in BY_HAND and each.state is not State.DONE
            tick = f"; done by hand: --done {each.id}" if by_hand else ""
            mark = marks.get(each.state, "[ ]")
            click.echo(printable(f"  {mark} {where}{each.text}{why}{tick}"))
    return 1 if any(each.left for each in records) else 0


COMMANDS = (rotate, revoke)
