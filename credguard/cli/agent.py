"""`credguard agent`: the process that hands out credentials from memory."""

import json
import sys
import time

import click


@click.group(epilog="Example: credguard agent status")
def agent() -> None:
    """Run, stop or look at the agent that hands out credentials.

    It is part of the background service, or starts by itself when a profile needs a session.
    """


@agent.command(
    "run", short_help="Run the agent in the foreground.", epilog="Example: credguard agent run"
)
def run() -> None:
    """Run the agent in the foreground until Ctrl-C, or agent.idle without use."""
    from credguard import config, logs
    from credguard.daemon import alone

    settings = config.load()
    logs.to_file(as_json=settings.log.json)
    if sys.stderr.isatty():
        logs.to_stderr()
    alone.run(settings)


@agent.command("status", epilog="Example: credguard agent status --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(click_ctx: click.Context, as_json: bool) -> None:
    """Print what the agent holds; exit code 2 when none runs."""
    from credguard.ipc import calls
    from credguard.ipc.client import NoAgent

    try:
        found = calls.status()
    except NoAgent as error:
        if not as_json:
            raise
        click.echo(json.dumps({"running": False, "why": str(error)}, indent=2))
        click_ctx.exit(2)
    if as_json:
        click.echo(json.dumps({"running": True, **found}, indent=2))
        return
    place = "in the background service" if found["mode"] == "service" else "by itself"
    click.echo(f"runs      {place}, process {found['pid']}, version {found['version']}")
    click.echo(f"vault     {'passphrase held' if found['unlocked'] else 'no passphrase held'}")
    held = found["held"]
    for entry in held if isinstance(held, list) else []:
        kind = "key" if entry["long_term"] else "session"
        end = time.strftime("%H:%M:%S", time.localtime(entry["expiration"]))
        click.echo(f"holds     {entry['profile']}: {kind}, until {end}")


@agent.command("stop", epilog="Example: credguard agent stop")
def stop() -> None:
    """End an agent that runs by itself; what it holds is forgotten."""
    from credguard.ipc import calls

    calls.stop()
    click.echo("the agent ends", err=True)
