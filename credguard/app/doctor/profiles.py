"""Checks of ~/.aws/config and ~/.aws/credentials: what AWS tools really take for each profile.

The order is botocore's (credentials.py, ProfileProviderBuilder): role, web identity, SSO, a key in
the credentials file, credential_process, a key in the config file.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from credguard import paths
from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, some, warn
from credguard.awsfiles.ini import IniFile
from credguard.errors import ConfigError, CredguardError
from credguard.store import profiles

_ID, _SECRET, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
_PROCESS = "credential_process"
_ELSEWHERE = ("role_arn", "sso_session", "sso_account_id", "web_identity_token_file")
_READ = (_ID, _SECRET, _TOKEN, _PROCESS, *_ELSEWHERE, "source_profile", "credential_source")
_HIDDEN = {_SECRET, _TOKEN}
_OTHER_SECTIONS = {"plugins", "preview", "services", "sso-session"}
_LARGEST = 4 << 20
LINES = "run: credguard doctor lines"

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Files:
    """Section -> setting -> value of both files, secrets replaced by a mark.

    `stored`: profile -> the credential_process line it should have; `gone`: programs that lines of
    ours name and that are not there; `error`: why a file cannot be read; `unread`: why the store
    cannot, then `stored` is empty.
    """

    credentials: Sections = field(default_factory=dict)
    config: Sections = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    error: ConfigError | None = None
    unread: CredguardError | None = None

    def merged(self) -> Sections:
        """Profile -> its settings from both files; the credentials file's win."""
        found: Sections = {}
        for section, values in self.config.items():
            name = profile_of(section)
            if name is not None:
                found.setdefault(name, {}).update(values)
        for name, values in self.credentials.items():
            found.setdefault(name, {}).update(values)
        return found

    def in_config(self) -> Sections:
        """Profile -> its settings in the config file alone."""
        named = ((profile_of(section), values) for section, values in self.config.items())
        return {name: values for name, values in named if name is not None}


def profile_of(section: str) -> str | None:
    """The profile of a section of ~/.aws/config; None: not a profile's."""
    if section == "default":
        return section
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "profile" else None


def _sections(path: str) -> Sections:
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST).decode()
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint=f"check its mode: ls -l {shlex.quote(path)}"
        ) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text", hint=f"correct {path}") from exc
    ini = IniFile(text, path)
    found: Sections = {}
    for section in ini.sections():
        values = {name: value for name in _READ if (value := ini.get(section, name))}
        found[section] = {n: "set" if n in _HIDDEN else v for n, v in values.items()}
    return found


def gather(ctx: Context) -> Files:
    """Both files, and what the store says they should hold."""
    try:
        credentials = _sections(paths.aws_credentials_file())
        config = _sections(paths.aws_config_file())
    except ConfigError as error:
        return Files(error=error)
    unread = None
    stored = {}
    try:
        known = profiles.profiles(state.store(ctx)) if state.there() else []
        stored = {each.name: keys.command(each.name) for each in known}
    except CredguardError as refused:
        unread = refused
    gone = set()
    for values in config.values():
        line = values.get(_PROCESS, "")
        if keys.is_ours(line):
            gone |= {each for each in programs(line) if not os.path.isfile(each)}
    return Files(credentials, config, stored, frozenset(gone), unread=unread)


def programs(line: str) -> list[str]:
    """The interpreter and the script that a credential_process line of ours names."""
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    return [word for word in words[:4] if os.path.isabs(word)]


def readable(facts: Files) -> list[Check]:
    """Whether AWS tools and credguard can read the two files."""
    if facts.error is not None:
        return [fail(str(facts.error), facts.error.hint)]
    return [ok("both files are well formed")]


def need(facts: Files) -> Files:
    """`facts`; raises CredguardError when the files could not be read."""
    if facts.error is not None:
        raise CredguardError(
            "a file of ~/.aws cannot be read, see files under AWS profiles", hint=""
        )
    return facts


def _need_both(facts: Files) -> Files:
    """As need; raises what keeps the store from being read too."""
    if facts.unread is not None:
        raise facts.unread
    return need(facts)


def _import(name: str) -> str:
    return f"run: credguard import {shlex.quote(name)} --yes"


def plaintext(facts: Files) -> list[Check]:
    """Keys in plaintext: those that beat credential_process, and those not taken in yet."""
    found: dict[str, Check] = {}
    config = need(facts).in_config()
    for place, sections in (
        (paths.aws_credentials_file(), facts.credentials),
        (paths.aws_config_file(), config),
    ):
        for name, values in sections.items():
            if name in found or not (_ID in values and _SECRET in values):
                continue
            key = f"{place}: the key of [{name}] lies in plaintext"
            ours = name in facts.stored or keys.is_ours(config.get(name, {}).get(_PROCESS, ""))
            if _TOKEN in values:
                said = f"{place}: [{name}] holds a session in plaintext"
                fix = f"take its lines out of [{name}]; a session ends, so it is not imported"
                found[name] = (
                    fail(f"{said}, taken before the vault's key", fix) if ours else warn(said, fix)
                )
            elif ours and sections is facts.credentials:
                found[name] = fail(
                    f"{key}, and AWS tools take it before the vault's", _import(name)
                )
            elif ours:
                found[name] = fail(f"{key} beside its credential_process", _import(name))
            else:
                found[name] = warn(key, _import(name))
    return list(found.values()) or [ok("no key lies in plaintext")]


def lines(facts: Files) -> list[Check]:
    """Lines of ours that do not work, and vault profiles without one."""
    found = []
    config = _need_both(facts).in_config()
    merged = facts.merged()
    for name, values in config.items():
        line = values.get(_PROCESS, "")
        if not keys.is_ours(line):
            continue
        dead = [each for each in programs(line) if each in facts.gone]
        if dead:
            said = f"[{name}] in {paths.aws_config_file()} names {dead[0]}, which is gone"
            found.append(fail(said, LINES))
        elif name not in facts.stored and not any(each in values for each in _ELSEWHERE):
            said = f"[{name}] asks the vault, which has no such profile"
            fix = f"put its key in: credguard add {shlex.quote(name)}; or drop the line:\n{LINES}"
            found.append(fail(said, fix))
        elif name in facts.stored and line != facts.stored[name]:
            said = f"[{name}] uses another installation of credguard: {programs(line)[0]}"
            found.append(warn(said, LINES))
    for name in facts.stored:
        here = merged.get(name, {}).get(_PROCESS)
        if here is None:
            where = paths.aws_config_file()
            said = (
                f"profile {name} is in the vault, but no AWS tool asks for it: no line in {where}"
            )
            found.append(fail(said, LINES))
        elif not keys.is_ours(here):
            said = (
                f"profile {name} is in the vault, but its credential_process is another program's"
            )
            fix = f"delete that line of [{name}] in {paths.aws_config_file()}, then:\n{LINES}"
            found.append(fail(said, fix))
    return found or [ok("every profile of the vault has its line")]


def beaten(facts: Files) -> list[Check]:
    """Settings of the same section that AWS tools take before credential_process."""
    found = []
    for name, values in _need_both(facts).merged().items():
        first = [each for each in _ELSEWHERE if each in values]
        if first and name in facts.stored and keys.is_ours(values.get(_PROCESS, "")):
            said = f"[{name}] has {first[0]}, which AWS tools take before the vault's key"
            fix = f"give the key a section of its own and name that in source_profile of [{name}]"
            found.append(warn(said, fix))
    return found


def sources(facts: Files) -> list[Check]:
    """source_profile naming a profile that gives no credentials."""
    found = []
    merged = need(facts).merged()
    for name, values in merged.items():
        source = values.get("source_profile")
        if source is None or "role_arn" not in values:
            continue
        if source not in merged:
            said = f"[{name}] takes its credentials from profile {source}, which is not there"
            near = f"correct source_profile of [{name}] in {paths.aws_config_file()}"
            found.append(fail(said, f"{near}; there are: {some(sorted(merged), 8)}"))
        elif not _gives(merged[source]):
            said = f"[{name}] takes its credentials from profile {source}, which has none"
            fix = f"put its key in: credguard add {shlex.quote(source)}"
            found.append(fail(said, LINES if source in facts.stored else fix))
    return found or [ok("every source_profile gives credentials")]


def _gives(values: Mapping[str, str]) -> bool:
    if _ID in values and _SECRET in values:
        return True
    return any(each in values for each in (_PROCESS, "credential_source", *_ELSEWHERE))


def sections(facts: Files) -> list[Check]:
    """Sections that look like profiles and that no AWS tool takes for one."""
    found = []
    path = paths.aws_config_file()
    for section, values in need(facts).config.items():
        kind = section.split()[0] if section.split() else ""
        if profile_of(section) is None and values and kind not in _OTHER_SECTIONS:
            said = f"{path}: AWS tools do not take [{section}] for a profile"
            found.append(warn(said, f"name it [profile {section}]"))
    if "default" in facts.config and "profile default" in facts.config:
        said = f"{path} has both [default] and [profile default]; tools differ in which they take"
        found.append(warn(said, "move what is in [profile default] into [default]"))
    path = paths.aws_credentials_file()
    for section in facts.credentials:
        if section.startswith("profile "):
            said = f"{path}: [{section}] is a profile of that whole name"
            found.append(warn(said, f"name it [{section.removeprefix('profile ').strip()}]"))
    return found
