"""`python -m credguard`: the human command line."""

from credguard.cli.main import main

if __name__ == "__main__":
    main()
