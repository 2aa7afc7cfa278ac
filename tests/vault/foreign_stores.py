"""Stores of aws-vault, written in its formats from its source, since its program is not here.

ByteNess/keyring 1b365cf8 file.go, 9b00daf0 pass.go, 6634c332 secretservice.go; ByteNess/aws-vault
6ca743f1 vault/credentialkeyring.go;
jose2go 2aa5b579 pbse2_hmac_aeskw.go (8192 rounds, 12 bytes of salt).
The JWE is made by another library than the one that opens it.
"""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from credguard.secret import Secret


def item(name: str, key_id: str, secret: Secret) -> bytes:
    credentials = {
        "AccessKeyID": key_id, "SecretAccessKey": secret.reveal(), "SessionToken": "",
        "Source": "", "CanExpire": False, "Expires": "0001-01-01T00:00:00Z", "AccountID": "",
    }  # fmt: skip
    return json.dumps(
        {
            "Key": name,
            "Data": base64.b64encode(json.dumps(credentials).encode()).decode(),
            "Label": f"aws-vault ({name})",
            "Description": "",
            "KeychainNotTrustApplication": True,
            "KeychainNotSynchronizable": False,
        }
    ).encode()


def write_file(folder: Path, name: str, text: bytes, passphrase: Secret) -> Path:
    from joserfc import jwe
    from joserfc.jwk import OctKey

    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 8192,
        "p2s": base64.urlsafe_b64encode(os.urandom(12)).decode().rstrip("="),
        "created": "2026-01-02 03:04:05.678 +0000 UTC m=+1.2",
    }  # fmt: skip
    registry = jwe.JWERegistry(
        algorithms=["PBES2-HS256+A128KW", "A256GCM"], strict_check_header=False
    )
    key = OctKey.import_key(passphrase.reveal())
    token = jwe.encrypt_compact(head, text, key, registry=registry)
    path = folder / name.replace("%", "%25").replace("/", "%2F")
    path.write_text(token)
    path.chmod(0o600)
    return path


def write_pass(entry: str, text: bytes) -> None:
    subprocess.run(
        ["pass", "insert", "-m", "-f", entry], input=text, check=True, capture_output=True
    )


def make_collection(label: str) -> None:
    """A collection of gnome-keyring without its dialog, by its own private interface."""
    import secretstorage
    from secretstorage.util import DBusAddressWrapper

    with secretstorage.dbus_init() as bus:
        path = "/org/freedesktop/secrets"
        service = DBusAddressWrapper(path, "org.freedesktop.Secret.Service", bus)
        _, session = service.call("OpenSession", "sv", "plain", ("s", ""))
        own = DBusAddressWrapper(
            path, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface", bus
        )
        own.call(
            "CreateWithMasterPassword",
            "a{sv}(oayays)",
            {"org.freedesktop.Secret.Collection.Label": ("s", label)},
            (session, b"", b"test password", "text/plain"),
        )


def write_service(label: str, name: str, text: bytes) -> None:
    import secretstorage

    with secretstorage.dbus_init() as bus:
        every: Any = secretstorage.get_all_collections(bus)
        (collection,) = [each for each in every if each.get_label() == label]
        collection.create_item(name, {"profile": name}, text, True, "application/json")
