"""What tells, in the engine's one pass, that a text may hold another, encoded.

Only the build of the compiled database imports this. Ordinary source pays for no pattern that has
to be followed at every byte: those here begin with a literal, or are over bytes text does not have.
Base64 is found by the literals of the rules, encoded at their three alignments, and by what stands
before it; a short text is searched for runs without asking (see `credguard.scan.engine.SHORT`).
"""

import base64
import re
from collections.abc import Iterable, Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_MANY = 64
_DEEP = 6
_LONGEST = 12_000
_FEW = 4  # digits of a literal that do not occur by chance in every other file
_WORDS = (
    b"secret", b"passw", b"token", b"private", b"apikey", b"api_key", b"api-key", b"access",
    b"auth",
    b"credential", b"BEGIN ", b"p://", b"s://", b"l://", b"b://", b"://x", b'{"', b"aws_", b"user",
    b"client", b"key = ", b'key":', b"key=", b'": "',
    b' = "', b" = '", b"\\u00", b"https", b"&#x", b"H4sI",
)  # fmt: skip
_TEXT = rb"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-])"
_NAMED = (
    rb"(?i:secret|passw|token|_key|credential|auth|base64|b64)[\w.\-]{0,20}[\"'`)\]]{0,2}"
    rb"[\s:=(,]{1,4}[\"'`]?" + _TEXT + rb"{5}"
)
_SAID = rb"(?i:base64|b64|base-64)|(?i:kind)[\"']?:\s{0,2}[\"']?Secret"
_PACKED = (
    rb"H4sI[A-Za-z0-9+/_\-]{20}|eJ[w-z][A-Za-z0-9+/_\-]{24}|eNo[A-Za-z0-9+/_\-]{24}|QlpoO[A-Za-z0-9]"
    rb"|/Td6WFo|_Td6WFo|KLUv/[A-Za-z0-9+/_\-]{20}|UEsDB[A-Za-z0-9+/_\-]{20}|JVBERi0"
    rb"|e(?:yJ|wog|yAi|w0K)[A-Za-z0-9+/_\-]{20}|W3si[A-Za-z0-9+/_\-]{20}"
)
_PACKED_HEX = (
    rb"(?i:1f8b08[0-9a-f]{20}|789c[0-9a-f]{40}|78da[0-9a-f]{40}|425a68[0-9a-f]{20}|fd377a585a"
    rb"|28b52ffd[0-9a-f]{20}|504b0304|7b22[0-9a-f]{20}|7b0a20[0-9a-f]{20})"
)
_WIDE_BASE64 = rb"(?:[A-Za-f][AQgw][AB][A-Za-z0-9+/_\-]A[A-H][AEIMQUYcgkosw048]A){3}"
_ESCAPES = (
    rb"\\u00[2-7][0-9A-Fa-f]|\\u\{[2-7][0-9A-Fa-f]\}|\\U000000[2-7][0-9A-Fa-f]"
    rb"|[A-Za-z0-9]\\x[2-7][0-9A-Fa-f][A-Za-z0-9\\]|\\x[2-7][0-9A-Fa-f]\\{1,8}x[2-7][0-9A-Fa-f]"
    rb"|[A-Za-z0-9]\\(?:0[4-7]|1[0-7])[0-7][A-Za-z0-9\\]"
    rb"|\\(?:0[4-7]|1[0-7])[0-7]\\{1,8}(?:0[4-7]|1[0-7])[0-7]"
    rb"|[A-Za-z0-9+]\\/[A-Za-z0-9+]|\\\\\\\""
)

_ENTITIES = (
    rb"&(?:#(?:[xX][2-7][0-9a-fA-F]|[3-9][0-9]|1[012][0-9])|quot|amp|equals|sol|plus"
    rb"|colon|apos|num|lowbar|comma|period|commat);"
)


def probes(patterns: Iterable[bytes]) -> list[tuple[str, bytes, bool]]:
    """The probes for rules of these `patterns`: name, pattern, whether one match is enough."""
    words = sorted(set(_WORDS).union(*map(literals, patterns)))
    found = [("decode.base64", b"|".join(part), True) for part in _parts(_in_base64(words))]
    found += [("decode.hex", b"|".join(part), True) for part in _parts(_in_hex(words))]
    found += [
        ("decode.base64-named", b"|".join((_NAMED, _SAID, _PACKED, _WIDE_BASE64)), True),
        ("decode.hex", _PACKED_HEX, True),
        ("decode.percent", rb"[\w.~%/+=\-]%[2-7][0-9A-Fa-f][\w.~%/+=\-]", True),
        ("decode.escapes", _ESCAPES, True),
        ("decode.entities", _ENTITIES, True),
        ("decode.quoted-printable", rb"=3D|(?i:quoted-printable)|(?:=[2-7][0-9A-F]){3}", True),
        ("decode.tags", rb"[\w\"'=:]</(?i:span|b|i|em|code|font|strong|mark|tt|td|u)>", True),
        ("decode.wide", rb"(?:[\x20-\x7e]\x00){8}|(?:[\x20-\x7e]\x00{3}){8}", True),
    ]
    return found


def literals(pattern: bytes) -> set[bytes]:
    """Texts of four bytes and more of which every match of `pattern` has at least one.

    Empty when there is none. Where cases are left open: as written, lower, upper, title.
    """
    return _best(_parser.parse(pattern), False) or set()


def _best(parsed: Any, any_case: bool) -> set[bytes] | None:
    """The alternatives of the best literal in a sequence; None: it has none of use."""
    best: set[bytes] | None = None

    def better(found: set[bytes] | None) -> None:
        nonlocal best
        if found and min(map(len, found)) >= _FEW:
            if any_case:
                found = {way for word in found for way in _cases(word)}
            if best is None or min(map(len, found)) > min(map(len, best)):
                best = found

    text = {b""}
    for node in parsed:
        starts, whole = _starts(node)
        joined = {one + two for one in text for two in starts} if starts else text
        if len(joined) > _MANY:
            better(text)
            joined = starts
        if whole:
            text = joined
            continue
        better(joined)
        text = {b""}
        operation, value = node
        if operation is _constants.SUBPATTERN:
            better(_best(value[3], any_case or bool(value[1] & re.IGNORECASE)))
        elif operation is _constants.BRANCH:
            branches = [_best(branch, any_case) for branch in value[1]]
            if all(branches):
                better(set().union(*(branch for branch in branches if branch)))
        elif operation is _constants.MAX_REPEAT and value[0] > 0:
            better(_best(value[2], any_case))
    better(text)
    return best


def _starts(node: Any) -> tuple[set[bytes], bool]:
    """What a match of one node begins with, and whether that is all of it."""
    operation, value = node
    if operation is _constants.LITERAL and value < 128:
        return {bytes([value])}, True
    if operation is _constants.IN and len(value) <= 8:
        if all(kind is _constants.LITERAL for kind, _ in value):
            return {bytes([each & 127]) for _, each in value}, True
    elif operation is _constants.SUBPATTERN and not value[1] & re.IGNORECASE:
        return _sequence(value[3])
    elif operation is _constants.BRANCH:
        each = [_sequence(branch) for branch in value[1]]
        found = set().union(*(starts for starts, _ in each))
        return (found, all(whole for _, whole in each)) if len(found) <= _MANY else ({b""}, False)
    return {b""}, False


def _sequence(parsed: Any) -> tuple[set[bytes], bool]:
    text = {b""}
    for node in parsed:
        starts, whole = _starts(node)
        joined = {one + two for one in text for two in starts}
        if len(joined) > _MANY:
            return text, False
        text = joined
        if not whole:
            return text, False
    return text, True


def _cases(word: bytes) -> set[bytes]:
    return {word, word.lower(), word.upper(), word.title()}


def _in_base64(words: Iterable[bytes]) -> list[bytes]:
    """How `words` stand within base64, whatever comes before; those long enough, twice encoded."""
    found = set()
    for word in words:
        for form in _cases(word) if word in _WORDS else (word,):
            for once in _alignments(form):
                found.add(once)
                if word in _WORDS:
                    found.update(_deeper(once))
            if word in _WORDS:
                found.update(_alignments(form.hex().encode()))
    return _needed(found)


def _in_hex(words: Iterable[bytes]) -> list[bytes]:
    """The same in hexadecimal digits; and of the words in base64 in hexadecimal digits."""
    found = set()
    for word in words:
        for form in _cases(word) if word in _WORDS else (word,):
            found.add(form)
            if word in _WORDS:
                found.update(_alignments(form))
    digits = [each.hex().encode() for each in found if len(each) >= _FEW]
    return _needed({*digits, *(each.upper() for each in digits)})


def _needed(found: set[bytes]) -> list[bytes]:
    """Those of some length that hold none of the others."""
    kept: set[bytes] = set()
    for each in sorted(found, key=lambda each: (len(each), each)):
        shorter = (each[i:j] for i in range(len(each)) for j in range(i + _FEW, len(each) + 1))
        if len(each) >= _FEW and kept.isdisjoint(shorter):
            kept.add(each)
    return sorted(kept)


def _parts(words: list[bytes]) -> Iterator[list[bytes]]:
    """`words` as alternatives of several patterns, each as long as Hyperscan takes."""
    part: list[bytes] = []
    size = 0
    for word in map(re.escape, words):
        if size + len(word) > _LONGEST:
            yield part
            part, size = [], 0
        part.append(word)
        size += len(word) + 1
    yield part


def _deeper(once: bytes) -> Iterator[bytes]:
    for twice in _alignments(once):
        yield twice
        if len(twice) > _DEEP:
            yield from _alignments(twice)


def _alignments(word: bytes) -> set[bytes]:
    found = set()
    for before in range(3):
        padding = b"\0" * (-(before + len(word)) % 3)
        encoded = base64.b64encode(b"\0" * before + word + padding)
        found.add(encoded[(before * 8 + 5) // 6 : (before + len(word)) * 8 // 6])
    return found
