"""`credguard daemon`: the background service in the foreground, and its periodic tick."""

import click


@click.group(epilog="Example: credguard daemon run")
def daemon() -> None:
    """Run the background service in the foreground."""


@daemon.command(
    "run",
    short_help="Run until SIGTERM: watch folders, rotate what is due.",
    epilog="Example: credguard daemon run",
)
@click.option("--foreground", is_flag=True, help="Stay in the foreground (always so).")
def run(foreground: bool) -> None:
    """Watch the chosen folders and rotate keys that are due, until SIGTERM."""
    from credguard.app.context import Context
    from credguard.daemon.main import run as serve

    serve(Context())


@daemon.command("tick", epilog="Example: credguard daemon tick")
@click.pass_context
def tick(click_ctx: click.Context) -> None:
    """Rotate what is due, take later steps of running rotations, and end."""
    from credguard.app import tick as app
    from credguard.app.context import Context

    ctx = Context()
    notes = app.tick(ctx)
    for note in sorted(notes, key=lambda each: each.failed):  # the service repeats the last line
        hint = f"; {note.hint}" if note.hint else ""
        click.echo(f"{note.subject}: {note.what}{hint}", err=True)
        if note.tell:
            app.tell(ctx, note)
    if any(note.failed for note in notes):
        click_ctx.exit(2)
