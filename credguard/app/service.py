"""Use case: the background service under the platform's manager."""

import os
import sys

from credguard.services.select import service


def command() -> list[str]:
    """How the manager starts credguard: this interpreter, isolated from folder and environment."""
    return [os.path.abspath(sys.executable), "-I", "-m", "credguard"]


def install() -> None:
    """Install and start the service. Raises Unsupported: written, but it cannot be started."""
    service().install(command())


def uninstall() -> None:
    """Stop and remove the service; absent is not an error."""
    service().uninstall()


def status() -> str:
    """See Service.status."""
    return service().status()
