"""Ways to write a text so that its bytes are others: name to a function over bytes."""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import quopri
import tarfile
import zipfile
import zlib
from collections.abc import Callable

Encode = Callable[[bytes], bytes]


def _each(template: bytes) -> Encode:
    return lambda text: b"".join(template % byte for byte in text)


def _dense(encode: Encode) -> Encode:
    """In base64, as what is compressed is written into a text."""
    return lambda text: base64.b64encode(encode(text))


TEXTS: dict[str, Encode] = {
    "base64": base64.b64encode,
    "base64, unpadded": lambda text: base64.b64encode(text).rstrip(b"="),
    "base64, url-safe": base64.urlsafe_b64encode,
    "base64, wrapped": base64.encodebytes,
    "base64, wrapped with CRLF": lambda text: base64.encodebytes(text).replace(b"\n", b"\r\n"),
    "base64 of UTF-16": lambda text: base64.b64encode(text.decode().encode("utf-16-le")),
    "hex": lambda text: text.hex().encode(),
    "hex, upper": lambda text: text.hex().upper().encode(),
    "percent": _each(b"%%%02X"),
    "unicode escapes": _each(b"\\u%04x"),
    "long unicode escapes": _each(b"\\U%08x"),
    "braced unicode escapes": _each(b"\\u{%x}"),
    "hex escapes": _each(b"\\x%02x"),
    "octal escapes": _each(b"\\%03o"),
    "entities": _each(b"&#%d;"),
    "hex entities": _each(b"&#x%X;"),
    "quoted-printable": _each(b"=%02X"),
    "gzip in base64": _dense(gzip.compress),
    "zlib in base64": _dense(zlib.compress),
    "bz2 in base64": _dense(bz2.compress),
    "xz in base64": _dense(lzma.compress),
    "gzip in hex": lambda text: gzip.compress(text).hex().encode(),
    "zlib in hex": lambda text: zlib.compress(text).hex().encode(),
}
"""What can stand within a text."""

LIGHT: dict[str, Encode] = {
    "JSON, three times": lambda text: json.dumps(json.dumps(json.dumps(text.decode()))).encode(),
    "quoted-printable, as mail has it": lambda text: quopri.encodestring(b"a=b " + text + b"\n"),
    "HTML": lambda text: html.escape(text.decode()).encode(),
}
"""Those that leave most of the text as it is."""

WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def zipped(names: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(names: dict[str, bytes]) -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()
