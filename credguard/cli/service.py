"""`credguard service`: the background service under systemd or launchd."""

import json

import click


@click.group(epilog="Example: credguard service install")
def service() -> None:
    """Install, remove or look at the background service."""


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

    app.uninstall()


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
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for name, state in found.items():
            click.echo(f"{name}: {state}")
    if "unknown" in (found["service"], found["daemon"].lower()):
        from credguard.errors import CredguardError

        raise CredguardError(
            "the service's state cannot be told here", hint="run it in your own login session"
        )
