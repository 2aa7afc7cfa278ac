"""The story of one leak, for whoever looks after security: as text and as JSON. Pure."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from shlex import quote
from typing import Any

from credguard.report.text import printable

VERSION = 1
POLICY_NAME = "credguard-end-older-sessions"
LONGEST_SESSION_S = 36 * 3600
"""GetSessionToken and GetFederationToken, STS API reference: 129,600 s at most; a role's 12 h."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Where:
    """A place that holds the value. `repository`, `commit`: "" of a file outside git.

    `committed`: Unix seconds by the commit itself; None: not known.
    """

    path: str
    line: int
    repository: str
    commit: str
    committed: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """Calls to AWS that are alike: `count` of them from `first` to `last`, Unix seconds.

    `notable`: it makes or opens something that outlives the key; `ours`: credguard's own, by what
    it journalled. `made`, `until`: see aws.model.TrailEvent.
    """

    first: float
    last: float
    count: int
    service: str
    name: str
    region: str
    key_id: str
    address: str
    agent: str
    error: str
    subject: str
    made: str
    until: float | None
    notable: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """A key of the user in IAM now."""

    key_id: str
    status: str
    created: float
    ours: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What AWS said when it was asked. None: it was not asked, or did not answer.

    `complete`: all events were read; `gaps`: what is not known, and why. `login`: when the console
    password was made; `has_login` None: not known.
    """

    asked_at: float
    regions: list[str]
    calls: list[Call] | None = None
    complete: bool = True
    keys: list[RemoteKey] | None = None
    has_login: bool | None = None
    login: float | None = None
    last_used: str = ""
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """All there is to say of one leak. Times are Unix seconds; None: did not happen yet.

    `events`: time and sentence of the log, oldest first. `sessions_until`: when the last session
    that credguard itself handed out ends; 0.0: it handed out none.
    """

    title: str
    item: str
    key_id: str | None
    identity: str | None
    how: str
    places: list[Where]
    first_seen: float
    out_at: float
    due: float
    state: str
    answer: str
    stopped_at: float | None
    replaced_by: str | None
    events: list[tuple[float, str]]
    handed_out: int
    sessions_until: float
    seen: Seen | None

    @property
    def user_name(self) -> str:
        """The IAM user; "": not known."""
        return (self.identity or "").rpartition("/")[2]


def policy(before: float) -> dict[str, Any]:
    """Denies everything to sessions issued before then. Long-term keys have no issue time: spared.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": moment(before)}},
            }
        ],
    }


def longest_session(story: Story) -> float | None:
    """Until when a session got with the key may live, Unix seconds; None: the key still works."""
    return None if story.stopped_at is None else story.stopped_at + LONGEST_SESSION_S


def as_json(story: Story) -> dict[str, Any]:
    """For a program; `version` changes when a field changes its meaning."""
    is_key = story.key_id is not None
    return {
        "version": VERSION,
        **asdict(story),
        "events": [{"at": at, "what": what} for at, what in story.events],
        "sessions_may_live_until": longest_session(story) if is_key else None,
        "deny_policy": policy(_before(story)) if is_key else None,
        "roles_assumed": _roles(story),
    }


def text(story: Story) -> str:
    """For a person; several lines, no secret, nothing that a terminal would act on."""
    lines = [
        f"Leaked: {story.title}",
        *(["Key: " + story.key_id] if story.key_id else []),
        *(["Of: " + story.identity] if story.identity else []),
        f"How it got out: {story.how or 'a remote-tracking branch holds it'}",
        "Where:",
        *(f"  {_where(each)}" for each in story.places),
        f"First seen here:      {moment(story.first_seen)}",
        f"Seen to have got out: {moment(story.out_at)}",
        f"State: {story.state}" + (f": {story.answer}" if story.answer else ""),
    ]
    if story.state == "waiting":
        lines.append(
            f"Is answered: {moment(story.due)}; to keep it from being: credguard leak stop"
        )
    if story.replaced_by:
        lines.append(f"Replaced by: {story.replaced_by}")
    lines += ["", "What happened:", *(f"  {moment(at)}  {what}" for at, what in story.events)]
    if story.key_id is not None or story.item.startswith("password/"):
        lines += ["", *_of_aws(story)]
    if story.key_id is not None:
        lines += ["", *_sessions(story)]
    lines += ["", "What is left to do:", *(f"- {each}" for each in _left(story))]
    return "\n".join(printable(line) for line in lines) + "\n"


def _where(each: Where) -> str:
    if not each.commit:
        return f"{each.path}:{each.line}"
    made = f", made {moment(each.committed)}" if each.committed is not None else ""
    return f"{each.path}:{each.line} in commit {each.commit} of {each.repository}{made}"


def _of_aws(story: Story) -> Iterator[str]:
    yield "What was done with it, by CloudTrail:" if story.key_id else "Sign-ins, by CloudTrail:"
    seen = story.seen
    if seen is None or seen.calls is None:
        yield "  UNKNOWN; by hand, in each region:"
        yield f"  {lookup_command(story)}"
    if seen is None:
        return
    if seen.calls is not None:
        yield f"  asked {moment(seen.asked_at)}, regions: {', '.join(seen.regions)};"
        yield "  what was done in the quarter of an hour before may be missing yet"
        if not seen.calls:
            yield "  no call since it was first seen"
        for each in seen.calls[:_SHOWN]:
            yield f"  {_call(each)}"
        if len(seen.calls) > _SHOWN:
            yield f"  and {len(seen.calls) - _SHOWN} more kinds of calls, see --json"
        if not seen.complete:
            yield "  there are more events than were read; read the rest in the console"
    if seen.last_used:
        yield f"  last used, by IAM: {seen.last_used}"
    if story.handed_out:
        yield f"  credguard itself handed the key to programs {story.handed_out} times since then"
    yield ""
    yield "Other keys and logins of the user:"
    for key in seen.keys or ():
        whose = "credguard's" if key.ours else "NOT credguard's: is it yours?"
        yield f"  key {key.key_id}, {key.status}, made {moment(key.created)}: {whose}"
    if seen.has_login is not None:
        since = f", made {moment(seen.login)}" if seen.login is not None else ""
        yield f"  console password: {'yes' if seen.has_login else 'none'}{since}"
    made = [each for each in seen.calls or () if each.notable and not each.ours]
    for each in made:
        yield f"  CHECK: {_call(each)}"
    if seen.calls is not None and not made:
        yield "  no call that CloudTrail shows made a key, a login, a role or a permission"
    for gap in seen.gaps:
        yield f"  UNKNOWN: {gap}"


def _call(each: Call) -> str:
    often = f" {each.count} times" if each.count > 1 else ""
    when = moment(each.first) + (f" to {moment(each.last)}" if each.count > 1 else "")
    about = f" ({each.subject})" if each.subject else ""
    gave = f", gave {each.made}" if each.made else ""
    until = f" until {moment(each.until)}" if each.until is not None else ""
    refused = f", refused: {each.error}" if each.error else ""
    ours = ", credguard itself" if each.ours else ""
    return (
        f"{when}  {each.service}:{each.name}{about}{often} in {each.region or '?'} from"
        f" {each.address or '?'} ({each.agent[:60] or '?'}) by {each.key_id or '?'}"
        f"{gave}{until}{refused}{ours}"
    )


def _sessions(story: Story) -> Iterator[str]:
    yield "Sessions that were got with the key:"
    last = longest_session(story)
    if last is None:
        yield "  the key still works, so new ones can be got"
    else:
        yield f"  may live until {moment(last)}: 36 hours after the key was stopped"
    if story.sessions_until:
        yield f"  the last that credguard handed out ends {moment(story.sessions_until)}"
    known = [each.until for each in (story.seen and story.seen.calls) or () if each.until]
    if known:
        yield f"  the last that CloudTrail shows ends {moment(max(known))}"
    yield "  to end them now, this policy on the user denies what was issued before:"
    yield from (f"  {line}" for line in json.dumps(policy(_before(story)), indent=2).split("\n"))
    yield f"  {policy_command(story)}"
    for role in _roles(story):
        yield f"  the same on the role that was assumed: {role}"


def _roles(story: Story) -> list[str]:
    calls = (story.seen and story.seen.calls) or []
    found = [each.subject for each in calls if each.name == "AssumeRole" and not each.error]
    return list(dict.fromkeys(each for each in found if each))


def _before(story: Story) -> float:
    asked = story.seen.asked_at if story.seen is not None else story.out_at
    return asked if story.stopped_at is None else story.stopped_at


def _left(story: Story) -> Iterator[str]:
    if story.state == "stopped":
        yield "nothing was done about it: a person stopped the answer"
    if story.answer.startswith("tell:"):
        yield story.answer.removeprefix("tell:").strip()
    if story.key_id is not None:
        if story.stopped_at is None and story.state != "waiting":
            yield "stop the key: it still works as far as is known"
        yield "end its sessions with the policy above; take that away after 36 hours"
        yield "look at each call above that is not yours, and at what it made"
    if story.places and story.places[0].commit:
        yield "rewriting the branch does not make the value secret again; it only tidies up"
    elif story.places:
        yield f"delete {story.places[0].path}, and its older versions at the service that syncs it"


def lookup_command(story: Story) -> str:
    """What an administrator types to see what CloudTrail has."""
    key, value = "AccessKeyId", story.key_id or ""
    if story.key_id is None:
        key, value = "Username", story.user_name
    attribute = f"AttributeKey={key},AttributeValue={value}"
    return f"aws cloudtrail lookup-events --lookup-attributes {quote(attribute)}"


def policy_command(story: Story) -> str:
    """What an administrator types to attach the policy."""
    document = json.dumps(policy(_before(story)), separators=(",", ":"))
    return (
        f"aws iam put-user-policy --user-name {quote(story.user_name or 'USER')} --policy-name"
        f" {POLICY_NAME} --policy-document {quote(document)}"
    )


def moment(at: float) -> str:
    """ISO 8601 in UTC, as IAM's policies want it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
