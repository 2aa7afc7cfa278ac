"""What a person calls an IAM user in a table."""

from collections.abc import Iterable


def short_names(identities: Iterable[str]) -> dict[str, str]:
    """The user name of each PARTITION/ACCOUNT/USER; with the account where two have one name."""
    names = {each: each.rsplit("/", 1)[-1] for each in identities}
    taken = list(names.values())
    return {
        each: name if taken.count(name) == 1 else f"{name} ({each.rpartition('/')[0]})"
        for each, name in names.items()
    }
