"""Windows Credential Locker takes 1,280 characters an item; what credguard stores must fit."""

import json
from dataclasses import asdict

import pytest

from credguard.errors import VaultError
from credguard.secret import Secret
from credguard.store.profiles import Key
from credguard.vault import oskeyring
from credguard.vault.oskeyring import OsKeyring
from tests.support import samples


def test_the_largest_of_our_own_items_fits() -> None:
    # The longest that IAM allows: ids 128, a user name 64 (iam/2010-05-08/service-2.json).
    key = Key(
        "A" * 128, "aws-iso-b", "1" * 12, "u" * 64, "A" * 128, 1_700_000_000.123456, "rotation"
    )
    note = json.dumps({**asdict(key), "used_elsewhere": False}, sort_keys=True)
    for secret in (Secret(note), Secret(samples.aws_secret()), Secret(samples.text(43))):
        assert len(oskeyring._encoded(secret)) <= oskeyring.WINDOWS_LARGEST


def test_a_larger_one_is_refused_before_anything_is_asked() -> None:
    vault = OsKeyring("windows")
    for text in ("x" * 1281, "\N{GRINNING FACE}" * 641):
        with pytest.raises(VaultError, match="takes 1280") as caught:
            vault.put("secret/long", Secret(text))
        assert "migrate --to file" in caught.value.hint
    assert vault._worker is None
