"""What a blocked person reads: place, rule, masked value, why; then three ways on."""

from credguard.report.text import path_text, printable
from credguard.report.why import why as in_words
from credguard.scan.model import CONFIDENCE_NAMES, Finding

Hit = tuple[Finding, str]
"""A finding, and the commit that brings it; "" where there is none yet."""

_SHOWN = 20
_WHAT = {
    "commit": "what is staged",
    "message": "the commit message",
    "push": "what would be pushed",
}
_RED, _BOLD, _DIM, _END = "\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"
_NARROW = 40


class _Style:
    def __init__(self, *, colour: bool, width: int) -> None:
        self._colour = colour
        self._width = max(width, _NARROW) if width else 0

    def __call__(self, code: str, text: str) -> str:
        return f"{code}{text}{_END}" if self._colour else text

    def wrapped(self, text: str, indent: int) -> str:
        """`text` in lines of the terminal's width; words stay whole, so that they can be copied."""
        if not self._width:
            return text
        lines, line = [], ""
        for word in text.split(" "):
            if line and indent + len(line) + 1 + len(word) > self._width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
        return ("\n" + " " * indent).join(lines)


def text_for_person(found: list[Hit], what: str, *, colour: bool, width: int) -> str:
    """The whole message; `what`: commit, message or push. `width` 0: lines are not broken.

    No secret value is in it, and no control character but those of `colour`.
    """
    style = _Style(colour=colour, width=width)
    noun = "1 secret" if len(found) == 1 else f"{len(found)} secrets"
    lines = [f"credguard: {style(_RED, 'blocked')}: {noun} in {_WHAT[what]}", ""]
    for hit, commit in found[:_SHOWN]:
        lines += _finding(hit, commit, style)
    if len(found) > _SHOWN:
        more = "; see them all: credguard scan --staged" if what == "commit" else ""
        lines.append(f"  and {len(found) - _SHOWN} more{more}")
    lines += ["", style(_BOLD, "Three ways on:")]
    for number, (title, steps) in enumerate(_ways(found, what), 1):
        lines.append(f"  {number}. {style(_BOLD, title)}")
        lines += [f"     {style.wrapped(step, 7)}" for step in steps]
    return "\n".join(lines) + "\n"


def _finding(hit: Finding, commit: str, style: _Style) -> list[str]:
    place = f"{path_text(hit.path)}:{hit.line}:{hit.column}"
    of = f"  (commit {commit[:12]})" if commit else ""
    reason = "it is in your vault, and nothing lets it pass" if hit.own else in_words(hit)
    reason = reason or "it has the format of that rule and is no placeholder"
    where = f"; in {printable(hit.via)}" if hit.via else ""
    why = f"rule {hit.rule_id}: {reason}{where}; confidence {CONFIDENCE_NAMES[hit.confidence]}"
    return [
        f"  {style(_BOLD, place)}  {printable(hit.title)}{of}",
        f"    {style(_DIM, 'value')}  {printable(hit.masked())}",
        f"    {style(_DIM, 'why')}    {style.wrapped(why, 11)}",
    ]


def _ways(found: list[Hit], what: str) -> list[tuple[str, list[str]]]:
    first, commit = found[0]
    path = path_text(first.path)
    skip = f"CREDGUARD_SKIP='{first.rule_id}:why it is none'"
    if first.own:
        return _ways_of_own(first, path, what)
    vault = (
        "keep it in the vault",
        [
            "credguard secret add NAME",
            "read it where it is needed: credguard secret get NAME (an AWS key: credguard add)",
        ],
    )
    if what == "message":
        remove = [
            'git kept your text: git commit -e -F "$(git rev-parse --git-path COMMIT_EDITMSG)"',
        ]
        return [
            ("remove it from the message", remove),
            ("it is not a secret", [f"{skip} git commit ... (said and logged each time)"]),
            vault,
        ]
    if what == "push":
        remove = [
            f"take it out of commit {commit[:12]}: git rebase -i {commit[:12]}^, mark it edit",
            "in the newest commit: take it out, git add it, git commit --amend",
            "was it shared before? then replace it, too (AWS: credguard rotate)",
        ]
        return [
            ("remove it from the history that is not pushed yet", remove),
            ("it is not a secret", [f"{skip} git push ... (said and logged each time)"]),
            vault,
        ]
    remove = [
        f"take it out of {path}, then: git add {_quoted(path)}",
        "was it pushed or shared before? then replace it, too (AWS: credguard rotate)",
    ]
    mark = [
        f"end its line with a comment: credguard:allow {first.rule_id} why it is none",
        f"or once, said and logged: {skip} git commit ...",
    ]
    return [("remove it", remove), ("mark it as not a secret", mark), vault]


def _ways_of_own(first: Finding, path: str, what: str) -> list[tuple[str, list[str]]]:
    remove = {
        "commit": f"take it out of {path}, then: git add {_quoted(path)}",
        "message": "take it out of the message, and commit again",
        "push": "take it out of the history: git rebase -i, mark its commit edit",
    }[what]
    from shlex import quote

    kind, _, name = first.own.partition("/")
    read = {
        "key": "AWS tools get the key from credguard: aws --profile NAME, or credguard exec NAME",
        "secret": f"credguard secret get {quote(name)}",
    }.get(kind, "credguard hands it out where it is needed: credguard --help")
    replace = {
        "key": "credguard rotate NAME --emergency",
        "password": "credguard password rotate NAME",
    }.get(kind, "make another where it is from, then store that")
    return [
        ("remove it", [remove]),
        ("read it from the vault instead", [read]),
        ("replace it, if anybody else can have seen it", [replace]),
    ]


def _quoted(path: str) -> str:
    plain = path.replace("/", "").replace(".", "").replace("_", "").replace("-", "")
    if plain.isalnum() and not path.startswith("-"):
        return path
    return "-- '" + path.replace("'", "'\\''") + "'"
