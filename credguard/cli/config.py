"""`credguard config`: read or change a setting."""

import json

import click

from credguard import config as settings
from credguard.app.context import Context
from credguard.app.settings import change


@click.group(epilog="Example: credguard config set rotation.grace 24h")
def config() -> None:
    """Read or change a setting."""


@config.command("get", epilog="Example: credguard config get rotation.max_age")
@click.argument("key", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get(key: str | None, as_json: bool) -> None:
    """Print the setting KEY, or all of them."""
    current = settings.load()
    if key is None:
        rows = settings.flat(current)
        if as_json:
            click.echo(json.dumps(rows, indent=2))
            return
        for name, value in rows.items():
            click.echo(f"{name} = {json.dumps(value)}")
        return
    value = settings.get(current, key)
    click.echo(json.dumps(value) if as_json or not isinstance(value, str) else value)


@config.command(
    "set",
    epilog="Example: credguard config set vault.backend file",
    # A value such as -1d is told of as a value; -1h would be taken for -1 and -h.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Change the setting KEY to VALUE."""
    note = change(Context(), key, value)
    if note:
        click.echo(f"note: {note}", err=True)
