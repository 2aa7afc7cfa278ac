"""Use case: the table of everything that commonly goes wrong, looked at all at once."""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from credguard.app.context import Context
from credguard.app.doctor import (
    background,
    environment,
    hooks,
    modes,
    online,
    profiles,
    state,
    system,
    vault,
)
from credguard.app.doctor.model import FAIL, UNKNOWN, Check, Look, look, unknown
from credguard.errors import CredguardError


def _variables(_ctx: Context) -> dict[str, str]:
    return dict.fromkeys(os.environ, "")


_VAULT, _PROFILES, _SHELL = "Vault", "AWS profiles", "This shell"
_FILES, _SERVICE, _HOOKS, _STATE = "Files", "Service and agent", "Git hooks", "State"
_MACHINE, _ONLINE = "This machine", "AWS"

LOOKS: tuple[Look, ...] = (
    look(_VAULT, "backend", vault.gather, vault.backend),
    look(_VAULT, "session bus", vault.gather, vault.bus, 30),
    look(_VAULT, "secret services", vault.gather, vault.services, 30),
    look(_VAULT, "locked", vault.gather, vault.locked, 30),
    look(_VAULT, "passphrase", vault.passphrase_facts, vault.passphrase),
    look(_VAULT, "contents", vault.opened_facts, vault.opened, vault.PROBE_DEADLINE_S),
    look(_VAULT, "keyring variables", _variables, vault.settings_of_keyring),
    look(_PROFILES, "files", profiles.gather, profiles.readable),
    look(_PROFILES, "plaintext keys", profiles.gather, profiles.plaintext),
    look(_PROFILES, "credential_process", profiles.gather, profiles.lines),
    look(_PROFILES, "order", profiles.gather, profiles.beaten),
    look(_PROFILES, "source_profile", profiles.gather, profiles.sources),
    look(_PROFILES, "sections", profiles.gather, profiles.sections),
    look(_SHELL, "keys", environment.gather, environment.keys),
    look(_SHELL, "start-up files", environment.gather, environment.startup),
    look(_SHELL, "AWS_PROFILE", environment.gather, environment.profile),
    look(_SHELL, "file variables", environment.gather, environment.files),
    look(_SHELL, "web identity", environment.gather, environment.identity),
    look(_SHELL, "PATH", system.path_facts, system.path),
    look(_FILES, "modes", modes.gather, modes.modes),
    look(_FILES, "git trees", modes.git_facts, modes.git_trees, 30),
    look(_FILES, "sessions", modes.cache_facts, modes.caches),
    look(_FILES, "copies", modes.copy_facts, modes.copies),
    look(_SERVICE, "running", background.service_facts, background.running, 30),
    look(_SERVICE, "definition", background.service_facts, background.definition, 30),
    look(_SERVICE, "agent", background.agent_facts, background.agent),
    look(_HOOKS, "installed", hooks.gather, hooks.installed, hooks.DEADLINE_S),
    look(_HOOKS, "program", hooks.gather, hooks.programs, hooks.DEADLINE_S),
    look(_HOOKS, "global hook", hooks.gather, hooks.uncovered, hooks.DEADLINE_S),
    look(_STATE, "config.toml", state.config_facts, state.config),
    look(_STATE, "state database", state.database_facts, state.database, 30),
    look(_STATE, "rotations", state.rotation_facts, state.rotations),
    look(_STATE, "consent", state.rotation_facts, state.consent),
    look(_STATE, "problems", state.problem_facts, state.problems),
    look(_MACHINE, "git", system.git_facts, system.git, 35),
    look(_MACHINE, "OpenSSH", system.ssh_facts, system.openssh),
    look(_MACHINE, "watched folders", system.watched_facts, system.watched, system.WALK_DEADLINE_S),
    look(_MACHINE, "free space", system.space_facts, system.space),
)
ONLINE: tuple[Look, ...] = (
    look(_ONLINE, "keys", online.gather, online.accepted, online.DEADLINE_S),
    look(_ONLINE, "clock", online.gather, online.clock, online.DEADLINE_S),
)


def everything(*, ask_aws: bool = False) -> list[Check]:
    """Every check that applies here, in the table's order; changes nothing, asks nobody.

    `ask_aws`: the checks that need the network too. What fails on its own account, or has not
    answered within its deadline, is UNKNOWN and keeps no other from being told.
    """
    return run((*LOOKS, *ONLINE) if ask_aws else LOOKS)


def run(looks: Iterable[Look]) -> list[Check]:
    """See everything(). Each look has a thread and a context of its own."""
    started = time.monotonic()
    running = [_Running(each) for each in looks]
    for each in running:
        each.start()
    found: list[Check] = []
    for each in running:
        each.join(max(0.0, started + each.look.deadline_s - time.monotonic()))
        found += [
            replace(check, name=each.look.name, area=each.look.area) for check in each.result()
        ]
    return found


def well(checks: Iterable[Check]) -> bool:
    """Whether nothing failed and everything could be told."""
    return not any(each.state in (FAIL, UNKNOWN) for each in checks)


class _Running(threading.Thread):
    """A look at work; left behind when it does not end, so the process must not wait for it."""

    def __init__(self, work: Look) -> None:
        super().__init__(name=f"doctor {work.name}", daemon=True)
        self.look = work
        self._found: list[Check] | None = None

    def run(self) -> None:
        ctx = Context()
        try:
            self._found = self.look.checks(ctx)
        except CredguardError as error:
            self._found = [unknown(str(error), error.hint)]
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            self._found = [unknown(what)]
        except Exception as error:  # noqa: BLE001 - one that crashes must not hide the others
            # Its text is not shown: it may quote what it stumbled over.
            self._found = [unknown(f"the check itself failed: {type(error).__name__}{_at(error)}")]
        finally:
            if "db" in vars(ctx):
                ctx.db.close()

    def result(self) -> list[Check]:
        if self._found is None:
            return [unknown(f"no answer within {self.look.deadline_s:.0f} s")]
        return self._found


def _at(error: Exception) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f" at {os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
