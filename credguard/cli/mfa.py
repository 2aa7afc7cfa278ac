"""credguard mfa: the seed of a virtual MFA device, for those who want it in the vault."""

import sys

import click

from credguard.app.context import Context
from credguard.cli import complete
from credguard.cli.ask import confirm
from credguard.errors import CredguardError
from credguard.secret import Secret

_HONEST = (
    "With the seed in the vault, key and second factor lie in one place: whoever opens the vault"
    " has both. MFA then protects a key that leaked alone, and nothing else."
)


@click.group(epilog="Example: credguard mfa add work")
def mfa() -> None:
    """Keep the seed of a virtual MFA device in the vault (off by default)."""


@mfa.command(
    short_help="Keep the seed of a virtual device.", epilog="Example: credguard mfa add work"
)
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--yes", is_flag=True, help="Do not ask.")
def add(profile: str, yes: bool) -> None:
    """Keep the seed of PROFILE's device (or of a serial number): asked for, or from stdin.

    Rotations and sessions then need nobody to give a code.
    """
    from credguard.app import mfa_seed

    ctx = Context()
    serial = _serial(ctx, profile)
    click.echo(_HONEST, err=True)
    if sys.stdin.isatty():
        if not confirm(f"Keep the seed of {serial} in the vault?", yes=yes):
            return
        given = Secret(click.prompt("Seed (base32 or otpauth://)", hide_input=True, err=True))
    elif yes:
        given = Secret(sys.stdin.buffer.read(4096))
    else:
        confirm(f"Keep the seed of {serial} in the vault?", yes=False)
        return
    mfa_seed.add(ctx, serial, given)
    click.echo(f"the seed of {serial} is in the vault", err=True)


@mfa.command(short_help="Print a code, once.", epilog="Example: credguard mfa code work")
@click.argument("profile", shell_complete=complete.profiles)
def code(profile: str) -> None:
    """Print a code that was not used yet; it serves once, within half a minute."""
    from credguard.app.mfa import from_seed

    ctx = Context()
    click.echo(from_seed(ctx, _serial(ctx, profile)).reveal())


@mfa.command(epilog="Example: credguard mfa remove work")
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(profile: str, yes: bool) -> None:
    """Take the seed out of the vault; codes are asked for again."""
    from credguard.app import mfa_seed

    ctx = Context()
    serial = _serial(ctx, profile)
    if confirm(f"Remove the seed of {serial}? Have another copy, or codes end.", yes=yes):
        mfa_seed.remove(ctx, serial)


def _serial(ctx: Context, profile: str) -> str:
    from credguard.app.mfa import Codes
    from credguard.awsfiles import files

    found = Codes(ctx, [profile]).serial()
    if found is not None:
        return found
    if profile in files.config_profiles():
        raise CredguardError(
            f"no MFA device is named for profile {profile}",
            hint="give mfa_serial in its section of ~/.aws/config, or type the serial itself",
        )
    return profile
