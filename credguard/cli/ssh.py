"""credguard ssh: per-user SSH keys, registered as EC2 key pairs."""

import json

import click

from credguard.app.context import Context
from credguard.cli import complete, ssh_change, ssh_options, ssh_reach, ssh_view
from credguard.errors import CredguardError


@click.group(epilog="Example: credguard ssh create --regions us-east-1,eu-west-1")
def ssh() -> None:
    """Your own SSH key, registered in EC2."""


@ssh.command(
    short_help="Make a key and register it.",
    epilog="Example: credguard ssh create --name laptop --regions us-east-1,eu-west-1",
)
@click.option("--name", help="The key's name (default: user and machine).")
@click.option(
    "--type", "kind", default="", metavar="TYPE", help="ed25519 (default), rsa, or ed25519-sk."
)
@click.option("--bits", type=int, help="Of an RSA key (default: 4096).")
@click.option("--windows", is_flag=True, help="For Windows instances, which need RSA.")
@click.option("--no-file", is_flag=True, help="Keep the key in the vault alone.")
@ssh_options.regions
@ssh_options.all_regions
@ssh_options.profile
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def create(
    name: str | None,
    kind: str,
    bits: int | None,
    windows: bool,
    no_file: bool,
    regions: list[str] | None,
    everywhere: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Make a key of your own and register it in EC2; safe to repeat.

    Its passphrase is random and in the vault; with --no-file the key itself is, and in no file. The
    private half never leaves this machine. ed25519-sk keys need a FIDO2 security key; EC2 imports
    none of them.
    """
    from credguard.app import ssh as app
    from credguard.app import ssh_agent

    if windows:
        if kind not in {"", "rsa"}:
            raise CredguardError("Windows instances take RSA keys only", hint="leave --type out")
        kind = "rsa"
    if bits is not None and kind != "rsa":
        raise click.UsageError("--bits is of an RSA key: add --type rsa")
    ssh_options.one_choice(regions, everywhere)
    ctx = Context()
    wanted = app.Wanted(kind, bits if bits is not None else 4096, no_file)
    result = app.create(
        ctx, name, regions, profile,
        wanted=wanted, everywhere=everywhere, codes=ssh_options.codes(ctx, profile),
    )  # fmt: skip
    ssh_agent.reconfigure(ctx)
    _show(result, as_json)
    failed = {region: error for region, error in result.regions.items() if error is not None}
    ssh_options.show_errors(failed)
    if failed:
        raise CredguardError(
            f"key {result.key.name} is not registered in {ssh_options.places(list(failed))}",
            hint="correct the cause, then run the same command again: the rest is kept",
        )


def _show(result: object, as_json: bool) -> None:
    from credguard.app import ssh as app

    assert isinstance(result, app.Created)  # noqa: S101 - a type that is imported late
    key = result.key
    if as_json:
        regions = {
            region: None if error is None else str(error)
            for region, error in result.regions.items()
        }
        row = {
            "name": key.name,
            "type": key.key_type,
            "key_pair": app.pair(key.name) if regions else None,
            "private_key": key.path or None,
            "public_key": key.public_key,
            "fingerprint": key.fingerprint,
            "account": result.account or None,
            "regions": regions,
        }
        click.echo(json.dumps(row))
    else:
        click.echo(f"{key.path or f'{key.name} (in the vault, in no file)'}  {key.fingerprint}")
    if done := [region for region, error in result.regions.items() if error is None]:
        click.echo(f"registered in {ssh_options.places(done)} as {app.pair(key.name)}", err=True)
    click.echo("use it: credguard ssh config (once), or ssh add; then ssh as usual", err=True)
    if not result.regions:
        click.echo(
            "EC2 does not import keys of a security key. Ways in: a line of user data that puts it"
            f" into authorized_keys at the first boot ({key.path}.pub); or, for each connection:"
            " credguard ssh connect INSTANCE",
            err=True,
        )
    elif done:
        click.echo(
            "instances launched from now on can use it; no running instance is changed", err=True
        )


@ssh.command(
    short_help="Hand a key made here to ssh-agent.",
    epilog="Example: credguard ssh add --lifetime 8h && ssh ec2-user@HOST",
)
@click.argument("name", required=False, shell_complete=complete.ssh_keys)
@click.option("--lifetime", help="How long; 0s: no end (default: ssh.lifetime, 12h).")
@click.option(
    "-c",
    "--confirm/--no-confirm",
    default=None,
    help="Ask before each use (default: as last time).",
)
def add(name: str | None, lifetime: str | None, confirm: bool | None) -> None:
    """Hand a key made here to ssh-agent; its passphrase comes from the vault.

    --confirm works with the agent of `credguard ssh agent`, where a display is. It holds until
    --no-confirm, whenever the key is unlocked anew.
    """
    from credguard.app import ssh_agent as app

    key, seconds = app.add_to_agent(Context(), name, lifetime, confirm=confirm)
    until = f"for {_duration(seconds)}" if seconds else "until it ends or the key is removed"
    asks = "; it asks before each use" if key.confirm else ""
    click.echo(f"ssh-agent holds {key.name} ({key.fingerprint}) {until}{asks}", err=True)


def _duration(seconds: int) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"


@ssh.command(
    short_help="Start an ssh-agent that asks the vault.",
    epilog="Example: credguard ssh agent --shell fish | source",
)
@click.option("--shell", type=click.Choice(["sh", "fish"]), help="Whose syntax (default: $SHELL).")
@click.option("--lifetime", help="How long it keeps a key (default: ssh.lifetime, 12h).")
@click.option("--stop", is_flag=True, help="End it.")
def agent(shell: str | None, lifetime: str | None, stop: bool) -> None:
    """Print the lines that give a shell an ssh-agent and a helper that answers from the vault.

    bash, zsh: eval "$(credguard ssh agent)"; fish: credguard ssh agent | source.

    ssh then unlocks keys made here at their first use. What else OpenSSH asks is asked of you, as
    before. One agent serves all shells.
    """
    import os

    from credguard.app import ssh_agent as app

    if stop:
        click.echo("ended" if app.stop() else "it did not run", err=True)
        return
    ctx = Context()
    started = app.start(lifetime if lifetime is not None else ctx.config.ssh.lifetime)
    fish = shell == "fish" or (shell is None and os.environ.get("SHELL", "").endswith("fish"))
    click.echo("".join(_line(fish, *each) for each in started.variables.items()), nl=False)


def _line(fish: bool, name: str, value: str) -> str:
    import shlex

    if fish:
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx {name} '{quoted}'\n"
    return f"export {name}={shlex.quote(value)}\n"


@ssh.command(
    "config",
    short_help="Have ssh use your keys for EC2.",
    epilog="Example: credguard ssh config --host '10.0.*' --user ec2-user",
)
@click.option("--host", "hosts", multiple=True, metavar="PATTERN", help="Besides EC2's own names.")
@click.option("--user", help="Whom to log in as there.")
def config_(hosts: tuple[str, ...], user: str | None) -> None:
    """Write one file for ssh and include it first in ~/.ssh/config; asks ssh whether it took it.

    For these hosts ssh then gets the keys from the vault at their first use.
    """
    from credguard.app import ssh_agent as app

    done = app.configure(Context(), list(hosts), user)
    click.echo(f"{done.path}: for {' '.join(done.hosts)}", err=True)
    if done.included:
        click.echo("~/.ssh/config includes it now, before the first Host", err=True)
    if done.unlocks:
        click.echo("ssh has your keys unlocked at their first use there", err=True)
    else:
        click.echo("hand the keys over before you use them: credguard ssh add", err=True)


for _command in (*ssh_view.COMMANDS, *ssh_change.COMMANDS, *ssh_reach.COMMANDS):
    ssh.add_command(_command)
