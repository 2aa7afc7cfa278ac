"""One SSH key a person: shared ones are seen by who owns what was started with them."""

from collections.abc import Iterator
from shlex import quote

from credguard.audit.facts import Facts, Instance, Pair, Region
from credguard.audit.known import NotKnown, Unknown, known
from credguard.audit.model import (
    FAIL,
    NA,
    PASS,
    Check,
    Limits,
    Said,
    days,
    in_regions,
    old,
    per,
)

_TIP = "ssh-own-key"
_OWN = "each person: credguard ssh create; then start machines anew with an own key"


def _typed(name: str) -> str:
    """A name as it can be typed on a line; what no terminal shows as it is, is not."""
    return quote(name) if name.isprintable() else "NAME"


def _mine(facts: Facts, pair: Pair) -> bool:
    return not facts.own or pair.owner == facts.me != ""


def shared(facts: Facts, limits: Limits) -> Iterator[Said]:
    """One public key under several names or owners, or instances of several owners with one."""

    def region(here: Region) -> Iterator[Said]:
        pairs, instances = known(here.pairs), known(here.instances)
        by_key: dict[str, list[tuple[str, Pair]]] = {}
        for each in facts.regions:
            if isinstance(each.pairs, Unknown):
                continue
            for pair in each.pairs:
                by_key.setdefault(pair.public or f"{each.name}/{pair.name}", []).append(
                    (each.name, pair)
                )

        def of(pair: Pair) -> Said | None:
            if not _mine(facts, pair):
                return None
            alike = by_key[pair.public or f"{here.name}/{pair.name}"]
            said = _shared(pair, alike, [i for i in instances if i.key_name == pair.name])
            if not said and not pair.public:
                raise NotKnown(
                    Unknown(
                        f"EC2 does not give the public key of {pair.name}, so whether it stands"
                        " under another name, too, is not known"
                    )
                )
            if not said:
                return Said(PASS, pair.arn, f"{pair.name} is one person's", region=here.name)
            remedy = (
                f"{_OWN}; when no machine has it any more:\n"
                f"run: aws ec2 delete-key-pair --region {here.name} --key-name {_typed(pair.name)}"
            )
            return Said(FAIL, pair.arn, f"{pair.name}: {said}", remedy, here.name)

        return per(pairs, lambda pair: pair.arn, of, here.name)

    return in_regions(facts, region)


def _shared(pair: Pair, alike: list[tuple[str, Pair]], instances: list[Instance]) -> str:
    names = sorted({each.name for _, each in alike})
    if len(names) > 1:
        return f"the same key stands under several names: {', '.join(names)}"
    owners = sorted({each.owner for _, each in alike if each.owner})
    if len(owners) > 1:
        return f"it belongs to several people: {', '.join(owners)}"
    users = sorted({each.owner for each in instances if each.owner})
    if len(users) > 1:
        return f"instances of several people were started with it: {', '.join(users)}"
    nobody = [each.id for each in instances if not each.owner]
    if not pair.owner and len(nobody) > 1:
        return f"{len(nobody)} instances that name no owner were started with it"
    return ""


def owner(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A tag `owner` says whose a pair is."""

    def region(here: Region) -> Iterator[Said]:
        def of(pair: Pair) -> Said | None:
            if pair.owner:
                if not _mine(facts, pair):
                    return None
                return Said(
                    PASS, pair.arn, f"{pair.name} belongs to {pair.owner}", region=here.name
                )
            if facts.own:
                return None
            remedy = (
                f"run: aws ec2 create-tags --region {here.name}"
                f" --resources {_typed(pair.arn.partition(':key-pair/')[2])}"
                " --tags Key=owner,Value=PERSON"
            )
            return Said(FAIL, pair.arn, f"nobody's name is on {pair.name}", remedy, here.name)

        return per(known(here.pairs), lambda pair: pair.arn, of, here.name)

    return in_regions(facts, region)


def age(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By when EC2 got it."""

    def region(here: Region) -> Iterator[Said]:
        def of(pair: Pair) -> Said | None:
            if not _mine(facts, pair):
                return None
            if pair.created is None:
                raise NotKnown(Unknown(f"EC2 does not say how old {pair.name} is"))
            length = days(facts.now - pair.created)
            if not old(facts.now, pair.created, limits.ssh_age):
                return Said(PASS, pair.arn, f"{pair.name} is {length} old", region=here.name)
            remedy = (
                "make another key, start machines with it, and move over:\n"
                f"run: credguard ssh create --name NEW-NAME --regions {quote(here.name)}\n"
                "when no machine has the old one any more:\n"
                f"run: aws ec2 delete-key-pair --region {here.name} --key-name {_typed(pair.name)}"
            )
            said = f"{pair.name} is {length} old, the limit is {days(limits.ssh_age)}"
            return Said(FAIL, pair.arn, said, remedy, here.name)

        return per(known(here.pairs), lambda pair: pair.arn, of, here.name)

    return in_regions(facts, region)


def orphan(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A pair that was deleted still opens what was started with it."""

    def region(here: Region) -> Iterator[Said]:
        names = {pair.name for pair in known(here.pairs)}

        def of(instance: Instance) -> Said:
            if not instance.key_name:
                said = f"{instance.id} was started without a key"
                return Said(NA, instance.arn, said, region=here.name)
            if instance.key_name in names:
                said = f"the key of {instance.id} is known"
                return Said(PASS, instance.arn, said, region=here.name)
            remedy = (
                f"whoever has {_typed(instance.key_name)} still gets in: start the machine anew"
                " with an own key, and end this one when it has moved over:\n"
                f"run: aws ec2 terminate-instances --region {here.name} --instance-ids"
                f" {instance.id}\n"
                "or take the key's line out of ~/.ssh/authorized_keys on the machine, and waive"
                " this, since EC2 goes on naming it:\n"
                f"run: credguard audit waive ssh-orphan --resource {quote(instance.arn)}"
                " --until DAY --reason WHY"
            )
            said = f"{instance.id} was started with {instance.key_name}, which EC2 has no more"
            return Said(FAIL, instance.arn, said, remedy, here.name)

        return per(known(here.instances), lambda each: each.arn, of, here.name)

    return in_regions(facts, region)


CHECKS = (
    Check(
        "ssh-shared", "No SSH key is shared", _TIP, "high",
        "When one of those who have it leaves, it has to be replaced everywhere, and nobody does.",
        shared, ("region.pairs", "region.instances", "region_names"),
        none="there is no key pair", own=True,
    ),
    Check(
        "ssh-owner", "Each key pair names whose it is", _TIP, "low",
        "Who does not know whose a key is, cannot take it away.",
        owner, ("region.pairs", "region_names"), none="there is no key pair", own=True,
    ),
    Check(
        "ssh-age", "SSH keys are replaced", _TIP, "low",
        "A key that was copied opens until it is replaced.",
        age, ("region.pairs", "region_names"), none="there is no key pair", own=True,
    ),
    Check(
        "ssh-orphan", "No machine has the key of a pair that was deleted", _TIP, "medium",
        "Deleting a pair in EC2 takes nobody's access away.",
        orphan, ("region.pairs", "region.instances", "region_names"), none="there is no instance",
    ),
)  # fmt: skip
