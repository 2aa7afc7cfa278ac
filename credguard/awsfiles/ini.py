"""AWS's INI dialect with every byte kept: comments, order, blank lines, line ends.

Follows Python's RawConfigParser as botocore uses it: `=` or `:` after the name, names in any case,
comments only on lines of their own, indented lines belong to the setting above.
"""

from dataclasses import dataclass

from credguard.errors import ConfigError


@dataclass(slots=True)
class _Line:
    text: str
    section: str | None  # the section it stands in; None: before the first
    name: str | None = None  # the setting it begins or goes on with
    value: str = ""
    header: bool = False


class IniFile:
    """A parsed file; `text()` gives it back, unchanged where nothing was changed."""

    def __init__(self, text: str, path: str) -> None:
        """Raises ConfigError with the line's number: neither header, setting nor comment, or twice.

        A line's own text is never quoted: it may hold a secret.
        """
        self._path = path
        self._lines: list[_Line] = []
        self._end = "\r\n" if "\r\n" in text else "\n"
        section: str | None = None
        name: str | None = None
        seen: set[str] = set()
        for number, raw in enumerate(text.splitlines(keepends=True), 1):
            line = raw.removeprefix("\ufeff") if number == 1 else raw
            bare = line.strip()
            if not bare or bare[0] in "#;":
                self._lines.append(_Line(raw, section))
            elif line[0] in " \t" and name is not None:
                self._lines.append(_Line(raw, section, name, bare))
            elif bare.startswith("["):
                section, name = self._header(bare, number, seen), None
                self._lines.append(_Line(raw, section, header=True))
            else:
                name, value = self._setting(bare, number, section)
                self._lines.append(_Line(raw, section, name, value))

    def _header(self, bare: str, number: int, seen: set[str]) -> str:
        end = bare.rfind("]")
        if end < 1:
            raise ConfigError(
                f"{self._path}, line {number}: a section's name has no ]",
                hint=f"correct line {number} of {self._path}",
            )
        section = bare[1:end].strip()
        if section in seen:
            raise ConfigError(
                f"{self._path}, line {number}: the section [{section}] is there twice",
                hint=f"merge the two in {self._path}",
            )
        seen.add(section)
        return section

    def _setting(self, bare: str, number: int, section: str | None) -> tuple[str, str]:
        places = [bare.find(mark) for mark in "=:" if mark in bare]
        if not places or section is None:
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
        """The value of a setting; None: it is not there. The last one wins."""
        found = None
        for line in self._lines:
            if line.section == section and line.name == name and not line.text[0].isspace():
                found = line.value
        return found

    def put(self, section: str, name: str, value: str) -> None:
        """Give `name` a value: in its place, else at the section's end, else in a new section."""
        new = f"{name} = {value}{self._end}"
        self._drop(section, {name}, _Line(new, section, name, value))
        if any(line.section == section and line.name == name for line in self._lines):
            return
        last = None
        for number, line in enumerate(self._lines):
            if line.section == section and (line.header or line.name is not None):
                last = number
        if last is not None:
            self._close(last)
            self._lines.insert(last + 1, _Line(new, section, name, value))
            return
        if self._lines:
            self._close(len(self._lines) - 1)
            if self._lines[-1].text.strip():
                self._lines.append(_Line(self._end, self._lines[-1].section))
        self._lines.append(_Line(f"[{section}]{self._end}", section, header=True))
        self._lines.append(_Line(new, section, name, value))

    def _close(self, number: int) -> None:
        if not self._lines[number].text.endswith("\n"):
            self._lines[number].text += self._end

    def _drop(self, section: str, names: set[str], keep_first: _Line | None = None) -> None:
        kept = []
        for line in self._lines:
            if line.section == section and line.name in names:
                if keep_first is not None:
                    kept.append(keep_first)
                    keep_first = None
                continue
            kept.append(line)
        self._lines = kept

    def remove(self, section: str, names: set[str]) -> None:
        """Take settings out of a section; a section left without any goes, its comments stay."""
        self._drop(section, names)
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
        """The whole file."""
        return "".join(line.text for line in self._lines)
