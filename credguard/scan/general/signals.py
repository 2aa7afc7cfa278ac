"""The weak signals of a candidate, by name. Each says a little; `score` weighs them together."""

# ruff: noqa: E501  (rows of tables)

from __future__ import annotations

import math
import re

from credguard.scan.general import language, names, places
from credguard.scan.general.shapes import shape
from credguard.scan.values import entropy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.general.extract import Candidate
    from credguard.scan.general.places import Text

    _Table = tuple[tuple[str, tuple[bytes, ...]], ...]

_TEMPLATE = (
    ("braces", re.compile(rb"\{\{|\{%|\$\{|#\{|%\{|\$\(|@\{|\{[A-Za-z_][\w.:]*\}|<%|\[\[")),
    (
        "dollar",
        re.compile(rb"\A\$[A-Za-z_:]|%[A-Za-z_]\w*%|\A@[A-Za-z]\w*\Z|\A:[a-z]\w*\Z|\A&[a-z]"),
    ),
    ("angle", re.compile(rb"<[A-Za-z_/][^>]*>?|\A\[[A-Za-z _\-]+\]\Z|\A\([^)]*\)\Z")),
    ("format", re.compile(rb"%[sdvqxwr@]|%\(\w+\)s|\{\d*\}")),
    ("call", re.compile(rb"\A[A-Za-z_][\w.]*\([^()]*\)\Z")),
    ("regex", re.compile(rb"\\[bBdDsSwW]|\(\?[:=!<P]|\[\^|\[[aA0]-[zZ9]|\[-?[0-9]*\]")),
    ("yaml", re.compile(rb"\A!|\A[|>][+\-]?\Z|\A\*[A-Za-z]")),
    (
        "env",
        re.compile(
            rb"(?i)\benv\b|environ|getenv|vault|secretsmanager|\Aref\+|\Aarn:|\AENC\[|keyvault|^from_|valuefrom|keychain"
        ),
    ),
)
_ARTICLE = re.compile(
    rb"(?:[Mm]y|MY|[Ss]ome|SOME|[Tt]he|THE|[Aa]ny|ANY)(?:[-_. ]|(?=[A-Z][a-z]{2}))|(?:[Aa]n?|AN)[-_. ]"
)
_STOCK = frozenset(
    b"foobared changeme changeme1 changeme123 changeme! password1 password123 password1234 change_me change-me".split()
)
# What a placeholder says, in lower case.
_PLACEHOLDER = tuple(
    (name, tuple(word.encode() for word in words.split()))
    for name, words in (
        ("your", "your"),
        ("example", "example sample placeholder template tutorial"),
        (
            "dummy",
            "dummy fake mock stub bogus not-a not_a nota- nope fixture",
        ),
        ("wrong", "invalid wrong incorrect"),
        (
            "change",
            "change replace insert enter todo tbd fixme set-me set_me update fill put- put_ goeshere -here _here",
        ),
        ("redacted", "redact remov hidden mask omit censor filter obfusc undisclosed"),
        ("xxx", "xxx ** ... ___ ---- ?? 00000 ### \u2026 \u2022"),
        ("test", "test"),
        ("foo", "foo baz qux lorem ipsum asdf hello world blah"),
        (
            "keyword",
            "password passwd passphrase pwd secret token api_key apikey api-key credential",
        ),
    )
)
_NULL = frozenset(
    b"null none nil undefined true false empty yes no on off na n/a void string str text int integer boolean "
    b"number object any optional required default basic bearer unknown auto enabled disabled never always "
    b"plain bytes function char varchar bool uuid".split()
)
_TRIVIAL = frozenset(
    b"password passwd pass secret token test admin root user guest changeme changeit postgres mysql "
    b"letmein welcome qwerty default s3cr3t p@ssw0rd passw0rd p4ssw0rd pa55word pass123 password1 password123 "
    b"123456 12345678 1234 12345 123456789 secret123 test123 admin123 abc123 foo bar hunter2 topsecret sekret "
    b"supersecret mypassword mysecret pwd redis rabbitmq guest minio minioadmin sa elastic changeme123 "
    b"vagrant docker oracle toor administrator client server login demo public private".split()
)
# What stands on the value's line, in lower case.
_NEAR = tuple(
    (name, tuple(word.encode().replace(b"~", b" ") for word in words.split()))
    for name, words in (
        (
            "public",
            'etag sha1 sha256 sha512 "sha" sha: commit integrity checksum node_id digest md5 publickeytoken fingerprint revision request-id requestid',
        ),
        ("example", "example sample e.g. usage placeholder"),
        ("user", "user login email account uid"),
        ("host", "host server database port jdbc endpoint connect"),
        ("assert", "assert expect should equals verify tobe it( describe("),
        (
            "define",
            "const~ final~ static~ var~ let~ val~ private~ public~ string~ define~ export~ readonly~",
        ),
        (
            "error",
            "error warn invalid message throw raise panic log. print translate i18n label title description placeholder",
        ),
        ("markup", "<input type= <label class= href= <form <a~ <div <span <td <li"),
        ("query", "select~ insert~ where~ create~ update~ column"),
        ("code", "import~ from~ require~ case~ return~ function func~ def~ if~"),
        ("env", "getenv environ process.env env[ config.get os.env"),
    )
)
_RUNS = b"0123456789012345 abcdefghijklmnopqrstuvwxyz qwertyuiop asdfghjkl zxcvbnm 9876543210 1q2w3e4r5t 0987654321 zyxwvutsrqponmlkjihgfedcba"
_GRAMS = frozenset(
    _RUNS[at : at + 4] for at in range(len(_RUNS) - 3) if b" " not in _RUNS[at : at + 4]
)
_WRAP = (
    (
        "decode",
        re.compile(
            rb"(?i)base64|decode|bytes|secret|cred|hex|encode|utf8|secure|value|new|sign|hash|token|password|key|string|buffer"
        ),
    ),
    (
        "get",
        re.compile(
            rb"(?i)get|env|find|lookup|fetch|load|field|column|param|prop|config|label|translate|\bt\(|\b_\(|attr|by|fetch|require|select|include|index|format|sprintf|join|print|log|expect|assert|contain|error|match|regex|compile"
        ),
    ),
)
_LEET = bytes.maketrans(b"@4301$57!", b"aaeoissti")


def _length(size: int) -> str:
    for limit in (3, 5, 7, 9, 11, 15, 19, 24, 31, 32, 39, 40, 48, 63, 64, 100, 200, 600):
        if size <= limit:
            return str(limit)
    return "long"


def signals(text: Text, each: Candidate, times: int) -> list[str]:
    """The signals that hold for the candidate; `times`: how often its value stands here."""
    value = each.value[:SAMPLE]
    kind, found_name = names.judge(each.name)
    form = shape(value)
    found = of_kind(each.kind, text.grammar, kind, form, len(value))
    found.extend(found_name)
    found.extend(of_value(value, form))
    found.extend(of_relation(each, kind))
    found.extend(of_place(text.data, each))
    found.extend(of_all(each, form, found, times))
    return found


def of_kind(probe: str, grammar: str, kind: str, form: str, size: int) -> list[str]:
    """Of the place's kind, the kind of the name, and the shape and size of the value."""
    main = _GROUPS.get(kind, "weak")
    return [
        f"kind:{probe}", f"file:{grammar}", f"kind-file:{probe}|{grammar}",
        f"shape:{form}", f"name-shape:{main}|{form}", f"kind-shape:{_KINDS.get(probe, 'bare')}|{form}",
        f"length:{_length(size)}", f"name-length:{main}|{min(size // 4, 12)}",
    ]  # fmt: skip


def of_all(each: Candidate, form: str, found: list[str], times: int) -> list[str]:
    """What other signals tell together, and how often the value stands here."""
    more = []
    if each.kind == "url" and "trivial" in found:
        more.append("trivial:url")
    if form == "uuid" and "head:verb" in found:
        more.append("uuid:verb")
    more.append(f"again:{min(times, 3)}")
    return more


SAMPLE = 400
"""So many bytes of a value are measured."""
_GROUPS = {
    "password": "password", "secret": "secret", "token": "token", "apikey": "secret", "cryptkey": "cryptkey",
    "nkey": "token", "cred": "auth", "auth": "auth", "nonce": "nonce", "salt": "nonce", "seed": "nonce",
}  # fmt: skip
_KINDS = {
    "quoted": "quoted", "weak": "quoted", "second": "quoted", "quoted-space": "quoted", "header": "header",
    "url": "url", "bytes": "bytes", "tag": "tag",
}  # fmt: skip


def of_value(value: bytes, form: str) -> list[str]:
    """The signals of a value by itself; `form`: its shape."""
    found = []
    size = len(value)
    bits = entropy(value[:256])
    found.append(f"entropy:{int(bits * 2) / 2}")
    if size >= 4:
        found.append(f"evenness:{int(10 * bits / math.log2(min(size, 64)))}")
    likely, covered, count = language.measure(value)
    found.append(f"letters:{likely}")
    found.append(f"words:{covered}")
    found.append(f"shape-words:{form if form in _CROSS else 'x'}|{covered}")
    if count > 3:
        found.append("words:many")
    for name, pattern in _TEMPLATE:
        if pattern.search(value):
            found.append(f"template:{name}")
    found.extend(_of_placeholders(value))
    if not value.isascii():
        found.append("bytes:high")
    if b"\\" in value:
        found.append("bytes:backslash")
    head = value[:64]
    digits = len(head) - len(head.translate(None, b"0123456789"))
    found.append(f"digits:{int(5 * digits / min(size, 64))}")
    if size % 4 == 0 and value.endswith(b"="):
        found.append("bytes:padded")
    if value[:1] in b"([{<|>,;.:=+*/&%!?":
        found.append("first:mark")
    if value[-1:] in b":,;([{=+?!.":
        found.append("last:mark")
    return found


def _marked(kind: str, table: _Table, low: bytes) -> list[str]:
    """The rows of `table` of which a mark stands in `low`. Loops: `any` would take thrice as long."""
    found = []
    for name, marks in table:
        for mark in marks:
            if mark in low:
                found.append(f"{kind}:{name}")
                break
    return found


def _of_placeholders(value: bytes) -> list[str]:
    low = value.lower()
    size = len(value)
    found = _marked("placeholder", _PLACEHOLDER, low)
    if _ARTICLE.match(value):
        found.append("placeholder:article")
    if low in _STOCK:
        found.append("placeholder:stock")
    if low in _NULL:
        found.append("placeholder:null")
    bare = low.rstrip(b"0123456789!._-")
    if low in _TRIVIAL or bare in _TRIVIAL or low.translate(_LEET) in _TRIVIAL:
        found.append("trivial")
    distinct = len(set(value))
    if size >= 6 and distinct <= 3:
        found.append("run:few")
    if distinct == 1 or (size >= 8 and _repeats(low)) or not low.translate(None, _MASK):
        found.append("run:all")
    if size >= 4 and (run := _run(low)) * 2 >= size:
        found.append("run:all" if run * 4 >= 3 * size and size >= 8 else "run:sequence")
    if b"EXAMPLE" in value:  # how AWS marks its documentation's keys
        found.append("placeholder:aws")
    if _DATE.match(value):
        found.append("date")
    return found


_DATE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.Z+-]*)?\Z")


_MASK = b"*.:_-+ "


def _repeats(value: bytes) -> bool:
    """Whether one byte is more than half of the value."""
    return max(map(value.count, set(value))) * 2 > len(value)


_CROSS = frozenset(
    [
        "lower",
        "lowerdigits",
        "kebab",
        "snake",
        "camel",
        "pascal",
        "alnum",
        "loweralnum",
        "symbols",
        "base64url",
        "mixed",
        "tokenish",
    ]
)


def _run(low: bytes) -> int:
    """How many of the first bytes of `low` lie in straight or keyboard runs of at least four."""
    low = low[:48]
    held = [at for at in range(len(low) - 3) if low[at : at + 4] in _GRAMS]
    return len({at + step for at in held for step in range(4)})


def of_relation(each: Candidate, kind: str) -> list[str]:
    """Of what the value has to do with its name, its user, and the call around it."""
    found = []
    value_words = names.words(each.value[:80])
    name_words = names.words(each.name)
    if value_words and len(each.value) < 80:
        shared = set(name_words) & set(value_words)
        share = len(shared) / len(set(value_words))
        if share >= 0.99:
            found.append("same:all")
        elif share > 0:
            found.append("same:some")
        if kind and any(word in _SPEAKING for word in value_words):
            found.append("same:keyword")
    if each.user:
        found.append(
            "user:equal" if each.user.strip().lower() == each.value.lower() else "user:other"
        )
        if each.user.lower() in (b"user", b"username", b"login", b"name", b"usr", b"u"):
            found.append("user:placeholder")
    found.append(f"op:{each.op[:3].decode('latin-1')}")
    if each.wrap and each.kind != "header":
        for name, pattern in _WRAP:
            if pattern.search(each.wrap):
                found.append(f"wrap:{name}")
                break
        else:
            found.append("wrap:list" if b"[" in each.wrap or b"{" in each.wrap else "wrap:other")
    if each.kind == "header":
        found.append(f"header:{each.name.decode('latin-1')}|{int(bool(each.wrap))}")
        if each.name == b"basic":
            found.append(f"basic:{_basic(each.value)}")
    return found


_SPEAKING = frozenset(
    ["password", "secret", "token", "key", "cred", "auth", "api", "user", "username"]
)


def _basic(value: bytes) -> str:
    from binascii import Error, a2b_base64

    try:
        text = a2b_base64(value + b"=" * (-len(value) % 4))
    except Error:
        return "bad"
    if b":" not in text:
        return "no-colon"
    if not text.replace(b"\r", b"").replace(b"\n", b"").isascii() or any(
        byte < 32 for byte in text
    ):
        return "binary"
    user, _, secret = text.partition(b":")
    if not secret or secret == user or user in (b"user", b"username"):
        return "placeholder"
    return "pair"


def of_place(data: bytes, each: Candidate) -> list[str]:
    """Of what stands on the value's line and the lines above."""
    found: list[str] = []
    start = places.line_start(data, each.start)
    stop = data.find(b"\n", each.end, each.end + 200)
    if stop < 0:
        stop = min(len(data), each.end + 200)
    before = data[start : each.start]
    around = before + b" " + data[each.end : stop]
    low = around.lower()
    found.extend(_marked("near", _NEAR, low))
    if places.is_comment(data, start):
        found.append("comment")
    size = len(around)
    found.append(f"line:{0 if size < 60 else 1 if size < 120 else 2 if size < 300 else 3}")
    after = following(data, each)
    if after:
        found.append(after)
    previous = data[max(0, start - 240) : start]
    lines = previous.split(b"\n")[-4:-1]
    if any(_USER.search(line) for line in lines):
        found.append("above:user")
    if any(_HOST.search(line) for line in lines):
        found.append("above:host")
    return found


def following(data: bytes, each: Candidate) -> str:
    """The signal of what stands after a value; empty: none."""
    end = each.end + len(each.quote)
    tail = data[end : end + 24].lstrip(b" \t")
    mark = tail[:1]
    if tail[:2] == b"=>":
        return "next:name"
    if each.quote and mark in (b":", b"="):
        # Not as in Python's `if password == "...":`
        return "" if tail[1:2] in (b"", b"\n", b"\r") else "next:name"
    if mark in (b"+", b".", b"%", b"[", b"?"):
        return "next:expression"
    if mark in (b"\n", b"\r", b""):
        return "next:end"
    return f"next:{mark.decode()}" if mark in (b",", b";", b")", b"}") else ""


_USER = re.compile(rb"(?i)\b\w{0,20}(?:user(?:name)?|login|email)[\"'\]]?\s{0,4}(?::=|=>|[:=,(])")
_HOST = re.compile(
    rb"(?i)\b\w{0,20}(?:host|port|database|db|url|server|addr(?:ess)?|endpoint)[\"'\]]?\s{0,4}(?::=|=>|[:=,(])"
)
