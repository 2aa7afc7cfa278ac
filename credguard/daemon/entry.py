"""`python -I -S entry.py agent [READY]`, `child` or `rules`: processes that the service starts.

READY: a pipe's number, closed when the agent listens. `rules` compiles the rules where that was
not done yet: it takes 30 MB that the service would keep for its whole life. Isolated, so that no
environment variable and no folder chooses their code.
"""

import os
import sys


def _folders() -> list[str]:
    """Where credguard and its environment's packages are: -S leaves them out, and -I all else."""
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return [ours, os.path.join(environment, "lib", version, "site-packages")]


def main() -> None:
    """Run what is named; whatever fails ends it with a code, without a word but the log's."""
    sys.path += _folders()
    if sys.argv[1] == "child":
        from credguard.daemon.session_child import main as child

        child()
        return
    if sys.argv[1] == "rules":
        from credguard import paths
        from credguard.sources.database import load_engine

        load_engine(paths.private_dir(paths.cache_dir()))
        return
    from credguard.daemon.alone import run_detached

    run_detached(int(sys.argv[2]) if len(sys.argv) > 2 else None)


if __name__ == "__main__":
    main()
