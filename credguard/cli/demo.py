"""`credguard demo`: the main job in a throw-away home."""

import click


@click.command(epilog="Example: credguard demo")
@click.option("--keep", is_flag=True, help="Keep the throw-away home and say where it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def demo(keep: bool, as_json: bool) -> None:
    """Show the main job in a throw-away home, against an AWS simulator on this machine.

    Never touches your own files, keyring or AWS account. Exit code 0 only if every claim held.
    """
    from credguard.demo.run import demo as run

    run(keep=keep, as_json=as_json)
