"""`python -m credguard`: the human command line, and the call that editors make at each save."""

import sys


def main() -> None:
    """Run the command line; `scan --stdin` without what makes the rest comfortable, and slow."""
    if sys.argv[1:2] == ["scan"] and "--stdin" in sys.argv:
        from credguard.cli.stdin import run

        run(sys.argv[2:])  # comes back only when it leaves the call to click
    from credguard.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    main()
