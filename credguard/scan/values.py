"""Whether a matched value can be a secret: entropy, placeholders, references, words, names.

Loaded only once something matched, so a clean commit does not pay for it.
"""

import itertools
import math
import re

_PLACEHOLDER = re.compile(
    rb"(?i)example|sample|dummy|placeholder|change[-_]?me|your[-_]?|insert[-_ ]|replace|redacted"
    rb"|xxxx|\*{3}|\.\.\.|to[-_]?do|foobar|not[-_]?a[-_]?|fake|lorem"
)
# A reference to a value that lies elsewhere: template, variable, interpolation, path, call.
_REFERENCE = re.compile(
    rb"\$[{(A-Za-z_]|\{\{|\{[A-Za-z_]|%[({sdA-Za-z]|<[A-Za-z_/]|#\{|^@|^!|^&[a-z]|\(\)"
    rb"|^\.{0,2}/|^~/|^[A-Za-z]:\\|://"
    rb"|(?i:\benv\b|process\.env|os\.environ|getenv|vault:|secretsmanager|^ref\+|^arn:|^ENC\[)"
)
_WORDS = re.compile(
    rb"(?i)\A(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|admin|root|user(?:name)?|test(?:ing)?|default"
    rb"|null|none|true|false|undefined|string|value|hello|world|guest|qwerty|letmein|welcome|abc|foo|bar"
    rb"|baz|demo|my|the|a|is|here|some|new|old|api|db|mysql|postgres|redis|localhost|mock|stub|temp|tmp"
    rb"|super|very|secure|insecure|public|private|access|auth|client|id|bearer|basic|dev|prod|local"
    rb"|[0-9]{1,6}|[!@#._\-])+\Z"
)
_NAME = re.compile(
    rb"\A[A-Za-z_$][A-Za-z_]*(?:(?:\.|->|::)[A-Za-z_$][A-Za-z_]*)+(?:\(.*)?\Z"  # a.b.c, a::b(
    rb"|\A[a-z]+(?:[-_ ./:][a-z]+)+[0-9]?\Z"  # some-name, some_name
    rb"|\A[A-Z]+(?:[-_][A-Z0-9]+)*\Z"  # A_CONSTANT
    rb"|\A_*[a-z]+(?:[A-Z][a-z]+)*[0-9]?\Z"  # camelCase, a word
    rb"|\A(?:[A-Z][a-z]+)+[0-9]?\Z"  # PascalCase
    rb"|\A[A-Za-z_][\w.]*\(.*\Z"  # call(
)

_SEPARATED = re.compile(rb"\A[A-Za-z0-9_\-./: ]+\Z")
_PARTS = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Random letters of both cases fall into parts of under two; words are longer.
_WORD_LENGTH = 3.5


def entropy(value: bytes) -> float:
    """Shannon entropy in bits a byte; 0.0 for an empty value."""
    total = len(value)
    counts = (value.count(byte) for byte in set(value))
    return -sum(count / total * math.log2(count / total) for count in counts) + 0.0


def plausible(value: bytes, least_entropy: float, tests: tuple[str, ...]) -> bool:
    """Whether `value` may be a secret under a rule's entropy floor and tests."""
    if entropy(value) < least_entropy or _monotonous(value):
        return False
    if value.endswith((b"EXAMPLE", b"EXAMPLEKEY")):
        return False
    if "password" in tests and (
        _PLACEHOLDER.search(value) or _REFERENCE.search(value) or _WORDS.match(value)
    ):
        return False
    return not ("name" in tests and (_NAME.match(value) or _wordy(value)))


def _wordy(value: bytes) -> bool:
    """Made of words, as names in code are: CamelCase, snake_case, dotted, at most one number."""
    if _SEPARATED.match(value) is None:
        return False
    parts = _PARTS.findall(value)
    words = [part for part in parts if not part.isdigit()]
    if not words or len(parts) - len(words) > 1:
        return False
    letters = b"".join(words).lower()
    vowels = sum(letters.count(vowel) for vowel in b"aeiouy")
    return len(letters) >= _WORD_LENGTH * len(words) and vowels * 5 >= len(letters)


def _monotonous(value: bytes) -> bool:
    """Half of it one byte, or a straight run such as 0123456789 or abcdefgh."""
    if len(value) < 8:
        return False
    if max(value.count(byte) for byte in set(value)) * 2 > len(value):
        return True
    steps = sum(1 for left, right in itertools.pairwise(value) if right - left == 1)
    return steps * 4 >= len(value) * 3
