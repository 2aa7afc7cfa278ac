"""`credguard ssh connect`, and the two commands that OpenSSH runs by itself."""

import sys

import click

from credguard.app.context import Context, HandingOut
from credguard.cli import complete, ssh_options, takeover
from credguard.cli.ask import show_error
from credguard.errors import CredguardError


@click.command(
    short_help="Log in to an instance with a key for 60 seconds.",
    epilog="Example: credguard ssh connect web-1 -L 8080:localhost:80",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--user", help="Whom to log in as (default: ssh.user, ec2-user).")
@click.option(
    "--key",
    metavar="NAME",
    shell_complete=complete.ssh_keys,
    help="With this key of yours; nothing is sent to EC2.",
)
@click.option("--ssm", is_flag=True, help="Through Systems Manager; no open port is needed.")
@click.option("--private", is_flag=True, help="By its private address.")
@ssh_options.regions
@ssh_options.all_regions
@ssh_options.profile
@click.argument("instance")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def connect(
    user: str | None,
    key: str | None,
    ssm: bool,
    private: bool,
    regions: list[str] | None,
    everywhere: bool,
    profile: str | None,
    instance: str,
    arguments: tuple[str, ...],
) -> int:
    """Run ssh to INSTANCE (its id, Name tag or address); gives ssh's exit code.

    EC2 Instance Connect lets in a key that is made for this connection, for 60 seconds. ARGUMENTS
    are ssh's own: options, then a command; whom to log in as is --user's, not ssh's -l.
    """
    from credguard.app import ssh_connect as app
    from credguard.app.ssh_account import all_regions, caller, some_regions

    ssh_options.one_choice(regions, everywhere)
    ctx = Context()
    way = app.Way(user or ctx.config.ssh.user, key, ssm, private)
    app.check(way)
    who = caller(ctx, profile, ssh_options.codes(ctx, profile))
    where = all_regions(ctx, who) if everywhere else some_regions(ctx, who, regions)
    found = app.find(who, where, instance)
    return app.connect(ctx, who, found, way, list(arguments))


@click.command(
    hidden=True,
    short_help="What ssh runs for --ssm.",
    epilog="Example: credguard ssh proxy i-0123456789abcdef0 --region us-east-1 --port 22",
)
@click.argument("instance_id")
@click.option("--region", required=True, help="The instance's.")
@click.option("--port", type=click.IntRange(1, 65535), default=22, help="Of its SSH server.")
@click.option("--profile", shell_complete=complete.profiles, help="Whose credentials.")
def proxy(instance_id: str, region: str, port: int, profile: str | None) -> None:
    """Become session-manager-plugin, between ssh and Systems Manager."""
    from credguard.app import ssh_connect as app
    from credguard.app.ssh_account import caller

    ctx = Context()
    who = caller(ctx, profile, ssh_options.codes(ctx, profile))
    ctx.close()
    takeover.run(*app.proxy(who, region, instance_id, port))


@click.command(
    hidden=True,
    short_help="What OpenSSH runs to ask (SSH_ASKPASS).",
    epilog="Example: credguard ssh askpass 'Enter passphrase for key ...: '",
)
@click.argument("prompt", default="")
def askpass(prompt: str) -> int:
    """Answer OpenSSH's PROMPT from the vault, or ask you; not for use by hand."""
    from credguard.app import ssh_askpass as app

    if sys.stdout.isatty():
        raise CredguardError(
            "a passphrase is not printed to a terminal", hint="OpenSSH runs this by itself"
        )
    ctx = HandingOut()
    try:
        found = app.answer(ctx, prompt)
    finally:
        ctx.close()
    if found is not None:
        sys.stdout.buffer.write(found.reveal_bytes() + b"\n")
        sys.stdout.flush()
    return 0


@click.command(
    hidden=True,
    short_help="What ssh runs before it looks for keys.",
    epilog="Example: credguard ssh unlock /run/user/1000/credguard/ssh-agent.sock",
)
@click.argument("socket")
def unlock(socket: str) -> int:
    """Put the keys in use into the agent at SOCKET; not for use by hand.

    Exit code 0: it holds one.
    """
    from credguard.app import ssh_agent as app

    ctx = HandingOut()
    try:
        held, failed = app.unlock(ctx, socket)
    finally:
        ctx.close()
    for error in failed:
        show_error(error)
    return 0 if held else 2


COMMANDS = (connect, proxy, askpass, unlock)
