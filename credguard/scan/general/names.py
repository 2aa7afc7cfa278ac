"""What a name promises: its words, the kind of secret they speak of, and what speaks against it."""

# ruff: noqa: E501  (rows of tables)

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SPLIT_WORDS = {
    "apikey": "api key", "authtoken": "auth token", "accesstoken": "access token", "passwd": "password",
    "secretkey": "secret key", "apisecret": "api secret", "appsecret": "app secret", "pwd": "password",
    "clientsecret": "client secret", "apitoken": "api token", "privatekey": "private key",
    "accesskey": "access key", "userpass": "user pass", "mypass": "my pass", "dbpass": "db pass",
    "passphrase": "password", "psk": "password", "passcode": "password", "pass": "password", "pswd": "password",
    "passwort": "password", "passw": "password", "passwords": "password", "tokens": "token",
    "secrets": "secret", "keys": "key", "creds": "cred", "credential": "cred", "credentials": "cred",
    "noncestr": "nonce str", "oauth": "oauth", "consumerkey": "consumer key", "rootpw": "root password",
    "pw": "password", "authkey": "auth key", "signkey": "sign key", "masterkey": "master key",
    "encryptionkey": "encryption key", "signingkey": "signing key", "dbpassword": "db password",
    "sessionkey": "session key", "accountkey": "account key", "sharedkey": "shared key",
    "userpassword": "user password", "cookievalidationkey": "cookie validation key",
    "authentication": "auth", "authorization": "auth", "bearer": "token", "jwt": "token",
    "otp": "seed", "totp": "seed", "pepper": "salt", "license": "licence", "pasw": "password",
    "sharedsecret": "shared secret", "accesskeyid": "access key id", "keyid": "key id",
    "basic": "auth", "apikeys": "api key", "sessionid": "session id", "csrftoken": "csrf token",
}  # fmt: skip
_KEY_KINDS = frozenset(
    [
        "api",
        "access",
        "private",
        "priv",
        "encryption",
        "encrypt",
        "enc",
        "signing",
        "sign",
        "client",
        "consumer",
        "master",
        "cipher",
        "crypt",
        "hmac",
        "account",
        "storage",
        "shared",
        "validation",
        "application",
        "app",
        "signature",
        "secret",
        "service",
        "server",
        "admin",
        "webhook",
        "auth",
        "decryption",
        "aes",
        "des",
        "base64",
        "session",
        "instrumentation",
        "jwt",
        "token",
        "security",
    ]
)
# What follows a secret's word when the value names, describes or locates it.
_DENY = {
    "place": "file path dir directory url uri endpoint link location folder store keystore source "
    "filename filepath href page route bucket namespace vault domain",
    "label": "name names label title text message msg error hint help description desc placeholder "
    "prompt header caption tooltip info note warning comment display",
    "ref": "ref refs reference id ids arn alias selector pointer from",
    "kind": "type types kind class classes mode method scheme algorithm algo format strategy "
    "provider policy rule rules category version flag option options encoding validator regex pattern "
    "mechanism style status state",
    "code": "field fields column attribute attr param parameter params property prop var variable "
    "env element input form button xpath css locator view controller action handler manager "
    "service helper util factory builder function callback event constant symbol "
    "table index prefix suffix separator request response module object",
    "measure": "length len size count min max limit number num expiry expires expiration expire "
    "ttl timeout age date time lifetime duration at interval days hours minutes seconds retries",
    "bool": "enabled required disabled is has use allow allowed valid invalid show hide "
    "visible need needs require requires enable disable should can expired missing wrong",
    "public": "public pub hash hashed hashes digest fingerprint checksum encrypted masked redacted publishable",
}
_DENIED = {word: kind for kind, words in _DENY.items() for word in words.split()}
_VERBS = frozenset(
    [
        "reset",
        "change",
        "forgot",
        "update",
        "confirm",
        "verify",
        "generate",
        "create",
        "delete",
        "remove",
        "get",
        "fetch",
        "load",
        "check",
        "validate",
        "enter",
        "set",
        "read",
        "find",
        "parse",
        "decode",
        "encode",
        "encrypt",
        "decrypt",
        "hash",
        "compare",
        "assert",
        "expect",
    ]
)
_UNLIKE = frozenset(
    [
        "bypass",
        "compass",
        "encompass",
        "trespass",
        "surpass",
        "monkey",
        "hotkey",
        "turkey",
        "donkey",
        "jockey",
    ]
)
_AUTH = frozenset(
    [
        "auth",
        "oauth",
        "oauth2",
        "authn",
        "authz",
        "authdata",
        "authinfo",
        "authstring",
        "authenticator",
        "authenticity",
    ]
)
_OTHER = frozenset(
    [
        "hmac",
        "cookie",
        "session",
        "csrf",
        "xsrf",
        "licence",
        "cipher",
        "crypt",
        "sas",
        "dsn",
        "webhook",
        "signed",
        "oauth",
    ]
)
_MAIN = (
    "password",
    "secret",
    "token",
    "nonce",
    "salt",
    "seed",
    "ticket",
    "verifier",
    "nkey",
    "sid",
    "cred",
)


@lru_cache(maxsize=4096)
def words(name: bytes) -> tuple[str, ...]:
    """`name` split at separators and changes of case, lower case; known compounds split too."""
    found: list[str] = []
    for word in _WORDS.findall(name.decode("latin-1")):
        low = word.lower()
        found.extend(_SPLIT_WORDS.get(low, low).split())
    return tuple(found)


@lru_cache(maxsize=4096)
def judge(name: bytes) -> tuple[str, tuple[str, ...]]:
    """The kind of secret that `name` speaks of ("" for none), and its signals."""
    parts = words(name)
    kind, at = _kind(parts)
    # hashed_secret is what every baseline of detect-secrets has.
    if "public" in parts or "pub" in parts or parts[:1] == ("hashed",):
        kind, at = "public", -1
    signals = [f"name:{kind or 'none'}"]
    if at >= 0:
        tail = parts[at + 1 :]
        head = parts[:at]
        signals.extend(f"tail:{_DENIED[word]}" for word in tail if word in _DENIED)
        if tail and len(signals) == 1:
            signals.append("tail:digits" if all(word.isdigit() for word in tail) else "tail:other")
        if not tail:
            signals.append("tail:none")
        denied = {_DENIED[word] for word in head if word in _DENIED}
        signals.extend(
            f"head:{each}" for each in sorted(denied & {"bool", "public", "label", "code"})
        )
        if head and head[0] in _VERBS:
            signals.append("head:verb")
        if not head:
            signals.append("head:none")
    if len(parts) > 5:
        signals.append("name:long")
    if name.isupper():
        signals.append("name:upper")
    if b" " in name:
        signals.append("name:spaces")
    if b"." in name:
        signals.append("name:dotted")
    return kind, tuple(dict.fromkeys(signals))


def _kind(parts: tuple[str, ...]) -> tuple[str, int]:
    """The kind and the index of the word that tells it, the last one that does."""
    for index in range(len(parts) - 1, -1, -1):
        word = parts[index]
        if word in ("password", "token", "nkey"):
            return word, index
        if word == "secret":
            return "secret", index + (parts[index + 1 : index + 2] == ("key",))
        if word == "key":
            before = parts[index - 1] if index else ""
            if before == "api":
                return "apikey", index
            if before == "secret":
                return "secret", index
            return ("cryptkey" if before in _KEY_KINDS else "key"), index
        if word in _MAIN:
            if word == "cred" and "password" in parts:
                return "password", index
            return word, index
    for index in range(len(parts) - 1, -1, -1):
        word = parts[index]
        if word in _AUTH:
            return "auth", index
        for main in ("password", "passwd", "secret", "token", "pwd"):
            if main in word:
                return main.replace("passwd", "password").replace("pwd", "password"), index
        if word in _OTHER:
            return "other", index
    for index, word in enumerate(parts):
        if word.endswith(("pass", "key")) and word not in _UNLIKE:
            return "fused", index
    return "", -1
