"""Use case: the whole story of a leak: what the store, git and AWS say of it."""

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from credguard.app import leak as leak_app
from credguard.app import rotate
from credguard.app.context import Context
from credguard.app.signing import Signer
from credguard.errors import AwsError, CredguardError, GitError
from credguard.report.leak import Call, RemoteKey, Seen, Story, Where, moment
from credguard.report.log import Entry, sentence
from credguard.store import events, handouts, leaks, profiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.aws.model import Credentials, TrailEvent

T = TypeVar("T")
_DAY_S = 86400.0
_TRAIL_S = 90 * _DAY_S
# What gives somebody a way in that outlives the key, or opens an existing one.
_WAYS_IN = """
    CreateAccessKey UpdateAccessKey CreateLoginProfile UpdateLoginProfile ChangePassword
    CreateUser CreateRole CreateServiceSpecificCredential ResetServiceSpecificCredential
    UploadSSHPublicKey UploadSigningCertificate CreateVirtualMFADevice EnableMFADevice
    DeactivateMFADevice AttachUserPolicy PutUserPolicy AttachRolePolicy PutRolePolicy
    AttachGroupPolicy PutGroupPolicy AddUserToGroup UpdateAssumeRolePolicy CreatePolicyVersion
    SetDefaultPolicyVersion CreateSAMLProvider CreateOpenIDConnectProvider CreateInstanceProfile
    DeleteUserPermissionsBoundary GetSessionToken GetFederationToken AssumeRole ConsoleLogin
    CreateKeyPair ImportKeyPair SendSSHPublicKey RunInstances AuthorizeSecurityGroupIngress
    CreateFunction20150331 AddPermission20150331v2 CreateFunctionUrlConfig GetSecretValue
    StopLogging DeleteTrail UpdateTrail PutEventSelectors
"""
NOTABLE = frozenset(_WAYS_IN.split())


def story(ctx: Context, leak: leaks.Leak, *, ask: bool = True, regions: list[str]) -> Story:
    """What is known of `leak`; `ask`: AWS too, in its main region and in `regions`.

    What AWS does not say is among the gaps. Raises StoreError.
    """
    key_id = leak_app.key_id_of(leak.item)
    identity = leak_app.identity_of(ctx, leak.item)
    stopped = None
    if leak.state == leaks.ANSWERED and leak.answer.split(":")[0] != "tell":
        stopped = leak.due
    since = min(leak.place.at, leak.at)
    places = _places(ctx, leak)
    made = [each.committed for each in places if each.committed is not None]
    return Story(
        title=leak.title,
        item=leak.item,
        key_id=key_id,
        identity=identity,
        how=leak.how,
        places=places,
        first_seen=leak.place.at,
        out_at=leak.at,
        due=leak.due,
        state=leak.state,
        answer=leak.answer,
        stopped_at=stopped,
        replaced_by=_replaced_by(ctx, key_id),
        events=_told(ctx, leak, key_id),
        handed_out=0 if key_id is None else handouts.count(ctx.db, key_id, since),
        sessions_until=0.0 if key_id is None else handouts.sessions_until(ctx.db, key_id),
        seen=_seen(ctx, leak, identity, min([since, *made]), regions) if ask else None,
    )


def _places(ctx: Context, leak: leaks.Leak) -> list[Where]:
    found = {(leak.place.oid, leak.place.path): leak.place}
    for each in leaks.places(ctx.db, leak.item):
        found.setdefault((each.oid, each.path), each)
    return [
        Where(each.path, each.line, each.git_dir, each.oid, _committed(each))
        for each in found.values()
    ]


def _committed(place: leaks.Place) -> float | None:
    from credguard.sources.git import run

    if not place.oid:
        return None
    try:
        said = run(place.git_dir, "rev-list", "--no-walk", "--timestamp", place.oid, "--")
        return float(said.split()[0])
    except (GitError, OSError, ValueError, IndexError):
        return None  # the repository is gone, or the commit was pruned


def _told(ctx: Context, leak: leaks.Leak, key_id: str | None) -> list[tuple[float, str]]:
    found = [
        each
        for each in events.recent(ctx.db, 500, families=frozenset({"leak"}))
        if each.subject == leak.title
    ]
    if key_id is not None:
        families = frozenset({"rotation", "profile"})
        found += events.recent(ctx.db, 200, families=families, key_id=key_id)
    elif leak.item.startswith("password/"):
        identity = leak_app.identity_of(ctx, leak.item)
        found += [
            each
            for each in events.recent(ctx.db, 200, families=frozenset({"password"}))
            if each.subject == identity
        ]
    found.sort(key=lambda each: each.id)
    return [
        (each.at, sentence(Entry(each.at, each.kind, each.subject, each.detail))) for each in found
    ]


def _replaced_by(ctx: Context, key_id: str | None) -> str | None:
    if key_id is None:
        return None
    for each in events.recent(ctx.db, 200, families=frozenset({"rotation"}), key_id=key_id):
        if each.kind == "rotation.switched" and each.detail.get("old_id") == key_id:
            new = each.detail.get("new_id")
            return None if new is None else str(new)
    return None


def _seen(
    ctx: Context, leak: leaks.Leak, identity: str | None, since: float, regions: list[str]
) -> Seen | None:
    """What AWS says; None: there is nothing to ask it of this value."""
    if identity is None:
        return None
    now, gaps = ctx.now(), []  # type: float, list[str]
    group = rotate.users(ctx).get(identity)
    if not group:
        gaps.append(f"no profile hands out a key of {identity} to ask with")
        return Seen(now, [], gaps=gaps)
    from credguard.aws.model import main_region

    key = group[0].key
    asked = list(dict.fromkeys([main_region(key.partition), *regions]))
    since = max(since - _DAY_S, now - _TRAIL_S)
    asker, key_id = _Asker(Signer(ctx, key, None), key, gaps), leak_app.key_id_of(leak.item)
    calls, complete = asker.calls(key_id, asked, since)
    ours = {each.key_id for each in profiles.keys(ctx.db)} | _made_here(ctx)
    keys = asker.keys(ours)
    has_login, login = asker.login()
    there = key_id is not None and any(each.key_id == key_id for each in keys or ())
    return Seen(
        asked_at=now,
        regions=asked,
        calls=None if calls is None else grouped(calls, ours),
        complete=complete,
        keys=keys,
        has_login=has_login,
        login=login,
        last_used=asker.last_used(key_id) if there and key_id else "",
        gaps=gaps,
    )


def _made_here(ctx: Context) -> set[str]:
    found = events.recent(ctx.db, 1000, families=frozenset({"rotation.created"}))
    return {str(each.detail["new_id"]) for each in found if each.detail.get("new_id")}


class _Asker:
    """Asks AWS, one thing after the other; what it does not say becomes a gap."""

    def __init__(self, signer: Signer, key: profiles.Key, gaps: list[str]) -> None:
        self._signer, self._key, self._gaps = signer, key, gaps

    def _asked(self, call: "Callable[[Credentials], T]") -> "T | None":
        try:
            return self._signer.call(self._key.key_id, call)
        except CredguardError as error:
            hint = f" ({error.hint})" if isinstance(error, AwsError) and error.hint else ""
            if (said := f"{error}{hint}") not in self._gaps:
                self._gaps.append(said)
            return None

    def calls(
        self, key_id: str | None, regions: list[str], since: float
    ) -> "tuple[list[TrailEvent] | None, bool]":
        """Everything that key did, and what its user did that outlives a key; whether it is all."""
        from credguard.aws import cloudtrail

        wanted = [] if key_id is None else [("AccessKeyId", key_id)]
        wanted.append(("Username", self._key.user_name))
        found: dict[TrailEvent, None] = {}
        complete, answered = True, False
        for region in regions:
            for attribute, value in wanted:
                look = partial(
                    cloudtrail.lookup, region=region, attribute=attribute, value=value, since=since
                )
                got = self._asked(look)
                if got is None:
                    complete = False
                    break
                answered, complete = True, complete and got[1]
                found.update(dict.fromkeys(got[0]))
        kept = [each for each in found if key_id in {None, each.key_id} or each.name in NOTABLE]
        return (kept if answered else None), complete

    def keys(self, ours: set[str]) -> list[RemoteKey] | None:
        """The user's keys in IAM now."""
        from credguard.aws import iam

        listed = self._asked(lambda c: iam.list_access_keys(c, self._key.user_name))
        if listed is None:
            return None
        return [
            RemoteKey(each.key_id, each.status, each.created, each.key_id in ours)
            for each in listed
        ]

    def login(self) -> tuple[bool | None, float | None]:
        """Whether the user has a console password, and since when."""
        from credguard.aws import iam

        made = self._asked(lambda c: (iam.login_created(c, self._key.user_name),))
        return (None, None) if made is None else (made[0] is not None, made[0])

    def last_used(self, key_id: str) -> str:
        """When and for what IAM saw the key last, in words; "": it does not say."""
        from credguard.aws import iam

        used = self._asked(lambda c: iam.access_key_last_used(c, key_id))
        if used is None or used.at is None:
            return "" if used is None else "never"
        return f"{moment(used.at)}, {used.service} in {used.region}"


def grouped(found: "list[TrailEvent]", ours: set[str]) -> list[Call]:
    """Calls that are alike as one, those that matter first, then the newest."""
    groups: dict[tuple[object, ...], list[TrailEvent]] = {}
    for each in found:
        kind = (
            each.service, each.name, each.region, each.key_id, each.address, each.agent, each.error,
            each.subject, each.made, each.until,
        )  # fmt: skip
        groups.setdefault(kind, []).append(each)
    calls = []
    for alike in groups.values():
        one, times = alike[0], [each.at for each in alike]
        made_ours = one.made in ours and "credguard/" in one.agent
        calls.append(
            Call(
                min(times),
                max(times),
                len(alike),
                one.service,
                one.name,
                one.region,
                one.key_id,
                one.address,
                one.agent,
                one.error,
                one.subject,
                one.made,
                one.until,
                one.name in NOTABLE and not one.error,
                made_ours,
            )
        )
    calls.sort(key=lambda each: (not each.notable, each.ours, -each.last))
    return calls
