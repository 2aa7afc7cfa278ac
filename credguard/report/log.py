"""The log as a person and as a program read it. Pure; local time comes from the system's zone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from credguard.report.text import printable

UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Entry:
    """`at`: Unix seconds; `kind`: an event's, or `handout`; `subject`: whom `kind` is about."""

    at: float
    kind: str
    subject: str
    detail: Mapping[str, object]


# One sentence a kind. {subject} is the entry's; {user} the last part of a rotation's subject
# (partition/account/user); anything else is of its detail.
SENTENCES = {
    "audit.done": "{subject} was audited: {passed} passed, {failed} failed, {unknown} untold",
    "audit.fixed": "fix {fix} was applied to {subject} (number {number})",
    "audit.undone": "fix {fix} of {subject} was taken back (number {number})",
    "handout": "key {key_id} of profile {subject} went to {program} (pid {pid}) by {how}",
    "profile.stored": "key {key_id} is in the vault; profile {subject} hands it out",
    "profile.recovered": "profile {subject} was recovered; it hands out key {key_id} again",
    "profile.written_back": "the key of profile {subject} was put back in plaintext",
    "profile.exported": "key {key_id} of profile {subject} was written to {path}",
    "profile.made_default": "AWS tools that name no profile get the key of profile {subject} now",
    "profile.removed": "profile {subject} was removed; it handed out key {key_id}",
    "rotation.agreed": "a person agreed that the key of profile {subject} is replaced unattended",
    "rotation.intent": "{user}: a rotation asks IAM for a key to take over from {old_id}",
    "rotation.created": "{user}: IAM made key {new_id}",
    "rotation.stored": "{user}: new key {new_id} is in the vault, read back",
    "rotation.proven": "{user}: new key {new_id} is proven on STS and IAM",
    "rotation.switched": "{user}: profiles hand out {new_id} now; {old_id} still works",
    "rotation.deactivated": "{user}: old key {old_id} is deactivated, and can be made active again",
    "rotation.deleted": "{user}: old key {old_id} is deleted in IAM",
    "rotation.aborting": "{user}: the rotation is given up, and new key {new_id} removed",
    "rotation.reverting": "{user}: profiles go back to {old_id}",
    "rotation.waits": "{user}: the rotation waits: {why}",
    "rotation.asks": "{user}: the rotation needs a person: {why}",
    "rotation.rollback": "{user}: a person asked to go back from {new_id} to {old_id}",
    "rotation.emergency": "{user}: a key that leaked is replaced at once",
    "rotation.locked_out": "{user}: key {key_id} was {how} without a successor",
    "rotation.freed": "{user}: second key {deleted_id} was deleted to make room",
    "rotation.rebuilt": "{user}: a journal of no more use was given up",
    "rotation.ended": "{user}: the rotation is over",
    "finding.committed": "{rule} came past the hooks: {place}, commit {commit} of {subject}",
    "leak.out": "{subject} got out: {place}: {how}",
    "leak.answered": "{subject} that got out was answered: {answer}: {why}",
    "leak.failed": "the answer to {subject} that got out failed, and is tried again: {why}",
    "leak.stopped": "a person stopped the answer to {subject} that got out",
    "finding.skipped": "{rule} was let pass in {subject}: {place}: {reason}",
    "finding.allowed": "a person let {rule} pass in {subject}, line {line}: {reason}",
    "problem.raised": "{subject} does not work: {what}",
    "problem.solved": "{subject} works again",
    "problem.replaced": "{subject} is handed out no more: another took over",
    "password.intent": "{user}: the console password is to be changed to generation {generation}",
    "password.sent": "{user}: password generation {generation} is in the vault; IAM is asked",
    "password.changed": "{user}: IAM took password generation {generation}",
    "password.switched": "{user}: password generation {generation} is the one in force",
    "password.unknown": "{user}: which console password is in force cannot be told; all are kept",
    "password.ended": "{user}: the change of the console password is over",
    "password.rebuilt": "{user}: an unreadable password journal was given up",
    "password.read": "{user}: password generation {generation} was read",
    "database.rebuilt": "the damaged state database {subject} was made anew with {rows} rows",
    "vault.migrated": "everything in the vault {source} was moved to {subject}",
    "secret.stored": "secret {subject} was put into the vault",
    "secret.recovered": "the name of secret {subject} was found again in the vault",
    "secret.read": "secret {subject} was read",
    "secret.removed": "secret {subject} was removed from the vault",
    "user.renamed": "IAM user {before} is called {subject} now",
    "ssh.added_to_agent": "SSH key {subject} was handed to ssh-agent for {lifetime} seconds",
    "ssh.registered": "SSH key {subject} is registered in {regions}",
    "ssh.unlocked": "the passphrase of SSH key {subject} was given to OpenSSH",
    "ssh.replacing": "SSH key {new} is to take over from {subject}",
    "ssh.switched": "SSH key {new} took over from {subject}, which drains",
    "ssh.line_replaced": "instance {instance} in {region} takes SSH key {new}, not {subject} now",
    "ssh.pair_deleted": "the key pair of SSH key {subject} is deleted in {region}",
    "ssh.replaced": "SSH key {subject} was replaced by {new}",
    "ssh.revoked": "{subject} was revoked; {left} things are left to do",
    "ssh.connected": "instance {subject} in {region} was connected to as {user}",
}
_WITH_REASON = {"rotation.aborting", "rotation.reverting"}
_STRAY = "; key {stray_id}, of a request whose answer was lost, is to be removed"


class _Fields(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return UNKNOWN


def sentence(entry: Entry) -> str:
    """What happened, in plain words on one line; a kind without a sentence is shown raw."""
    text = SENTENCES.get(entry.kind)
    if text is None:
        detail = json.dumps(dict(entry.detail), sort_keys=True, ensure_ascii=False)
        return printable(f"{entry.kind} {entry.subject} {detail}")
    if entry.detail.get("stray_id"):
        text += _STRAY
    if entry.kind in _WITH_REASON and entry.detail.get("why"):
        text += ": {why}"
    fields = _Fields(
        {name: _shown(value) for name, value in entry.detail.items() if value is not None}
    )
    fields["subject"] = entry.subject
    fields["user"] = entry.subject.rsplit("/", 1)[-1]
    return printable(text.format_map(fields))


def _shown(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def local_time(at: float) -> str:
    """`at` to the second in local time; UNKNOWN when no calendar has it."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return UNKNOWN


def entry_json(entry: Entry) -> dict[str, object]:
    """For a program: `at` in Unix seconds, `time` as ISO 8601 in UTC (null: no calendar has it)."""
    try:
        moment = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
        time: str | None = moment.replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        time = None
    return {
        "at": entry.at,
        "time": time,
        "kind": entry.kind,
        "subject": entry.subject,
        "detail": dict(entry.detail),
    }
