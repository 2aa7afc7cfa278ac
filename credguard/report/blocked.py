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
_GLUE = "\0"
_EACH = 3  # so many rules are named one by one


class _Style:
    def __init__(self, *, colour: bool, width: int) -> None:
        self._colour = colour
        self._width = max(width, _NARROW) if width else 0

    def __call__(self, code: str, text: str) -> str:
        return f"{code}{text}{_END}" if self._colour else text

    def wrapped(self, text: str, indent: int) -> str:
        """`text` in lines of the terminal's width; words and `_whole` commands are not broken."""
        if not self._width:
            return text.replace(_GLUE, " ")
        lines, line = [], ""
        for word in text.split(" "):
            if line and indent + len(line) + 1 + len(word) > self._width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
        return ("\n" + " " * indent).join(lines).replace(_GLUE, " ")


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
        lines.append(f"  {number}. {style(_BOLD, style.wrapped(title, 5))}")
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


def _whole(command: str) -> str:
    """`command` so that it stays on one line, where it can be copied from."""
    return command.replace(" ", _GLUE)


def _skip(found: list[Hit], command: str) -> str:
    """`command` with what lets all of `found` pass: by rule, or by path where that is shorter."""
    rules = list(dict.fromkeys(hit.rule_id for hit, _ in found if not hit.own))
    paths = {path_text(hit.path) for hit, _ in found if not hit.own}
    (path, *more) = sorted(paths)
    plain = not more and not set(path) & set(":;'!*\\") and path.strip() == path
    names = [path] if len(rules) > 1 and plain else rules
    said = "; ".join(f"{name}:why it is none" for name in names)
    # A repository names the rules of its own: a quote in one must not end ours.
    return _whole(f"CREDGUARD_SKIP={in_quotes(said)} {command}")


def _marks(found: list[Hit]) -> list[str]:
    """The mark of each, exactly; of many once, since each finding names its rule."""
    rules = list(dict.fromkeys(hit.rule_id for hit, _ in found if not hit.own))
    if len(rules) == 1:
        return [f"end its line with a comment: {_mark(rules[0])}"]
    if len(rules) > _EACH:
        return [f"end each line with a comment, its rule in the place of RULE: {_mark('RULE')}"]
    return ["end each line with a comment:", *(f"  {_mark(rule)}" for rule in rules)]


def _mark(rule: str) -> str:
    return _whole(f"credguard:allow {rule} why it is none")


def _ways(found: list[Hit], what: str) -> list[tuple[str, list[str]]]:
    # Where one is of the vault nothing lets the whole pass, so its ways are the only ones.
    first, commit = next((each for each in found if each[0].own), found[0])
    path = path_text(first.path)
    if first.own:
        return _ways_of_own(first, path, what)
    vault = (
        "keep it in the vault",
        [
            _whole("credguard secret add NAME"),
            (
                f"read it where it is needed: {_whole('credguard secret get NAME')}"
                f" (an AWS key: {_whole('credguard add)')}"
            ),
        ],
    )
    if what == "message":
        remove = [
            "git kept your text: "
            + _whole('git commit -e -F "$(git rev-parse --git-path COMMIT_EDITMSG)"'),
        ]
        return [
            ("remove it from the message", remove),
            ("it is not a secret", [f"{_skip(found, 'git commit')} (said and logged each time)"]),
            vault,
        ]
    if what == "push":
        remove = [
            (
                f"take it out of commit {commit[:12]}:"
                f" {_whole(f'git rebase -i {commit[:12]}^')}, mark it edit"
            ),
            f"in the newest commit: take it out, git add it, {_whole('git commit --amend')}",
            f"was it shared before? then replace it, too (AWS: {_whole('credguard rotate)')}",
        ]
        return [
            ("remove it from the history that is not pushed yet", remove),
            ("it is not a secret", [f"{_skip(found, 'git push')} (said and logged each time)"]),
            vault,
        ]
    remove = [
        f"take it out of {path}, then: {_whole(f'git add {_quoted(path)}')}",
        f"was it pushed or shared before? then replace it, too (AWS: {_whole('credguard rotate)')}",
    ]
    mark = [*_marks(found), f"or once, said and logged: {_skip(found, 'git commit')}"]
    return [("remove it", remove), ("mark it as not a secret", mark), vault]


def _ways_of_own(first: Finding, path: str, what: str) -> list[tuple[str, list[str]]]:
    remove = {
        "commit": f"take it out of {path}, then: {_whole(f'git add {_quoted(path)}')}",
        "message": "take it out of the message, and commit again",
        "push": "take it out of the history: git rebase -i, mark its commit edit",
    }[what]
    from shlex import quote

    kind, _, name = first.own.partition("/")
    read = {
        "key": "AWS tools get the key from credguard: aws --profile NAME, or credguard exec NAME",
        "secret": _whole(f"credguard secret get {quote(name)}"),
    }.get(kind, "credguard hands it out where it is needed: credguard --help")
    replace = {
        "key": _whole("credguard rotate NAME --emergency"),
        "password": _whole("credguard password rotate NAME"),
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
    special = path.startswith(":") or set(path) & set("*?[\\")  # else a pattern: '*' is every file
    return "-- " + in_quotes(f":(literal){path}" if special else path)


def in_quotes(text: str) -> str:
    """`text` as one word of a shell, always in quotes."""
    return "'" + text.replace("'", "'\\''") + "'"
