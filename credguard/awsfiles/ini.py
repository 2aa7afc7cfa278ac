"""AWS's INI dialect with every byte kept: comments, order, blank lines, line ends.

Follows Python's RawConfigParser as botocore uses it: `=` or `:` after the name, names in any case,
comments only on lines of their own; a line indented deeper than the setting above belongs to it,
one indented as deep is a setting of its own.
"""

import re
from dataclasses import dataclass

from credguard.errors import ConfigError

# Not str.splitlines, which also cuts at form feeds and U+2028.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BEHIND = re.compile(r"[ \t]+([#;][^\r\n]*)")


@dataclass(slots=True)
class _Line:
    text: str
    section: str | None  # the section it stands in; None: before the first
    name: str | None = None  # the setting it begins or goes on with
    value: str = ""
    header: bool = False
    begins: bool = False  # a setting begins here

    @property
    def indent(self) -> str:
        bare = self.text.lstrip("\ufeff")
        return bare[: len(bare) - len(bare.lstrip(" \t"))]


class IniFile:
    """A parsed file; `text()` gives it back, unchanged where nothing was changed."""

    def __init__(self, text: str, path: str) -> None:
        """Raises ConfigError with the line's number: neither header, setting nor comment, or twice.

        A line's own text is never quoted, nor its name: either may hold a secret.
        """
        self._path = path
        self._lines: list[_Line] = []
        self._end = "\r\n" if "\r\n" in text else "\n"
        section: str | None = None
        name: str | None = None
        level = 0
        seen: set[tuple[str, str | None]] = set()
        for number, raw in enumerate(_LINE.findall(text), 1):
            line = raw.removeprefix("\ufeff") if number == 1 else raw
            bare = line.strip()
            if not bare or bare[0] in "#;":
                self._lines.append(_Line(raw, section))
                continue
            indent = len(line) - len(line.lstrip())
            if name is not None and indent > level:
                self._lines.append(_Line(raw, section, name, bare))
                continue
            level = indent
            if bare.startswith("["):
                section, name = self._header(bare, number), None
                self._lines.append(_Line(raw, section, header=True))
            else:
                name, value = self._setting(bare, number, section)
                self._lines.append(_Line(raw, section, name, value, begins=True))
            if (section or "", name) in seen:
                what = f"the section [{section}]" if name is None else "a setting of its section"
                raise ConfigError(
                    f"{path}, line {number}: {what} is there twice", hint=f"merge the two in {path}"
                )
            seen.add((section or "", name))

    def _header(self, bare: str, number: int) -> str:
        end = bare.rfind("]")
        if end < 2:
            raise ConfigError(
                f"{self._path}, line {number}: a section without a name or its ]",
                hint=f"correct line {number} of {self._path}",
            )
        return bare[1:end].strip()

    def _setting(self, bare: str, number: int, section: str | None) -> tuple[str, str]:
        places = [bare.find(mark) for mark in "=:" if mark in bare]
        if not places or min(places) == 0 or section is None:
            raise ConfigError(
                f"{self._path}, line {number}: neither a section, a setting nor a comment",
                hint=f"correct line {number} of {self._path}",
            )
        at = min(places)
        return bare[:at].strip().lower(), bare[at + 1 :].strip()

    def sections(self) -> list[str]:
        """The sections' names in order."""
        return [line.section or "" for line in self._lines if line.header]

    def get(self, section: str, name: str) -> str | None:
        """The value of a setting, its further lines joined by newlines; None: it is not there."""
        found = [line for line in self._lines if line.section == section and line.name == name]
        return "\n".join(line.value for line in found) if found else None

    def everything(self) -> dict[str, dict[str, str]]:
        """Each section's settings; those of [DEFAULT] stand in all, as in RawConfigParser."""
        found: dict[str, dict[str, str]] = {}
        for line in self._lines:
            settings = found.setdefault(line.section, {}) if line.section is not None else {}
            if line.name is not None:
                earlier = "" if line.begins else settings.get(line.name, "") + "\n"
                settings[line.name] = earlier + line.value
        common = found.pop("DEFAULT", {})
        return {section: common | settings for section, settings in found.items()}

    def holds(self, section: str, text: str) -> bool:
        """Whether `text` stands in a setting of the section."""
        return any(
            line.section == section and line.name is not None and text in line.text
            for line in self._lines
        )

    def put(self, section: str, name: str, value: str) -> None:
        """Give `name` a value: in its place, else at the section's end, else in a new section."""
        setting = f"{name} = {value}{self._end}"
        for line in self._lines:
            if line.section == section and line.name == name and line.begins:
                # As deep as before, or the next setting would become a part of this one.
                new = _Line(line.indent + setting, section, name, value, begins=True)
                self._replace(section, name, new)
                return
        last = None
        indent = ""
        for number, line in enumerate(self._lines):
            if line.section == section and (line.header or line.name is not None):
                last = number
                indent = line.indent if line.header or line.begins else indent
        if last is not None:
            self._close(last)
            new = _Line(indent + setting, section, name, value, begins=True)
            self._lines.insert(last + 1, new)
            return
        if self._lines:
            self._close(len(self._lines) - 1)
            if self._lines[-1].text.strip():
                self._lines.append(_Line(self._end, self._lines[-1].section))
        self._lines.append(_Line(f"[{section}]{self._end}", section, header=True))
        self._lines.append(_Line(setting, section, name, value, begins=True))

    def _close(self, number: int) -> None:
        if not self._lines[number].text.endswith(("\n", "\r")):
            self._lines[number].text += self._end

    def _replace(self, section: str, name: str, new: _Line) -> None:
        kept = []
        for line in self._lines:
            if line.section != section or line.name != name:
                kept.append(line)
            elif line.begins:
                kept.append(new)
        self._lines = kept

    def remove(self, section: str, names: set[str]) -> None:
        """Take settings out of a section; a section left without any goes, its comments stay.

        So do comments behind a value, which most SDKs read though botocore does not.
        """
        kept: list[_Line] = []
        for line in self._lines:
            if line.section == section and line.name in names:
                behind = _BEHIND.search(line.text)
                if behind is not None:
                    kept.append(_Line(behind[1] + self._end, section))
            else:
                kept.append(line)
        self._lines = kept
        if not any(line.section == section and line.name for line in self._lines):
            self._lines = [
                line for line in self._lines if not (line.section == section and line.header)
            ]

    def remove_lines_holding(self, text: str) -> int:
        """Drop the comments in which `text` stands (an old copy of a secret); how many."""
        kept = [line for line in self._lines if line.name is not None or text not in line.text]
        dropped = len(self._lines) - len(kept)
        self._lines = kept
        return dropped

    def text(self) -> str:
        """The whole file. Raises ConfigError when a change would read otherwise than was meant."""
        text = "".join(line.text for line in self._lines)
        again = [] if not text else IniFile(text, self._path)._meaning()
        if again != self._meaning():
            raise ConfigError(
                f"{self._path} cannot be changed safely: its lines are indented unevenly",
                hint="begin every section and setting at the start of its line, then run it again",
            )
        return text

    def _meaning(self) -> list[tuple[str | None, str | None, str]]:
        return [
            (line.section, line.name, line.value)
            for line in self._lines
            if line.header or line.name is not None
        ]
