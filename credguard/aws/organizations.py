"""AWS Organizations: which accounts there are. Called from the management account or a delegate."""

from contextlib import closing
from dataclasses import dataclass

from credguard.aws.clients import client
from credguard.aws.model import Credentials, main_region
from credguard.aws.translate import translated

_ACTIVE = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the organization. `name`: what people call it."""

    id: str
    name: str


def accounts(credentials: Credentials) -> list[Account]:
    """The accounts that are active (not suspended, closing or closed), by number. Reads only.

    Raises NotPermitted, AwsError: there is no organization, too.
    """
    region = main_region(credentials.partition or "aws")
    with (
        translated("organizations:ListAccounts", "the organization"),
        closing(client("organizations", credentials, region)) as made,
    ):
        found = [
            Account(each["Id"], each.get("Name", ""))
            for page in made.get_paginator("list_accounts").paginate()
            for each in page["Accounts"]
            # State replaces Status, which AWS retires in September 2026 (API reference, Account).
            if each.get("State", each.get("Status")) == _ACTIVE
        ]
    return sorted(found, key=lambda each: each.id)
