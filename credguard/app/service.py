"""Use case: the background service under the platform's manager."""

import os
import sys

from credguard.services.select import service


def command() -> list[str]:
    """How the manager starts credguard: this interpreter, isolated from the working folder."""
    return [os.path.abspath(sys.executable), "-P", "-m", "credguard"]


def install() -> None:
    """Install and start the service. Raises Unsupported: written, but it cannot be started."""
    service().install(command())


def uninstall() -> None:
    """Stop and remove the service; absent is not an error."""
    service().uninstall()


def status() -> str:
    """`running`, `stopped`, `not installed` or `unknown`."""
    return service().status()
