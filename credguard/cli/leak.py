"""`credguard leak`: own secrets that got out, and the answer to them."""

import json
import time

import click


@click.group(epilog="Example: credguard leak list")
def leak() -> None:
    """See own secrets that were pushed, and stop the answer to them."""


@leak.command(
    "list",
    epilog="Example: credguard leak list --json",
    short_help="List what got out, and the answer to it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Print every own secret that got out, and what became of it."""
    from credguard.app import leak as app
    from credguard.app.context import Context
    from credguard.report.text import printable

    found = app.listed(Context())
    if as_json:
        rows = [
            {"item": each.item, "title": each.title, "state": each.state, "answer": each.answer,
             "commit": each.place.oid, "git_dir": each.place.git_dir, "path": each.place.path,
             "line": each.place.line, "how": each.how, "at": each.at, "due": each.due}
            for each in found
        ]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
        return
    if not found:
        click.echo("no own secret is known to have got out", err=True)
    for each in found:
        state = each.state
        if state == "waiting":
            state += " until " + time.strftime("%Y-%m-%d %H:%M", time.localtime(each.due))
        place = f"{each.place.path}:{each.place.line}"
        if each.place.oid:
            place += f" in {each.place.oid[:12]}"
        click.echo(printable(f"{each.title}: {place}: {state}  {each.answer}".rstrip()))


@leak.command(
    "stop",
    epilog="Example: credguard leak stop",
    short_help="Stop every answer that waits.",
)
def stop() -> None:
    """Stop every answer that waits: the values stay as they are, and are not asked about again."""
    from credguard.app import leak as app
    from credguard.app.context import Context
    from credguard.report.text import printable

    for each in app.stop(Context()):
        click.echo(printable(f"stopped: {each.title} stays as it is"), err=True)


@leak.command(
    "answer",
    epilog="Example: credguard leak answer",
    short_help="Answer at once what waits.",
)
@click.pass_context
def answer(click_ctx: click.Context) -> None:
    """Answer what waits without waiting for the end of the countdown."""
    from credguard.app import leak as app
    from credguard.app.context import Context
    from credguard.report.text import printable

    done = app.answer_now(Context())
    for each in done:
        click.echo(printable(f"{each.title}: {each.state}: {each.answer}"), err=True)
    if any(each.state != "answered" for each in done):
        click_ctx.exit(2)


@leak.command(
    "report",
    epilog="Example: credguard leak report > incident.txt",
    short_help="Tell the whole story of each leak.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-aws", is_flag=True, help="Ask AWS nothing.")
@click.option(
    "--region", "regions", multiple=True, metavar="REGION",
    help="Ask CloudTrail in REGION too; may be given several times.",
)  # fmt: skip
def report(as_json: bool, no_aws: bool, regions: tuple[str, ...]) -> None:
    """Print the whole story of each leak, for whoever looks after security.

    What was done with a key is asked of CloudTrail in the main region and in each REGION.
    """
    from credguard.app import leak as app
    from credguard.app import leak_report
    from credguard.app.context import Context
    from credguard.report import leak as shown

    ctx = Context()
    found = app.listed(ctx)
    stories = [
        leak_report.story(ctx, each, ask=not no_aws, regions=list(regions)) for each in found
    ]
    if as_json:
        rows = [shown.as_json(each) for each in stories]
        click.echo(json.dumps({"version": shown.VERSION, "leaks": rows}, indent=2))
        return
    if not found:
        click.echo("no own secret is known to have got out", err=True)
    click.echo("\n".join(shown.text(each) for each in stories), nl=False)
