"""`credguard report`: one page with the past of keys, rotations and findings; many in one view."""

import click


@click.group(
    invoke_without_command=True,
    epilog="Example: credguard report --html report.html --since 90d",
)
@click.option("--html", "file", metavar="FILE", help="Write the page to FILE; -: to stdout.")
@click.option(
    "--since", metavar="WHEN", default="180d", show_default=True,
    help="Begin then: 90d, or 2026-11-01 (local time).",
)  # fmt: skip
@click.pass_context
def report(click_ctx: click.Context, /, file: str | None, since: str) -> None:
    """Write one self-contained page: key ages, rotations and findings over time.

    It holds no secret, but names of users, profiles and files: FILE is made for you alone (0600).
    """
    if click_ctx.invoked_subcommand is not None:
        if file is not None:
            raise click.UsageError("--html is for the page of this machine alone")
        return
    if file is None:
        raise click.UsageError("Missing option '--html'")
    from credguard.app import log
    from credguard.app.context import Context
    from credguard.app.history import history
    from credguard.report.page import page

    ctx = Context()
    text = page(history(ctx, log.moment(since, ctx.now())))
    if file == "-":
        click.echo(text, nl=False)
        return
    from credguard.cli.files import write

    write(file, text.encode())
    click.echo(f"written: {file}", err=True)
