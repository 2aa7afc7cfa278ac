"""The service manager of this platform."""

import os
import sys

from credguard import paths
from credguard.errors import Unsupported
from credguard.services.base import Service

# Settings of this session that the service must see too; paths and addresses, never a secret.
_PASSED_ON = (
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CREDGUARD_PASSPHRASE_FILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
)
_FILES = (
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CREDGUARD_PASSPHRASE_FILE",
)
# Passed on only without a password in the address.
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")


def environment() -> dict[str, str]:
    """The variables written into the service's definition."""
    names = (*_PASSED_ON, *_PROXIES)
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    for name in _FILES:
        if name in chosen:  # the service runs in another folder
            chosen[name] = os.path.abspath(os.path.expanduser(chosen[name]))
    return {
        name: value
        for name, value in chosen.items()
        if value.isprintable() and not ("@" in value and (name in _PROXIES or "_URL" in name))
    }


def service() -> Service:
    """The service manager of this platform. Raises Unsupported."""
    system: str = sys.platform  # not narrowed: every platform's branch is type-checked
    if system == "linux":
        from credguard.services.systemd import Systemd

        return Systemd(environment())
    if system == "darwin":
        from credguard.services.launchd import Launchd

        return Launchd(environment(), paths.log_file() + ".out")
    if system == "win32":
        from credguard.services.taskscheduler import TaskScheduler

        return TaskScheduler(os.path.join(paths.data_dir(), "service.xml"))
    raise Unsupported(
        f"no background service on {system} yet", hint="run it yourself: credguard daemon run"
    )
