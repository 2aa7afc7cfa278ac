"""`credguard posture`: what is kept safe on this machine, for its team."""

import click

from credguard.cli.options import code_stdin


@click.command(epilog="Example: credguard posture --json")
@click.option("--json", "json_", is_flag=True, help="Print the record as JSON.")
@click.option("--upload", "upload_", is_flag=True, help="Write it to the place in S3 that is set.")
@code_stdin
def posture(json_: bool, upload_: bool, code_stdin: bool) -> None:
    """Show the record of this machine that a team collects: key ages, hooks, vault, SSH keys.

    No secret is in it. Set posture.s3 (s3://BUCKET/PREFIX) and the service writes it once a day,
    under a new name below PREFIX/USER/MACHINE/; it needs s3:PutObject there and nothing else.
    """
    from credguard.app import posture as app
    from credguard.app.context import Context
    from credguard.cli import ask
    from credguard.cli.audit_shown import shown_as
    from credguard.report import posture as report
    from credguard.report.posture_text import posture_text

    ctx = Context()
    if upload_:
        code = ask.code_from_stdin() if code_stdin else None
        place = app.upload(ctx, code=code, ask=ask.code_asker())
        click.echo(f"written: {place}", err=True)
        if not json_:
            return
    made = app.posture(ctx)
    if json_:
        click.echo(report.to_json(made), nl=False)
    else:
        click.echo(posture_text(made, *shown_as(person=True)), nl=False)
    if made.unknown:
        raise click.exceptions.Exit(2)
