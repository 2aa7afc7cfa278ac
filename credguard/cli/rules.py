"""`credguard rules`: what is looked for, why, and whether a rule finds what it should."""

import json
import sys
from typing import Any

import click

from credguard.app import rules as app
from credguard.scan.model import CONFIDENCE_NAMES

_SHOWN = ("id", "title", "vendor", "confidence", "severity", "source")


@click.group(epilog="Example: credguard rules list")
def rules() -> None:
    """List, show and try the rules, or import others."""


@rules.command(
    "list",
    epilog="Example: credguard rules list --json",
    short_help="List every rule.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List every rule: its id, the least confidence it has, and what it finds."""
    tables = app.all_rules()
    if as_json:
        shown = [{name: table[name] for name in _SHOWN} for table in tables]
        click.echo(json.dumps({"version": 1, "rules": shown}, indent=2))
        return
    width = max(len(table["id"]) for table in tables)
    for table in tables:
        click.echo(f"{table['id']:{width}}  {table['confidence']:6}  {table['title']}")


@rules.command(epilog="Example: credguard rules show aws-access-key-id")
@click.argument("rule_id", metavar="ID")
def show(rule_id: str) -> None:
    """Show all there is to a rule."""
    table = app.described(rule_id)
    for name, value in table.items():
        click.echo(f"{name:10}  {_text(value)}")


@rules.command(
    epilog="Example: credguard rules test aws-access-key-id --stdin < notes.txt",
    short_help="Try a rule on its samples.",
)
@click.argument("rule", metavar="ID|FILE")
@click.option("--stdin", is_flag=True, help="Try the rule on standard input, not on its samples.")
def test(rule: str, stdin: bool) -> None:
    """Try the rule ID, or a FILE of your own rules (it ends in .toml), on its samples.

    Exit code 0: each finds what it should and no more, 1: one does not; with --stdin 1: found.
    """
    if stdin:
        found = app.try_text(rule, sys.stdin.buffer.read())
        for each in found:
            account = app.account(each)
            owner = f"  account {account}" if account else ""
            sure = CONFIDENCE_NAMES[each.confidence]
            click.echo(f"{each.line}:{each.column}  {sure}  {each.masked()}{owner}")
        sys.exit(1 if found else 0)
    tried = app.try_file(rule) if rule.endswith(".toml") else app.try_rule(rule)
    wrong = [one for one in tried if one.wanted != bool(one.found)]
    for one in wrong:
        said = "does not find its sample" if one.wanted else "finds what it must not"
        click.echo(f"{one.rule}: {said}")
    click.echo(f"{len(tried)} texts tried, {len(wrong)} not as they should", err=True)
    sys.exit(1 if wrong else 0)


@rules.command(
    "import",
    epilog="Example: credguard rules import gitleaks.toml > .credguard.toml",
    short_help="Convert gitleaks' rules.",
)
@click.argument("path", metavar="GITLEAKS_TOML")
def import_(path: str) -> None:
    """Print gitleaks' rules in the form of .credguard.toml; what could not be taken is told."""
    text, notes = app.import_gitleaks(path)
    for note in notes:
        click.echo(f"credguard: {note}", err=True)
    click.echo(text, nl=False)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
