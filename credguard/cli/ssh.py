"""credguard ssh: per-user SSH keys, registered as EC2 key pairs."""

import json
import os

import click

from credguard.app.context import Context
from credguard.cli import complete
from credguard.errors import CredguardError


@click.group(epilog="Example: credguard ssh create --regions us-east-1,eu-west-1")
def ssh() -> None:
    """Your own SSH key, registered in EC2."""


@ssh.command(epilog="Example: credguard ssh create --name laptop --regions us-east-1,eu-west-1")
@click.option("--name", help="The key's name (default: user and machine).")
@click.option("--regions", help="Where to register it, separated by commas.")
@click.option(
    "--profile",
    shell_complete=complete.profiles,
    help="The profile whose account it is registered in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def create(name: str | None, regions: str | None, profile: str | None, as_json: bool) -> None:
    """Make an ed25519 key and register it; safe to repeat."""
    from credguard.app import ssh as app

    def told(region: str, error: CredguardError | None) -> None:
        click.echo(f"{region}: {'registered' if error is None else error}", err=True)
        if error is not None and error.hint:
            click.echo(f"  hint: {error.hint}", err=True)

    wanted = None
    if regions is not None:
        wanted = [part.strip() for part in regions.split(",") if part.strip()]
    result = app.create(Context(), name, wanted, profile, told)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "name": result.key.name,
                    "key_pair": app.pair(result.key.name),
                    "private_key": result.key.path,
                    "public_key": result.key.public_key,
                    "fingerprint": result.key.fingerprint,
                    "account": result.account,
                    "regions": {
                        region: None if error is None else str(error)
                        for region, error in result.regions.items()
                    },
                }
            )
        )
    else:
        click.echo(f"{result.key.path}  {result.key.fingerprint}")
    click.echo("use it: credguard ssh add, then ssh as usual", err=True)
    failed = [region for region, error in result.regions.items() if error is not None]
    if len(failed) < len(result.regions):
        click.echo(
            f"instances launched from now on can use the key pair {app.pair(result.key.name)};"
            " no running instance is changed",
            err=True,
        )
    if failed:
        raise CredguardError(
            f"key {result.key.name} is not registered in {', '.join(failed)}",
            hint="correct the cause, then run the same command again: the rest is kept",
        )


@ssh.command(
    short_help="Hand a key made here to ssh-agent.",
    epilog="Example: credguard ssh add --lifetime 8h && ssh ec2-user@HOST",
)
@click.argument("name", required=False)
@click.option("--lifetime", default="12h", show_default=True, help="How long; 0s: no end.")
def add(name: str | None, lifetime: str) -> None:
    """Hand a key made here to ssh-agent; its passphrase comes from the vault."""
    from credguard.app import ssh as app

    key, seconds = app.add_to_agent(Context(), name, lifetime)
    until = f"for {lifetime}" if seconds else "until it ends or the key is removed"
    click.echo(f"ssh-agent holds {key.name} ({key.fingerprint}) {until}", err=True)


@ssh.command("list", epilog="Example: credguard ssh list --json")
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
def list_(as_json: bool) -> None:
    """The SSH keys made here, their age and where they are registered."""
    from credguard.app import ssh as app

    ctx = Context()
    rows = [
        {
            "name": key.name,
            "type": key.key_type,
            "fingerprint": key.fingerprint,
            "private_key": key.path,
            "present": os.path.exists(key.path),
            "age_days": max(0, int((ctx.now() - key.created) // 86400)),
            "registered": [{"account": r.account, "region": r.region} for r in where],
        }
        for key, where in app.listed(ctx)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("no SSH key was made here yet; next: credguard ssh create", err=True)
    for key, where in app.listed(ctx):
        age = max(0, int((ctx.now() - key.created) // 86400))
        places = ", ".join(f"{r.account}/{r.region}" for r in where) or "nowhere"
        gone = "" if os.path.exists(key.path) else "  (private key file is gone)"
        click.echo(f"{key.name}  {key.fingerprint}  {age} days  {places}{gone}")
