"""What is wrong with SSH keys: shared ones, old ones, ones that anybody can read. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from shlex import quote

from credguard.keypairs.model import Facts, Instance, LocalKey, Pair
from credguard.keypairs.public import is_key

DAY_S = 86400.0
_LEAST_RSA_BITS = 2048
# One person may well have two machines without a tag; from so many on a pair without an owner is
# taken to be shared.
UNTAGGED_INSTANCES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `check`: its name, stable; `where`: a region, or "here".

    `subject`: the key pair, instance or file; `text`: in words; `hint`: what to do.
    """

    check: str
    where: str
    subject: str
    text: str
    hint: str


def problems(facts: Facts, now: float, max_age_s: float) -> list[Problem]:
    """Every problem, those of the account first. `max_age_s`: from when on a key is old."""
    found = [
        *_same_key_under_names(facts),
        *_used_by_several(facts),
        *_without_owner(facts),
        *_old_pairs(facts, now, max_age_s),
        *_deleted_pairs(facts),
        *_launching(facts),
        *_claimed_by_others(facts),
        *_local(facts.local, now, max_age_s),
    ]
    order = {"here": "~"}  # after every region
    return sorted(found, key=lambda each: (order.get(each.where, each.where), each.subject))


def _groups(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Pairs of the same public key together; one whose key is not known stands alone."""
    by_key: dict[str, list[Pair]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        public = pair.public_key
        by_key[" ".join(public.split()[:2]) if public else f"?{number}"].append(pair)
    return list(by_key.values())


def _same_key_under_names(facts: Facts) -> Iterator[Problem]:
    for group in _groups(facts.pairs):
        names = sorted({each.name for each in group})
        owners = sorted({each.owner for each in group if each.owner})
        if len(owners) > 1:
            text = f"the same key belongs to {_some(owners)}"
        elif len(names) > 1:
            text = f"the same key is registered as {_some(names)}"
        else:
            continue
        regions = sorted({each.region for each in group})
        yield Problem(
            "shared-key", regions[0], names[0], f"{text} (in {_some(regions)})",
            "give each person an own key: credguard ssh create; then remove this one",
        )  # fmt: skip


def _used_by_several(facts: Facts) -> Iterator[Problem]:
    owned = {(each.region, each.name): each.owner for each in facts.pairs}
    by_pair: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    for instance in facts.instances:
        if instance.key_name:
            by_pair[instance.region, instance.key_name].append(instance)
    for (region, name), group in sorted(by_pair.items()):
        owners = sorted({each.owner for each in group if each.owner})
        untagged = [each for each in group if not each.owner]
        if len(owners) > 1:
            text = f"instances of {_some(owners)} have the key pair {name}"
        elif not owned.get((region, name)) and len(untagged) >= UNTAGGED_INSTANCES:
            text = f"{len(untagged)} instances without an owner have the key pair {name}"
        else:
            continue
        hint = "launch each person's instances with that person's own key pair"
        yield Problem("shared-by-instances", region, name, text, hint)


def _without_owner(facts: Facts) -> Iterator[Problem]:
    for pair in facts.pairs:
        if not pair.owner:
            text = f"the key pair {pair.name} has no owner tag"
            hint = "tag it with whose it is (owner), or delete it when nobody knows"
            yield Problem("no-owner", pair.region, pair.name, text, hint)


def _old_pairs(facts: Facts, now: float, max_age_s: float) -> Iterator[Problem]:
    for pair in facts.pairs:
        if pair.created is not None and now - pair.created > max_age_s:
            text = f"the key pair {pair.name} is {_days(now - pair.created)} old"
            mine = next(
                (
                    each.name
                    for each in facts.local
                    if each.name and each.public_key and is_key(pair, each.public_key)
                ),
                None,
            )
            hint = f"run: credguard ssh rotate {quote(mine or '')}"
            hint = hint if mine else "its owner should replace it"
            yield Problem("old-pair", pair.region, pair.name, text, hint)


def _deleted_pairs(facts: Facts) -> Iterator[Problem]:
    known = {(each.region, each.name) for each in facts.pairs}
    unread = {what for what, _ in facts.unknown}
    for instance in facts.instances:
        key = (instance.region, instance.key_name or "")
        if instance.key_name and key not in known and instance.region not in unread:
            text = (
                f"{instance.id} was launched with {instance.key_name}, a pair that was deleted:"
                " that key still opens it"
            )
            hint = "take its line out of authorized_keys there, or launch the instance anew"
            yield Problem("deleted-pair", instance.region, instance.id, text, hint)


def _launching(facts: Facts) -> Iterator[Problem]:
    known = {(each.region, each.name) for each in facts.pairs}
    successors = {(each.region, each.tags.get("supersedes", "")): each.name for each in facts.pairs}
    for each in facts.templates:
        if (each.region, each.key_name) not in known:
            text = f"{each.title} names the key pair {each.key_name}, which is not there"
            yield Problem(
                "launch-without-pair", each.region, each.name, f"{text}: its launches fail",
                "have it name another key pair, or none",
            )  # fmt: skip
        elif new := successors.get((each.region, each.key_name)):
            text = f"{each.title} names the key pair {each.key_name}, which {new} replaces"
            yield Problem(
                "launch-with-old-pair", each.region, each.name, text, f"have it name {new}"
            )


def _claimed_by_others(facts: Facts) -> Iterator[Problem]:
    for key in facts.local:
        if key.public_key is None:
            continue
        for pair in facts.pairs:
            if (
                pair.owner
                and pair.owner != (key.owner or facts.me)
                and is_key(pair, key.public_key)
            ):
                text = f"{key.title} is the key pair {pair.name} of {pair.owner}"
                hint = "use a key of your own: credguard ssh create; then delete this file"
                yield Problem("another's-key", pair.region, key.title, text, hint)


def _local(keys: Iterable[LocalKey], now: float, max_age_s: float) -> Iterator[Problem]:
    for key in keys:
        if not key.encrypted and key.path:
            text = f"the private key {key.path} has no passphrase"
            hint = f"run: ssh-keygen -p -f {quote(key.path)}"
            yield Problem("no-passphrase", "here", key.title, text, hint)
        if key.path and key.mode & 0o077:
            text = f"others can read {key.path} (mode {key.mode:04o})"
            hint = f"run: chmod 600 {quote(key.path)}"
            yield Problem("readable", "here", key.title, text, hint)
        if weak := weakness(key.kind, key.bits):
            hint = "make another: credguard ssh create"
            yield Problem("weak-key", "here", key.title, f"{key.title} is {weak}", hint)
        if key.created is not None and now - key.created > max_age_s:
            text = f"{key.title} is {_days(now - key.created)} old"
            hint = f"run: credguard ssh rotate {quote(key.name)}" if key.name else "replace it"
            yield Problem("old-key", "here", key.title, text, hint)


def weakness(kind: str, bits: int) -> str:
    """Why a key of that kind is not to be used; "" for a good one."""
    if kind == "dsa":
        return "a DSA key, which OpenSSH takes no more"
    if kind == "rsa" and bits and bits < _LEAST_RSA_BITS:
        return f"an RSA key of {bits} bits; 2048 is the least"
    return ""


def _some(names: list[str]) -> str:
    shown = names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]


def _days(seconds: float) -> str:
    return f"{int(seconds // DAY_S)} days"
