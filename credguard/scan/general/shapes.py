"""The shape of a value: the first of a table of patterns that it matches as a whole."""

from __future__ import annotations

import re
from functools import lru_cache

_SHAPES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("digits", rb"[0-9]+\Z"),
        ("uuid", rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"),
        ("hex", rb"(?=[^\n]*[0-9])(?=[^\n]*[a-fA-F])(?:[0-9a-f]{12,}|[0-9A-F]{12,})\Z"),
        ("lower", rb"[a-z]+\Z"),
        ("capital", rb"[A-Z][a-z]+\Z"),
        ("upper", rb"[A-Z]+\Z"),
        ("lowerdigits", rb"[a-z]+[0-9]{1,20}\Z"),
        ("capitaldigits", rb"[A-Z][a-z]+[0-9]{1,20}\Z"),
        ("constant", rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z"),
        ("camel", rb"[a-z]+(?:[A-Z][a-z]+){1,8}[0-9]?\Z"),
        ("pascal", rb"(?:[A-Z][a-z]+){2,8}[0-9]?\Z"),
        ("kebab", rb"[a-z][a-z0-9]*(?:-[a-z0-9]+)+\Z"),
        ("snake", rb"_*[a-z][a-z0-9]*(?:_[a-z0-9]+)+\Z"),
        ("url", rb"[a-z][a-z0-9+.\-]{1,20}://"),
        ("path", rb"(?:\.{0,2}|~|[A-Za-z]:\\?)/?(?:[\w.\-]+/)+[\w.\-]*\Z|/[\w/.\-]+\Z|[A-Za-z]:\\"),
        ("dotted", rb"[A-Za-z_][\w\-]*(?:(?:\.|::|->)[A-Za-z_][\w\-]*)+\Z"),
        ("email", rb"[\w.+\-]+@[\w\-]+\.[\w.\-]+\Z"),
        (
            "hash",
            rb"\$(?:2[aby]?|argon2\w*|pbkdf2\S*|[156]|apr1|scrypt)\$|\{?(?:SSHA|SHA|MD5|bcrypt)\}|(?:sha1|pbkdf2_sha256|sha256)\$",
        ),
        ("jwt", rb"eyJ[\w\-]{8,}\.eyJ[\w\-]{8,}"),
        ("json", rb"[{\[].*\\*\"\s*:"),
        ("call", rb"[A-Za-z_][\w.:>\-]*\(.*\)?;?\Z"),
        ("indexed", rb"[A-Za-z_][\w.]*\[.*\]\Z"),
        ("prose", rb"(?=.*[A-Za-z\x80-\xff]).*\S\s+\S"),
        ("alnum", rb"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]+\Z"),
        ("loweralnum", rb"(?=.*[0-9])(?=.*[a-z])[a-z0-9]+\Z"),
        ("upperalnum", rb"(?=.*[0-9])(?=.*[A-Z])[A-Z0-9]+\Z"),
        ("mixed", rb"[A-Za-z]+\Z"),
        ("base64", rb"[A-Za-z0-9+/]+={0,2}\Z"),
        ("base64url", rb"[A-Za-z0-9_\-]+\Z"),
        ("tokenish", rb"[A-Za-z0-9_\-.:]+\Z"),
        ("symbols", rb"[!-~]+\Z"),
    )
)


@lru_cache(maxsize=8192)
def shape(value: bytes) -> str:
    """The first shape that `value` has, from digits to any printable; "other" for none."""
    head = value[:512]
    for name, pattern in _SHAPES:
        if pattern.match(head):
            return name
    return "other"
