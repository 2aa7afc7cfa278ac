"""Whether a matched value can be a secret: entropy, placeholders, references, words, names.

Loaded only once something matched, so a clean commit does not pay for it.
"""

import itertools
import math
import re
from functools import lru_cache

_PLACEHOLDER = re.compile(
    rb"(?i)example|sample|dummy|placeholder|change[-_]?me|your[-_]?|insert[-_ ]|replace|redacted"
    rb"|xxxx|\*{3}|\.\.\.|to[-_]?do|foobar|not[-_]?a[-_]?|fake|lorem"
)
# A reference to a value that lies elsewhere: template, variable, interpolation, path, call.
_REFERENCE = re.compile(
    rb"\$[{(A-Za-z_]|\{\{|\{[A-Za-z_]|%[({sdA-Za-z]|<[A-Za-z_/]|#\{|^@|^!|^&[a-z]|\(\)"
    rb"|^\.{0,2}/|^~/|^[A-Za-z]:\\|://"
    rb"|\(\?|\\[bBdDsSwW]|\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|\\|-?[0-9]*\])"  # a pattern, an index
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
    rb"\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"  # a UUID names, as a rule
    rb"|\A[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.Z+-]*)?\Z"  # a date
    rb"|\A[#@:-]?[a-z]+@?\Z"  # #word, -word@
    rb"|\A(?:[A-Za-z0-9*-]+\.)+(?:com|net|org|io|dev|local|internal|aws)[*.]?\Z"  # a host
    rb"|\A[A-Za-z_$][A-Za-z_]*(?:(?:\.|->|::)[A-Za-z_$][A-Za-z_]*)+(?:\(.*)?\Z"  # a.b.c, a::b(
    rb"|\A[a-z]+(?:[-_ ./:][a-z]+)+[0-9]?\Z"  # some-name, some_name
    rb"|\A[A-Z]+(?:[-_][A-Z0-9]+)*\Z"  # A_CONSTANT
    rb"|\A_*[a-z]+(?:[A-Z][a-z]+)*[0-9]?\Z"  # camelCase, a word
    rb"|\A(?:[A-Z][a-z]+)+[0-9]?\Z"  # PascalCase
    rb"|\A[A-Za-z_][\w.]*\(.*\Z"  # call(
)

_DIGIT = re.compile(rb"[0-9]")
_SEPARATED = re.compile(rb"\A[A-Za-z0-9_\-./: ]+\Z")
_PARTS = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Random letters of both cases fall into parts of under two; words are longer.
_WORD_LENGTH = 3.5


_BITS = [0.0, *(count * math.log2(count) for count in range(1, 256))]
# Characters that stand for something to be filled in.
_FILLING = b"xX*.-_0#?$=/+A1"
NEXT = bytes((byte + 1) % 256 for byte in range(256))
"""For `bytes.translate`: each byte becomes the one after it."""
_HEX = b"0123456789abcdefABCDEF"
_HEX_LENGTH = 24
_TOKEN_LENGTH = 20
# What the vendors' tokens are made of.
_TOKEN = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_+/=.~"
_NO_TOKEN = re.compile(rb"[\s:\\\[\]\"'`<>{}]|%[0-9A-Fa-f]{2}")
_NO_LETTERS = bytes(each for each in range(256) if not 97 <= each <= 122)
_NO_DIGITS = bytes(each for each in range(256) if not 48 <= each <= 57)
_ONE_SHORT = frozenset((31, 39, 63, 127))
_MARK_LENGTH = 3
_FIXED = re.compile(
    rb"(?:xox[bcps]-|gh[pousr]_|npm_|AIza|GOCSPX-|dop_v1_|glsa_|AKCp|hv[sbr]\.|sk-api-|xai-|spu-|bkua_"
    rb"|ess_|sb_secret_|NR(?:BR|AK|AA|JS)-|EX[OA][0-9A-Za-z]|[rs]k_live_|shp(?:at|ca|pa|ss)_|SK[0-9a-f]{24}|AKIA)"
)
_SAYS_SO = re.compile(rb"(?i)invalid|example")
_NUMBERED = re.compile(rb"[0-9]{6,12}:")
_ONE_WORD = re.compile(rb"[\w\-]+\Z")
_DOUBLED = re.compile(rb"([A-Za-z0-9])\1{3}(?!\1)([A-Za-z])\2{3}")
_SAMPLE = 256  # a value longer than this is judged monotonous by its start


def entropy(value: bytes) -> float:
    """Shannon entropy in bits a byte; 0.0 for an empty value."""
    return _entropy(list(map(value.count, set(value)))) if value else 0.0


def _entropy(counts: list[int]) -> float:
    total = sum(counts)
    if max(counts) < len(_BITS):
        bits = sum(map(_BITS.__getitem__, counts))
    else:
        bits = sum(count * math.log2(count) for count in counts)
    return max(0.0, math.log2(total) - bits / total)


@lru_cache(maxsize=1024)
def _shape(value: bytes) -> tuple[float, bool, bool]:
    """The entropy; whether half is one byte; whether it is a straight run: 0123456789, abcdefgh."""
    if not value:
        return 0.0, False, False
    counts = list(map(value.count, set(value)))
    bits = _entropy(counts)
    if len(value) < 8:
        return bits, False, False
    if max(counts) * 2 > len(value):
        return bits, True, False
    return bits, False, _straight(value)


@lru_cache(maxsize=4096)
def _least(size: int, distinct: int) -> float:
    """The least entropy that a value of `size` bytes has, `distinct` of them different."""
    return _entropy([size - distinct + 1] + [1] * (distinct - 1))


def _straight(value: bytes) -> bool:
    """Whether three quarters of the start are a run such as 0123456789 or abcdefgh."""
    start = value[:_SAMPLE]
    steps = int.from_bytes(start[1:]) ^ int.from_bytes(start.translate(NEXT)[:-1])
    return steps.to_bytes(len(start) - 1).count(0) * 4 >= len(start) * 3


def plausible(value: bytes, least_entropy: float, tests: tuple[str, ...]) -> bool:
    """Whether `value` may be a secret under a rule's entropy floor and tests."""
    size, distinct = len(value), len(set(value))
    # Enough different bytes make the entropy at least the floor, whatever their numbers are.
    if 8 <= size < _SAMPLE and size < 2 * distinct and _least(size, distinct) >= least_entropy:
        bits, monotonous, straight = least_entropy, False, _straight(value)
    else:
        bits, monotonous, straight = _shape(value)
    if monotonous:
        return "same" in tests and max(value, key=value.count) not in _FILLING
    if bits < least_entropy or (straight and "runs" not in tests):
        return False
    return passes(value, tests, straight=straight)


@lru_cache(maxsize=1024)
def enough(size: int, least_entropy: float) -> int:
    """So many different bytes give a value of `size` bytes at least that entropy, and none stands
    for half of it; more than `size` where no number tells that.
    """
    if 8 <= size < _SAMPLE:
        for distinct in range(size // 2 + 1, size + 1):
            if _least(size, distinct) >= least_entropy:
                return distinct
    return size + 1


def passes(value: bytes, tests: tuple[str, ...], *, straight: bool) -> bool:
    """Whether `value`, `straight` or not, passes those of a rule's `tests` that take time."""
    if "random" in tests and (_torn(value) or not (straight or _random(value))):
        return False
    if b"EXAMPLE" in value and "example" not in tests:  # AWS marks its documentation's ids so
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


def _random(value: bytes) -> bool:
    """No words; a digit in it, or capitals and small letters that take turns as no name's do."""
    if _wordy(value):
        return False
    return bool(_DIGIT.search(value)) or (len(value) >= 20 and len(_PARTS.findall(value)) >= 6)


def _torn(value: bytes) -> bool:
    """Hex but for one or two letters, which no random text is: made up, or mistyped."""
    plain = value.replace(b"-", b"")
    if len(plain) < _HEX_LENGTH:
        return False
    foreign = len(plain.translate(None, _HEX))
    return 0 < foreign <= 2 or 0 < foreign * 12 <= len(plain)


def cut_short(value: bytes) -> bool:
    """Letters and digits, one fewer than the lengths that keys have: mistyped or cut short."""
    return len(value) in _ONE_SHORT and value.isalnum()


def doubled(value: bytes) -> bool:
    """Holds two letters in a row that stand four times each, as somebody's finger makes them."""
    return _DOUBLED.search(value) is not None


def mistyped(value: bytes) -> bool:
    """A token that no generator gives out: a sign that is foreign to its alphabet, or cut short.

    Random text over an alphabet with more signs would hold more of them. Not for passwords,
    which people make up. One in a hundred million random tokens is held for mistyped.
    """
    if cut_short(value) or doubled(value):
        return True
    if (numbered := _NUMBERED.match(value)) is not None:  # an account's number before its token
        value = value[numbered.end() :]
    size = len(value)
    if size < _TOKEN_LENGTH or not value.isascii() or _NO_TOKEN.search(value):
        return False
    foreign = len(value.translate(None, _TOKEN))
    if 0 < foreign * 10 <= size:
        return True
    if foreign or size < _HEX_LENGTH or not value.isalnum():
        return False
    strange = len(value.translate(None, _HEX))
    if strange:  # letters before the hex are a mark: AC..., SM...
        return strange <= 2 and not value[:_MARK_LENGTH].translate(None, _HEX)
    rest = value[_MARK_LENGTH:]
    capitals = len(rest) - len(rest.translate(None, b"ABCDEF"))
    small = len(rest) - len(rest.translate(None, b"abcdef"))
    return 0 < min(capitals, small) <= 2 and max(capitals, small) >= 10


def broken(value: bytes) -> bool:
    """Begins like a vendor's token of fixed form: as no rule knows it, it is cut or mistyped."""
    return _FIXED.match(value) is not None


def forged_key(value: bytes) -> bool:
    """What shows that a key beside a service's name is none: see the functions that it asks."""
    return mistyped(value) or broken(value)


def says_so(value: bytes) -> bool:
    """A token that calls itself invalid or an example; no address, which may have such a host."""
    return _SAYS_SO.search(value) is not None and _ONE_WORD.match(value) is not None


def made_up(value: bytes) -> bool:
    """Letters in the order of the alphabet, or digits in theirs, whatever stands between them."""
    low = value.lower()
    letters = low.translate(None, _NO_LETTERS)
    digits = low.translate(None, _NO_DIGITS)
    return _longest_run(letters) >= 7 or _longest_run(digits) >= 8


def _longest_run(value: bytes) -> int:
    """The length of the longest run of bytes that count up by one; 9 may be followed by 0."""
    longest = length = min(1, len(value))
    for first, second in itertools.pairwise(value):
        length = length + 1 if second == first + 1 or (first, second) == (57, 48) else 1
        longest = max(longest, length)
    return longest
