"""Forms in which a name and its value stand apart: declarations, rows, property lists, arrays.

As in `extract`, each reader is given where a value begins and looks at a few hundred bytes around.
"""

from __future__ import annotations

import itertools
import re

from credguard.scan.general import names
from credguard.scan.general.extract import Candidate, literal_end, rest_of_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from credguard.scan.general.places import Text

_BACK = 400
_ROWS = 10_000  # so many rows of one INSERT are read: more than are weighed, which is told
_WORD = re.compile(rb"[^\s\"'`;,)]{1,256}")
_SET = re.compile(
    rb"(?i)(?:default(?:_?value)?|value)[\"']?\s{0,8}(?P<op>[:=])\s{0,4}(?P<q>[\"']?)\Z"
)
_OWNER = re.compile(rb"(?P<name>[\w.\-]{1,60})[\"']?\s{0,3}[:=]?\s{0,3}\Z")
_PARENT = re.compile(rb"[ \t]*(?:- )?[\"']?(?P<name>[\w.\-]{1,60})[\"']?:[ \t]*\r?\Z")
_YAML_KEY = re.compile(rb"(?P<name>[\w.\-]{1,60})[\"']?:[ \t]{1,4}\Z")
_YAML_MARK = re.compile(
    rb"(?:[|>][+\-0-9]{0,2}[ \t]{0,3}\r?\n[ \t]{1,24}"
    rb"|(?:(?:&[\w\-]{1,30}|!!str|!!binary|!unsafe)[ \t]{1,3}){1,2})(?P<q>[\"']?)(?=[^\s{\[*&|>])"
)
_COLUMNS = re.compile(
    rb"(?i)into\s{1,8}[^;()]{1,100}\((?P<columns>[^()]{1,400})\)\s{0,20}values\s{0,20}\(\Z"
)
_FIELD = re.compile(
    rb"\s{0,40}(?:[NE]?'(?P<value>(?:[^'\\]|''|\\.){0,400})'|(?:[^'(),]|\([^()]{0,100}\)){1,200})"
    rb"\s{0,40}(?P<end>[,)])"
)
_NEXT_ROW = re.compile(rb"\s{0,40},\s{0,40}\(")
_ACCOUNT = re.compile(rb"(?i)\b(?:user|role|login|grant)\b")
_DIRECTIVE = re.compile(rb"(?P<name>\w{4,24})\s{1,8}(?P<q>\"?)\Z")
_PLIST = re.compile(
    rb"(?i)<key>\s{0,8}(?P<name>[\w .\-]{1,60}?)\s{0,8}</key>\s{0,30}<\w{1,8}>\s{0,8}\Z"
)

_BYTES = re.compile(rb"[\[{(]\s{0,24}(?=(?:0x|-|[0-9]))")
_NAME_WORD = re.compile(rb"[\w.]{1,60}")
_LEAST_NUMBERS = 16
_LIST_END = re.compile(rb"[0-9a-fA-Fx,\s\-]{0,4096}")

# A Secret of Kubernetes: its tables of values, and one value.
_KUBE_TABLE = re.compile(rb"(?m)^[ \t]*[\"']?(?:stringData|data)[\"']?:[ \t]*\{?[ \t]*\r?$")
_KUBE_VALUE = re.compile(
    rb"(?m)^[ \t]+[\"']?(?P<name>[\w.\-]{1,80})[\"']?:[ \t]{1,8}"
    rb"(?:[|>][+\-0-9]{0,2}[ \t]*\r?\n[ \t]{1,24})?(?P<q>[\"']?)"
)
# Keys whose values tell who and where, not how to get in; and certificates.
_KUBE_KNOWN = re.compile(
    rb"(?i)(?:user|host|port|name|database|url|uri|type|email|region|crt|pub|ca|pem)\Z"
)
# A file whose name is that of a value, and which holds that alone.
_ONE_VALUE = re.compile(rb"\s{0,8}(?P<value>[^\s#<]\S{5,255})\s{0,8}\Z")
_VALUE_FILE = re.compile(rb"[.]?(?P<name>[\w\-]{2,60})(?:\.(?:txt|secret|env|asc|b64))?\Z")
_KUBE_WINDOW, _KUBE_VALUES, _KUBE_LEAST = 65_536, 500, 12


def _value(
    data: bytes, at: int, quote: bytes, bare: re.Pattern[bytes] | None = None
) -> tuple[int, bytes] | None:
    """End and value of what begins at `at`: the literal in `quote`, or what `bare` takes.

    `bare` None: the rest of the line.
    """
    if quote:
        end = literal_end(data, at, quote)
        return None if end is None else (end, data[at:end])
    if bare is None:
        value = rest_of_line(data, at)
    else:
        match = bare.match(data, at)
        value = match[0] if match else b""
    return (at + len(value), value) if value else None


def _declared(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`variable "db_password" { default = "..." }`, an output of Terraform, `Default:` in YAML."""
    data = text.data
    before = data[max(0, at - _BACK) : at]
    key = _SET.search(before)
    if key is None:
        return
    head = before[: key.start()]
    opening = head.rfind(b"{")
    if opening > head.rfind(b"}"):
        owner = _OWNER.search(head, max(0, opening - 80), opening)
    elif text.grammar in ("yaml", "config", "template"):
        owner = _parent(head)
    else:
        return
    found = _value(data, at, key["q"]) if key["q"] or text.grammar != "code" else None
    if owner is None or found is None:
        return
    end, value = found
    where = "quoted" if key["q"] else "line"
    yield Candidate(at, end, value, owner["name"], where, key["op"], key["q"])


def _parent(head: bytes) -> re.Match[bytes] | None:
    """The key that the last, unfinished line of `head` stands below in YAML."""
    lines = head.split(b"\n")
    own = len(lines[-1]) - len(lines[-1].lstrip(b" "))
    for line in reversed(lines[:-1]):
        depth = len(line) - len(line.lstrip(b" "))
        if line.strip() and depth < own:
            return _PARENT.match(line)
    return None


def _rows(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`INSERT INTO users (name, password) VALUES (...)`: the columns that are named as a secret."""
    data = text.data
    match = _COLUMNS.search(data, max(0, at - 640), at)
    if match is None:
        return
    columns = [each.strip(b' \t\r\n`"[]') for each in match["columns"].split(b",")]
    wanted = {index for index, name in enumerate(columns) if names.judge(name)[0]}
    for _ in range(_ROWS if wanted else 0):
        for index in range(len(columns)):
            field = _FIELD.match(data, at)
            if field is None:
                return
            if index in wanted and field["value"]:
                start, end = field.span("value")
                yield Candidate(start, end, field["value"], columns[index], "quoted", b"=", b"'")
            at = field.end()
            if field["end"] == b")":
                break
        following = _NEXT_ROW.match(data, at)
        if following is None:
            return
        at = following.end()


def _identified(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`CREATE USER app IDENTIFIED BY ...`, with or without quotes."""
    data = text.data
    quote = data[at - 1 : at] if data[at - 1 : at] in (b"'", b'"', b"`") else b""
    if not quote and _ACCOUNT.search(data, max(0, at - 200), at) is None:
        return
    found = _value(data, at, quote, _WORD)
    if found is not None:
        yield Candidate(at, *found, b"password", "quoted-space" if quote else "env", b" ", quote)


def _directive(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`requirepass ...`, on a line by itself, perhaps commented out."""
    data = text.data
    start = data.rfind(b"\n", max(0, at - _BACK), at) + 1
    match = _DIRECTIVE.search(data, start, at)
    if match is None or data[start : match.start()].strip(b" \t#;"):
        return
    found = _value(data, at, match["q"], _WORD)
    if found is not None:
        yield Candidate(at, *found, b"password", "env", b" ", match["q"])


def _secure(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """PowerShell's `ConvertTo-SecureString "..." -AsPlainText`."""
    quote = text.data[at - 1 : at]
    found = _value(text.data, at, quote)
    if found is not None:
        yield Candidate(at, *found, b"password", "quoted-space", b" ", quote)


def _plist(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`<key>password</key><string>...</string>`, as property lists have it."""
    data = text.data
    match = _PLIST.search(data, max(0, at - 200), at)
    end = data.find(b"</", at, at + 600)
    if match is None or end < 0:
        return
    value = data[at:end].rstrip()
    yield Candidate(at, at + len(value), value, match["name"], "tag", b">")


def _yaml(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`password: &anchor ...`, `!!str ...`, and the first line of a block after `|` or `>`."""
    data = text.data
    if text.grammar not in ("yaml", "config", "template", "plain", "doc"):
        return
    match = _YAML_KEY.search(data, max(0, at - 80), at)
    mark = _YAML_MARK.match(data, at)
    if match is None or mark is None:
        return
    start, quote = mark.end(), mark["q"]
    found = _value(data, start, quote)
    if found is not None:
        where = "quoted" if quote else "line"
        yield Candidate(start, *found, match["name"], where, b":", quote)


def _kube(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """The values of a Kubernetes manifest of kind Secret, whatever their keys say."""
    data = text.data
    if at <= text.manifests:
        return
    first = max(text.manifests, at - _KUBE_WINDOW)
    first = max(first, data.rfind(b"\n---", first, at))
    last = data.find(b"\n---", at, at + _KUBE_WINDOW)
    text.manifests = last = min(len(data), at + _KUBE_WINDOW) if last < 0 else last
    for table in _KUBE_TABLE.finditer(data, first, last):
        place = table.end() + 1
        for _ in range(_KUBE_VALUES):
            match = _KUBE_VALUE.match(data, place, last)
            if match is None:
                break
            start, quote = match.end(), match["q"]
            found = _value(data, start, quote)
            told = names.judge(match["name"])[0] != ""
            if found is not None and (told or _kube_secret(match["name"], found[1])):
                name = match["name"] if told else b"secret"
                where = "quoted" if quote else "line"
                yield Candidate(start, *found, name, where, b":", quote)
            place = data.find(b"\n", start) + 1
            if not place:
                break


def _kube_secret(name: bytes, value: bytes) -> bool:
    """Whether a value is worth a look whose key does not tell that it is a secret."""
    return len(value) >= _KUBE_LEAST and _KUBE_KNOWN.search(name) is None


def _is_rising(numbers: bytes) -> bool:
    """Whether each of the first numbers is above the one before: a set or a table, no key."""
    try:
        first = [int(each, 0) for each in numbers.split(b",", _LEAST_NUMBERS)[:_LEAST_NUMBERS]]
    except ValueError:
        return False
    return all(one < next_ for one, next_ in itertools.pairwise(first))


def _bytes(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    first = max(0, at - 700)
    window = data[first:at]
    opening = max(window.rfind(b"["), window.rfind(b"{"), window.rfind(b"("))
    begin = max(window.rfind(b"\n", 0, max(0, opening)) + 1, opening - 120, 0)
    match = _BYTES.match(data, first + opening) if opening >= 0 else None
    words = [word[0] for word in _NAME_WORD.finditer(data, first + begin, first + max(0, opening))]
    # The last that names a secret: what declares and types it stands around.
    name = next((word for word in reversed(words) if names.judge(word)[0]), None)
    if match is None or name is None:
        return
    body = _LIST_END.match(data, match.end())
    if body is None or body[0].count(b",") < _LEAST_NUMBERS - 1 or _is_rising(body[0]):
        return
    end = body.end()
    yield Candidate(match.end(), end, data[match.end() : end].rstrip(), name, kind, b"[")


def _file(text: Text, _at: int, _kind: str) -> Iterator[Candidate]:
    """The value in a file that is named after it: `db_password`, `/run/secrets/api-key.txt`."""
    name = _VALUE_FILE.match(text.path.rsplit(b"/", 1)[-1])
    value = _ONE_VALUE.match(text.data)
    if name is not None and value is not None:
        start, end = value.span("value")
        yield Candidate(start, end, value["value"], name["name"], "line", b"=")


READERS: dict[str, tuple[Any, int]] = {
    "declared": (_declared, 1), "rows": (_rows, 0), "identified": (_identified, 1),
    "directive": (_directive, 1), "secure": (_secure, 1), "plist": (_plist, 1), "yaml": (_yaml, 1),
    "bytes": (_bytes, 0), "kube": (_kube, 0), "file": (_file, 0),
}  # fmt: skip
