"""Options that the ssh commands have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from credguard.cli import complete
from credguard.errors import CredguardError

if TYPE_CHECKING:
    from credguard.app.context import Context
    from credguard.app.mfa import Codes


_NAMED = 4


def _split(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    from credguard.app.ssh_account import check_regions

    return check_regions(part.strip() for part in value.split(",") if part.strip())


regions = click.option(
    "--regions", callback=_split, metavar="REGION,...", help="Where, separated by commas."
)
all_regions = click.option(
    "--all-regions", "everywhere", is_flag=True, help="In every region enabled for the account."
)
profile = click.option(
    "--profile", shell_complete=complete.profiles, help="The profile whose account it is."
)
ssh_option = click.option(
    "-o", "--ssh-option", "options", multiple=True, metavar="OPTION", help="As ssh's -o."
)


def places(regions: Sequence[str]) -> str:
    """A few regions by name, more by their number."""
    return ", ".join(regions) if len(regions) <= _NAMED else f"{len(regions)} regions"


def show_errors(failed: Mapping[str, CredguardError], about: str = "") -> None:
    """Show what failed and where, after `about`; what is the same in several regions once.

    The keys are regions, or words that end with one.
    """
    from credguard.cli.ask import show_error

    alike: dict[tuple[str, str, str], list[str]] = {}
    for where, error in failed.items():
        what, _, region = where.rpartition(" ")
        text = re.sub(rf" (?:in|on) {re.escape(region)}(?![\w-])", "", str(error))
        alike.setdefault((what, text, error.hint), []).append(region)
    for (what, text, hint), regions in alike.items():
        first = failed[f"{what} {regions[0]}".lstrip()]
        shown = first if len(regions) == 1 else CredguardError(text, hint=hint)
        show_error(shown, f"{about}{what} {places(regions)}: ".replace("  ", " ").lstrip())


def one_choice(regions: list[str] | None, everywhere: bool) -> None:
    """Raise UsageError where both are given: one would do nothing."""
    if regions and everywhere:
        raise click.UsageError("either --regions or --all-regions")


def codes(ctx: Context, profile: str | None) -> Codes:
    """Where MFA codes come from: the profile's own program, or a person at the terminal."""
    from credguard.app.mfa import Codes
    from credguard.cli.ask import code_asker

    return Codes(ctx, [profile] if profile else [], ask=code_asker())
