"""`credguard` as a program that is killed right before or after its n-th write to a journal."""

_PROGRAM = """
import os, signal, sys
from credguard.store import {module}
number, moment = int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0
def killing(real):
    def wrapped(*arguments):
        global count
        count += 1
        if count == number and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(*arguments)
        if count == number and moment == "after":
            arguments[0].execute("COMMIT")
            os.kill(os.getpid(), signal.SIGKILL)
    return wrapped
for name in {writers!r}:
    setattr({module}, name, killing(getattr({module}, name)))
from credguard.cli.main import main
main()
"""


def program(module: str, *writers: str) -> str:
    """Python's text of it, to be given with -c; its first two arguments are n and before|after.

    `writers`: the functions of credguard.store.`module` that count.
    """
    return _PROGRAM.format(module=module, writers=writers)
