"""OpenSSH's prompts: which of them the vault answers."""

import pytest

from credguard.keypairs.prompts import Asked, read

HOME = "/home/ada/.ssh"
OURS = f"{HOME}/credguard_k"


@pytest.mark.parametrize(
    ("prompt", "asked", "name"),
    [
        (f"Enter passphrase for {OURS}: ", Asked.OURS, "k"),
        (f"Enter passphrase for {OURS} (will confirm after each use): ", Asked.OURS, "k"),
        (f"Enter passphrase for {OURS} (will confirm each use): ", Asked.OURS, "k"),
        (f"Bad passphrase, try again for {OURS} (will confirm each use): ", Asked.REFUSE, "k"),
        (f"Enter passphrase for key '{OURS}': ", Asked.OURS, "k"),
        (f"Enter passphrase for key {OURS}: ", Asked.OURS, "k"),
        (f"Bad passphrase, try again for {OURS}: ", Asked.REFUSE, "k"),
        (f"Enter passphrase for key '{HOME}/id_ed25519': ", Asked.PERSON, ""),
        ("Enter passphrase for key '/tmp/credguard_k': ", Asked.PERSON, ""),
        (f"Enter passphrase for key '{HOME}/../x/credguard_k': ", Asked.PERSON, ""),
        (f"Bad passphrase, try again for {HOME}/id_rsa: ", Asked.PERSON, ""),
        ("ada@host's password: ", Asked.PERSON, ""),
        ("Enter PIN for ED25519-SK key: ", Asked.PERSON, ""),
        ("Enter passphrase (empty for no passphrase): ", Asked.PERSON, ""),
        ("", Asked.PERSON, ""),
    ],
)
def test_prompts(prompt: str, asked: Asked, name: str) -> None:
    found = read(prompt, "", "", HOME)
    assert (found.asked, found.name, found.echo) == (asked, name, False)


@pytest.mark.parametrize(
    "prompt",
    [
        "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
        "Username for 'https://example.com': ",
    ],
)
def test_what_is_no_secret_may_be_seen(prompt: str) -> None:
    found = read(prompt, "", "", HOME)
    assert (found.asked, found.echo) == (Asked.PERSON, True)


def test_the_agents_own_questions() -> None:
    assert read(f"Allow use of key {OURS}?", "confirm", "", HOME).asked is Asked.CONFIRM
    assert read("Confirm user presence", "none", "", HOME).asked is Asked.NOTICE


@pytest.mark.parametrize(
    "prompt",
    ["Enter passphrase (empty for no passphrase): ", "Enter same passphrase again: ",
     'Enter passphrase for "/home/ada/.ssh/credguard_k" (empty for no passphrase): '],
)  # fmt: skip
def test_ssh_keygen_that_makes_a_key_of_ours(prompt: str) -> None:
    found = read(prompt, "", "k", HOME)
    assert (found.asked, found.name) == (Asked.OURS, "k")
    assert read("Enter PIN for authenticator: ", "", "k", HOME).asked is Asked.PERSON
