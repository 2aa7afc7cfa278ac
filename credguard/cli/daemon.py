"""`credguard daemon`: the background service in the foreground, and its periodic tick."""

import click


@click.group(epilog="Example: credguard daemon run")
def daemon() -> None:
    """Run the background service in the foreground."""


@daemon.command("run", epilog="Example: credguard daemon run")
@click.option("--foreground", is_flag=True, help="Stay in the foreground (always so).")
def run(foreground: bool) -> None:
    """Watch the chosen folders and rotate keys that are due, until SIGTERM."""
    from credguard.app.context import Context
    from credguard.daemon.main import run as serve

    serve(Context())


@daemon.command("tick", epilog="Example: credguard daemon tick")
def tick() -> None:
    """Rotate what is due, take later steps of running rotations, and end."""
    from credguard.app.context import Context
    from credguard.store.profiles import profiles

    ctx = Context()
    if not profiles(ctx.db):
        return  # no key, no vault to unlock
    from credguard.app.rotate import run_due

    run_due(ctx)
