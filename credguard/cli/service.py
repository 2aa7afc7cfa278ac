"""`credguard service`: the background service under systemd, launchd or the task scheduler."""

import json
import time

import click

from credguard.report.text import printable

_ENDS_S = 3.0


@click.group(epilog="Example: credguard service install")
def service() -> None:
    """Install, restart, remove or look at the background service."""


@service.command("install", epilog="Example: credguard service install")
def install() -> None:
    """Start the service now and at every login."""
    from credguard.app import service as app

    app.install()
    click.echo("the service is installed and started", err=True)


@service.command("uninstall", epilog="Example: credguard service uninstall")
def uninstall() -> None:
    """Stop the service and remove its files."""
    from credguard.app import service as app
    from credguard.app.status import daemon_pid, daemon_state

    app.uninstall()
    end = time.monotonic() + _ENDS_S  # launchd does not wait until it ended
    while daemon_state() == "running" and time.monotonic() < end:
        time.sleep(0.1)
    if daemon_state() == "running":
        from credguard.errors import CredguardError

        raise CredguardError(
            "the service's files are removed, but credguard daemon run is still running",
            hint=f"stop it: kill {daemon_pid()}",
        )


@service.command(
    "restart",
    short_help="Stop it and start it again.",
    epilog="Example: credguard service restart",
)
def restart() -> None:
    """Stop the service and start it again; a rotation on its way goes on."""
    from credguard.app import service as app

    app.restart()
    click.echo("the service was restarted", err=True)


@service.command(
    "status",
    short_help="Print the service's state, and the daemon's.",
    epilog="Example: credguard service status --json",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Print what the platform's manager says, and whether the daemon runs.

    Exit code 2: it cannot be told.
    """
    from credguard.app import service as app
    from credguard.app.status import daemon_state

    found = {"service": app.status(), "daemon": daemon_state()}
    known = found["service"] not in ("not installed", "unknown")
    details = app.details() if known else {}
    if as_json:
        click.echo(json.dumps({**found, "details": details}, indent=2))
    else:
        for name, state in {**found, **details}.items():
            click.echo(f"{name}: {printable(state)}")
    if "unknown" in (found["service"], found["daemon"].lower()):
        from credguard.errors import CredguardError

        raise CredguardError(
            "the service's state cannot be told here", hint="run it in your own login session"
        )


@service.command(
    "logs",
    short_help="Print the newest lines of its log.",
    epilog="Example: credguard service logs -f",
)
@click.option(
    "-n",
    "lines",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="The newest N.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged, until interrupted.")
@click.option(
    "--manager", is_flag=True, help="What systemd or launchd kept instead: why it did not start."
)
def logs(lines: int, follow: bool, manager: bool) -> None:
    """Print the newest lines of the service's log."""
    from credguard import paths
    from credguard.app import service as app

    if follow and manager:
        raise click.UsageError("--follow goes without --manager")
    shown = 0
    for line in app.words(lines) if manager else app.log_lines(lines, follow=follow):
        click.echo(printable(line))
        shown += 1
    if not shown:
        where = "the manager kept" if manager else f"{paths.log_file()} has"
        click.echo(f"nothing: {where} no line", err=True)
