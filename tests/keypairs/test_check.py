"""Every rule of `ssh check`, each found where it holds and nowhere else."""

import pytest

from credguard.keypairs.check import UNTAGGED_INSTANCES, problems
from credguard.keypairs.model import Facts, Instance, LocalKey, Pair, Template
from tests.keypairs.test_public import KNOWN_ED25519, KNOWN_RSA, KNOWN_RSA_IMPORTED

NOW = 1_000_000_000.0
DAY = 86400.0


def pair(
    name: str, key: str | None, owner: str = "ada", region: str = "r1", days: float = 1
) -> Pair:
    tags = {"owner": owner} if owner else {}
    return Pair(region, name, "rsa", KNOWN_RSA_IMPORTED, key, tags, NOW - days * DAY)


def on(pair_name: str | None, *owners: str, region: str = "r1") -> tuple[Instance, ...]:
    return tuple(
        Instance(region, f"i-{pair_name}-{number}", pair_name, owner=owner or None)
        for number, owner in enumerate(owners)
    )


def local(**values: object) -> LocalKey:
    given = {
        "path": "/home/ada/.ssh/k", "name": None, "kind": "ed25519", "bits": 0, "encrypted": True,
        "public_key": KNOWN_ED25519, "created": NOW,
    } | values  # fmt: skip
    return LocalKey(**given)  # type: ignore[arg-type]


def found(**facts: object) -> list[tuple[str, str]]:
    every = problems(Facts("ada", **facts), NOW, 90 * DAY)  # type: ignore[arg-type]
    assert all(each.text and each.hint for each in every)
    return [(each.check, each.subject) for each in every]


def test_nothing_is_wrong_with_one_pair_of_each_person() -> None:
    pairs = (pair("a", KNOWN_ED25519), pair("b", KNOWN_RSA, "bob"))
    instances = on("a", "ada", "ada") + on("b", "bob") + on(None, "", "", "")
    assert found(pairs=pairs, instances=instances, local=(local(),)) == []
    everywhere = tuple(pair("a", KNOWN_ED25519, region=region) for region in ("r1", "r2"))
    assert found(pairs=everywhere) == []


def test_one_key_under_several_names_or_owners() -> None:
    pairs = (pair("master", KNOWN_RSA), pair("master-copy", KNOWN_RSA))
    assert found(pairs=pairs) == [("shared-key", "master")]
    pairs = (pair("k", KNOWN_RSA), pair("k", KNOWN_RSA, "bob", region="r2"))
    assert found(pairs=pairs) == [("shared-key", "k")]


def test_one_pair_on_the_instances_of_several() -> None:
    pairs = (pair("k", KNOWN_RSA),)
    assert found(pairs=pairs, instances=on("k", "ada", "bob")) == [("shared-by-instances", "k")]
    # Of one owner there may be any number.
    many = on("k", *[""] * UNTAGGED_INSTANCES)
    assert found(pairs=pairs, instances=many) == []
    unowned = (pair("k", KNOWN_RSA, ""),)
    assert ("shared-by-instances", "k") in found(pairs=unowned, instances=many)
    assert found(pairs=unowned, instances=many[1:]) == [("no-owner", "k")]


def test_an_old_pair() -> None:
    assert found(pairs=(pair("k", KNOWN_RSA, days=91),)) == [("old-pair", "k")]
    assert found(pairs=(pair("k", KNOWN_RSA, days=90),)) == []


def test_an_instance_whose_pair_was_deleted() -> None:
    assert found(instances=on("gone", "ada")) == [("deleted-pair", "i-gone-0")]
    # A region whose pairs could not be read tells nothing of that.
    assert found(instances=on("gone", "ada"), unknown=(("r1", "denied"),)) == []
    other = (pair("gone", KNOWN_RSA, region="r2"),)
    assert found(pairs=other, instances=on("gone", "ada")) == [("deleted-pair", "i-gone-0")]


def test_what_launches_with_a_pair_that_is_gone_or_replaced() -> None:
    new = Pair("r1", "k-2", "rsa", "", KNOWN_ED25519, {"owner": "ada", "supersedes": "k"}, NOW)
    pairs = (pair("k", KNOWN_RSA), new, pair("k-2", KNOWN_ED25519, region="r2"))
    templates = [
        Template("r1", "lt-1", "web", "k", 3),
        Template("r1", "lt-2", "db", "k-2", 1),
        Template("r2", "batch", "batch", "k"),
        Template("r2", "lt-3", "r2", "k-2", 1),
    ]
    assert found(pairs=pairs, templates=tuple(templates)) == [
        ("launch-with-old-pair", "web"),
        ("launch-without-pair", "batch"),
    ]


def test_a_private_key_that_another_one_claims() -> None:
    bobs = (pair("b", KNOWN_ED25519, "bob"),)
    assert found(pairs=bobs, local=(local(),)) == [("another's-key", "/home/ada/.ssh/k")]
    assert found(pairs=bobs, local=(local(public_key=KNOWN_RSA),)) == []
    # By its fingerprint where EC2 does not give the key.
    hidden = (pair("b", None, "bob"),)
    assert found(pairs=hidden, local=(local(public_key=KNOWN_RSA),)) != []


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"encrypted": False}, "no-passphrase"),
        ({"mode": 0o644}, "readable"),
        ({"mode": 0o640}, "readable"),
        ({"kind": "dsa"}, "weak-key"),
        ({"kind": "rsa", "bits": 1024}, "weak-key"),
        ({"created": NOW - 91 * DAY}, "old-key"),
    ],
)
def test_local_keys(values: dict[str, object], wrong: str) -> None:
    assert found(local=(local(**values),)) == [(wrong, "/home/ada/.ssh/k")]
    assert found(local=(local(kind="rsa", bits=2048),)) == []


def test_a_key_without_a_file_is_not_said_to_be_readable() -> None:
    assert found(local=(local(path=None, name="k", encrypted=False, mode=0o777),)) == []
