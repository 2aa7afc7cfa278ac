"""What lets a finding pass: a mark on its line, or a repository's `.credguard.toml`.

Pure, and imports next to nothing: the hook loads it once something was found, and TOML is read only
where there is such a file. A secret of the person's own vault is never hidden by any of it.
"""

from __future__ import annotations

from credguard.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from credguard.scan.globs import Globs
    from credguard.scan.model import Finding

    # Compiles patterns (bytes, unanchored) into: which of them match a value, by number.
    Compile = Callable[[list[bytes]], Callable[[bytes], set[int]]]

OWN_RULES = "own-"
"""Ids of the rules for the person's own secrets begin with this; nothing hides what they find."""
FILE = ".credguard.toml"
MARK = b"credguard:allow"
_GITLEAKS = b"gitleaks:allow"
_PRAGMA = b"pragma:"
_WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
# detect_secrets/filters/allowlist.py: how a comment begins, and how it must end on its line.
_COMMENTS = (
    (b"#", b""),
    (b"//", b""),
    (b"/*", b"*/"),
    (b"'", b""),
    (b"--", b""),
    (b"<!--", b"-->"),
)
ONE_WORD_RULES = (b"jwt",)
"""Ids of built-in rules without a hyphen."""
_LISTS = {
    "allow": ("paths", "regexes", "rules", "stopwords"),
    "scan": ("exclude",),
}
# Tables of the same file that others read.
_OTHERS = ("rules",)
_MOST_PATTERNS = 200
_MOST_LENGTH = 1000


def marks(data: bytes, path: bytes) -> dict[int, list[tuple[bytes | None, str]]]:
    """For each line of `data` that a mark lets pass: the only rule it is for, and the mark.

    `credguard:allow` and `gitleaks:allow` count anywhere on a line. `credguard:allow some-rule why`
    is for that rule alone; a first word without a hyphen belongs to the reason. The pragmas of
    detect-secrets count in the comment styles that it knows.
    """
    found: dict[int, list[tuple[bytes | None, str]]] = {}
    for mark in (MARK, _GITLEAKS, _PRAGMA):
        at, line, counted = data.find(mark), 1, 0
        while at >= 0:
            line += data.count(b"\n", counted, at)
            counted = at
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            after = data[at + len(mark) : end]
            if mark == _PRAGMA:
                before = data[data.rfind(b"\n", 0, at) + 1 : at]
                which = _pragma(before, after.rstrip(b"\r"), path)
                if which is not None:
                    found.setdefault(line + which, []).append((None, "a pragma of detect-secrets"))
            elif after[:1] not in _WORD or not after:
                rule = _rule_named(after) if mark == MARK else None
                found.setdefault(line, []).append((rule, mark.decode()))
            at = data.find(mark, at + len(mark))
    return found


def _rule_named(after: bytes) -> bytes | None:
    word = after[:200].split(None, 1)[0] if after[:200].split() else b""
    named = word.strip(_WORD) == b"" and b"-" in word[1:-1] and word[:1] != b"-"
    return word if named or word in ONE_WORD_RULES else None


def _pragma(before: bytes, after: bytes, path: bytes) -> int | None:
    """0: the pragma is for its own line, 1: for the next one, None: it is none."""
    after = after.removeprefix(b" ")
    if not after.startswith((b"allowlist", b"whitelist")):
        return None
    rest = after[9:]
    following = False
    if after.startswith(b"allowlist") and rest[:9] in (b" nextline", b"-nextline"):
        following, rest = True, rest[9:]
    if rest[:7] not in (b" secret", b"-secret"):
        return None
    tail = rest[7:].rstrip(b" \t")
    before = before.rstrip(b" ")
    styles = _COMMENTS[:1] if path.endswith(b".yaml") else _COMMENTS
    for start, end in styles:
        opened = before.rstrip(b"# \t") if start == b"<!--" else before
        if opened.endswith(start) and tail.endswith(end):
            blank = not opened[: -len(start)].strip(b" \t")
            if blank or not following:
                return 1 if following else 0
    return None


class Marks:
    """The marks of one text, looked for when they are first asked for."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        """Of a text that is named with `of`."""
        self._found: dict[int, list[tuple[bytes | None, str]]] | None = None

    def of(self, data: bytes, path: bytes) -> dict[int, list[tuple[bytes | None, str]]]:
        """What `marks` gives; the same text at each call."""
        if self._found is None:
            self._found = marks(data, path)
        return self._found


class Allow:
    """The settings that hold in one place: those of its folder and of every folder above it."""

    __slots__ = ("_folders",)

    def __init__(self, folders: list[_Folder] | None = None) -> None:
        """`folders`: outermost first; none: only marks let anything pass."""
        self._folders = folders or []

    @staticmethod
    def of(texts: dict[bytes, str], compiler: Compile | None = None) -> Allow:
        """From folder (b"" for the root, `a/b`) -> text of its `.credguard.toml`.

        A finding is judged by the files of its folder and of those above. Raises ConfigError: one
        line, naming file and key.
        """
        folders = [_Folder(name, texts[name], compiler) for name in texts]
        folders.sort(key=lambda each: each.depth)
        return Allow(folders)

    def allows(self, finding: Finding, path: bytes | None = None) -> str | None:
        """Why `finding` passes, by these settings; None: it does not, or it is an own secret.

        `path`: its path as the settings see it, where its own is written another way.
        """
        if finding.rule_id.startswith(OWN_RULES):
            return None
        path = finding.path if path is None else path
        for which in ("paths", "exclude"):
            reason = self._path_reason(path, which)
            if reason is not None:
                return reason
        for folder in reversed(self._folders):
            if folder.below(path) is not None:
                reason = folder.allows(finding)
                if reason is not None:
                    return reason
        return None

    def excluded(self, path: bytes) -> bool:
        """Whether a walk over the tree may leave `path` out (`[scan] exclude`)."""
        return self._path_reason(path, "exclude") is not None

    def passes(self, path: bytes) -> bool:
        """Whether whatever is found in the file `path` passes."""
        return any(self._path_reason(path, which) is not None for which in ("paths", "exclude"))

    def _path_reason(self, path: bytes, which: str) -> str | None:
        for folder in reversed(self._folders):  # the nearest decides
            below = folder.below(path)
            globs: Globs = getattr(folder, which)
            decided = globs.decide(below) if below is not None else None
            if decided is not None:
                word = "path" if which == "paths" else which
                return f"{folder.place}: {word} {decided[1]}" if decided[0] else None
        return None

    def judge(
        self, found: Iterable[Finding], data: bytes, path: bytes, marked: Marks | None = None
    ) -> None:
        """Set `allowed` of each of `found`, all in `data`, to what lets it pass.

        `data`: as `credguard.scan.engine.plain` gives it. `path`: as the settings see it, from the
        top folder; the findings' own may be written another way. `marked`: kept over several calls
        for one text, so that its marks are looked for once.
        """
        by_line: dict[int, list[tuple[bytes | None, str]]] | None = None
        for each in found:
            if by_line is None:
                by_line = (marked or Marks()).of(data, path)
            if by_line or self._folders:
                each.allowed = _marked(each, by_line) or self.allows(each, path) or ""
            else:
                each.allowed = ""


def _marked(finding: Finding, marked: dict[int, list[tuple[bytes | None, str]]]) -> str | None:
    if not marked or finding.rule_id.startswith(OWN_RULES):
        return None
    rule = finding.rule_id.encode()
    for line in marked if len(marked) < 8 else range(finding.line, finding.end_line + 1):
        if finding.line <= line <= finding.end_line:
            for only, mark in marked.get(line, ()):
                if only is None or only == rule:
                    return f"{mark}, line {line}"
    return None


class _Folder:
    """One `.credguard.toml`, checked."""

    __slots__ = (
        "_matches",
        "_regexes",
        "_rules",
        "_stopwords",
        "depth",
        "exclude",
        "name",
        "paths",
        "place",
    )

    def __init__(self, name: bytes, text: str, compiler: Compile | None) -> None:
        from credguard.scan.globs import Globs

        self.name = name
        self.depth = name.count(b"/") + bool(name)
        self.place = place = (name.decode("utf-8", "backslashreplace") + "/" if name else "") + FILE
        lists = _parse(text, place)
        self._rules = lists["allow.rules"]
        self.paths = Globs(lists["allow.paths"])
        self.exclude = Globs(lists["scan.exclude"])
        self._stopwords = [word.lower().encode() for word in lists["allow.stopwords"]]
        self._regexes = lists["allow.regexes"]
        self._matches = _compiled(self._regexes, compiler, place) if self._regexes else None

    def below(self, path: bytes) -> bytes | None:
        """`path` as seen from this folder; None: it lies elsewhere."""
        if not self.name:
            return path
        prefix = self.name + b"/"
        return path[len(prefix) :] if path.startswith(prefix) else None

    def allows(self, finding: Finding) -> str | None:
        if finding.rule_id in self._rules:
            return f"{self.place}: rule {finding.rule_id}"
        value = finding.value.lower()
        if any(word in value for word in self._stopwords):
            return f"{self.place}: a stopword"
        hits = self._matches(finding.value) if self._matches is not None else None
        return f"{self.place}: regex {self._regexes[min(hits)]}" if hits else None


def _compiled(
    regexes: list[str], compiler: Compile | None, place: str
) -> Callable[[bytes], set[int]]:
    if compiler is None:
        raise ConfigError(f"{place}: allow.regexes cannot be matched here", hint=f"correct {place}")
    try:
        return compiler([regex.encode() for regex in regexes])
    except ValueError as exc:
        raise ConfigError(
            f"{place}: allow.regexes: {exc}", hint="no look-around, no back-reference; see docs"
        ) from exc


def _parse(text: str, place: str) -> dict[str, list[str]]:
    import tomllib

    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{place} is not valid TOML: {exc}", hint=f"correct {place}") from exc
    lists: dict[str, list[str]] = {
        f"{section}.{name}": [] for section, names in _LISTS.items() for name in names
    }
    for section, values in tables.items():
        if section in _OTHERS:
            continue
        if section not in _LISTS:
            raise _unknown(place, section, [*_LISTS, *_OTHERS], "table")
        if not isinstance(values, dict):
            raise ConfigError(f"{place}: {section} must be a table", hint=f"write [{section}]")
        for name, items in values.items():
            if name not in _LISTS[section]:
                raise _unknown(place, f"{section}.{name}", list(lists), "setting")
            key = f"{section}.{name}"
            if not isinstance(items, list) or not all(isinstance(each, str) for each in items):
                raise ConfigError(
                    f"{place}: {key} must be a list of texts", hint=f'such as {name} = ["..."]'
                )
            _check_size(place, key, items)
            lists[key] = items
    return lists


def _check_size(place: str, key: str, items: list[str]) -> None:
    if len(items) > _MOST_PATTERNS and key == "allow.regexes":
        raise ConfigError(f"{place}: {key} has over {_MOST_PATTERNS} entries", hint="join some")
    for item in items:
        if not item.strip():
            raise ConfigError(
                f"{place}: {key} has an empty entry, which would hide everything",
                hint="take it out",
            )
        if len(item) > _MOST_LENGTH:
            raise ConfigError(
                f"{place}: an entry of {key} is over {_MOST_LENGTH} characters", hint="shorten it"
            )


def _unknown(place: str, name: str, known: list[str], what: str) -> ConfigError:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "there are: " + ", ".join(known)
    return ConfigError(f"{place}: no {what} {name!r}", hint=hint)
