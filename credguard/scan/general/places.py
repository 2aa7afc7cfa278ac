"""Where in a file a value stands: the grammar of the file, comments, text inside strings."""

from __future__ import annotations

import re
from bisect import bisect_left

_BACKQUOTED = (b".go", b".js", b".ts", b".jsx", b".tsx", b".mjs", b".cjs", b".vue", b".svelte")
_TICK = re.compile(rb"`")
_GRAMMARS = {
    "yaml": b"yml yaml eyaml sls",
    "config": b"ini cfg conf config properties env toml tfvars cnf envrc service example dist "
    b"local sample default netrc pgpass hcl rc template npmrc pypirc test desktop editorconfig "
    b"nmconnection network netdev",
    "template": b"j2 jinja jinja2 tpl tmpl erb ejs mustache hbs liquid",
    "shell": b"sh bash zsh ksh fish ps1 psm1 bat cmd dockerfile mk makefile containerfile",
    "doc": b"md markdown rst txt adoc asciidoc html htm log tex org textile mdx rdoc pod csv",
    "data": b"json xml plist har ndjson jsonl ipynb tfstate lock svg wsdl pom",
    "locale": b"strings resx po pot xlf xliff rrc arb lang resw ftl",
    "lisp": b"",
}
_BY_END = {end: name for name, ends in _GRAMMARS.items() for end in ends.split()}
_NAMES = {b"dockerfile": "shell", b"makefile": "shell", b"jenkinsfile": "shell"}
_COMMENT = re.compile(rb"\s*(?:#|//|/\*|\*|--\s|;|<!--|%|REM\b|\.\.\s|>)")


def grammar(path: bytes) -> str:
    """The kind of file by its name: yaml, config, template, shell, doc, data, locale or code."""
    name = path.rsplit(b"/", 1)[-1].lower()
    if name.startswith(b".env"):
        return "config"
    stem, dot, end = name.rpartition(b".")
    if not dot:
        return _NAMES.get(name, "config" if name.startswith(b".") else "plain")
    if end in (b"erb", b"j2", b"example", b"sample", b"dist", b"template", b"tmpl", b"tpl"):
        inner = stem.rpartition(b".")[2]
        return _BY_END.get(inner, _BY_END[end])
    if not stem:
        return "config"
    return _NAMES.get(stem, _BY_END.get(end, "code"))


class Text:
    """A file's bytes with what is read of it as a whole, each once."""

    __slots__ = ("_ticks", "data", "grammar", "has_blocks", "manifests", "path")

    def __init__(self, data: bytes, path: bytes) -> None:
        """`path` tells the grammar."""
        self.data = data
        self.path = path
        self.grammar = grammar(path)
        self.has_blocks = path.lower().endswith(_BACKQUOTED)
        self.manifests = 0
        """Up to here manifests were read: each byte of them is read once."""
        self._ticks: list[int] | None = None

    def in_block(self, at: int) -> bool:
        """Whether `at` lies inside a literal in backquotes, as Go and JavaScript have them."""
        if not self.has_blocks:
            return False
        if self._ticks is None:
            self._ticks = [match.start() for match in _TICK.finditer(self.data)]
        return bisect_left(self._ticks, at) % 2 == 1


def line_start(data: bytes, at: int) -> int:
    """Where the line of `at` begins, or 300 bytes before it if it is longer."""
    first = max(0, at - 300)
    return data.rfind(b"\n", first, at) + 1 or first


def is_comment(data: bytes, start: int) -> bool:
    """Whether the line that begins at `start` begins as a comment does."""
    return _COMMENT.match(data, start, start + 60) is not None


def bare_place(text: Text, at: int, name_at: int) -> str:
    """How a value without quotes stands at `at`; "code": it is an expression, no literal.

    "line": the rest of the line is the value; "comment", "string", "pair" (of a query or option),
    "flow" (inside brackets of a configuration file), "shell", "text".
    """
    data, kind = text.data, text.grammar
    start = line_start(data, at)
    before = data[start:name_at]
    lead = before.strip()
    if data[name_at - 1 : name_at] in b"?&;" and lead:
        return "pair"
    if lead.endswith((b"-e", b"--env", b"--build-arg", b"-D", b"export", b"ENV", b"ARG", b"SET")):
        return "shell"
    if lead[-2:] == b"--" or data[name_at - 2 : name_at] in (b"-D", b"/p"):
        return "option"
    if kind in ("yaml", "config", "template", "locale", "plain"):
        if lead in (b"", b"-", b"#", b";", b"//", b"# -", b"export", b"set", b"*", b"##", b"#-"):
            return "comment-line" if lead[:1] in (b"#", b";", b"/", b"*") else "line"
        return "flow"
    if kind == "shell":
        return "shell"
    if kind in ("doc", "data"):
        return "text" if lead else "text-line"
    if is_comment(data, start):
        return "comment"
    quotes = before.count(b'"') - before.count(b'\\"')
    if quotes % 2 or (before.count(b"'") - before.count(b"\\'")) % 2:
        return "string"
    return "block" if text.in_block(name_at) else "code"
