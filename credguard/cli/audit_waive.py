"""`credguard audit waive`: what a person accepts, with a reason and an end."""

from datetime import datetime

import click


@click.command(
    short_help="Accept a result, with a reason and an end.",
    epilog="Example: credguard audit waive s3-bucket-public --resource arn:aws:s3:::www"
    " --reason 'the public website' --until 2027-06-30",
)
@click.argument("check")
@click.option("--resource", metavar="ARN", default="*", help="A pattern; else everything.")
@click.option("--reason", required=True, help="Why it is accepted; stands in every report.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DAY",
              help="To the end of that day, UTC; then it fails again.")  # fmt: skip
def waive(check: str, resource: str, reason: str, until: datetime) -> None:
    """Write a waiver of CHECK into the file of waivers; the next audits show it as WAIVED.

    To end one before its day, take it out of the file.
    """
    from credguard.app.audit import waivers
    from credguard.app.context import Context

    ctx = Context()
    path = waivers.add(ctx, check, resource, reason, until.date())
    click.echo(f"waived until {until:%Y-%m-%d}: {check}; it stands in {path}")
