"""A command that a message tells to type can be pasted, whatever names stand in it."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "credguard"
# The command begins in the text before the value, and no other one or a sentence does after it.
_COMMAND = re.compile(r"(?:\A ?|[:;(] )credguard [a-z][^;:\n]*\Z")
# Quoted before, or of letters that need none: vaults, key ids, numbers; an identity is no argument.
_OURS = {"_BACKEND", "holds", "identity", "note.source", "note.target", "other", "quoted"}
_OURS |= {"target", "value", "wanted", "where"}
_OURS |= {"number", "_last(ctx, identity)", "row.candidates[0]", "shlex.join(names)"}


def _unquoted(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                shown = ast.unparse(part.value)
                if _COMMAND.search(text) and not re.match(r"(shlex\.)?quote\(", shown):
                    found.append((node.lineno, shown))
                text += "x"
    return found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_names_in_commands_are_quoted(file: Path) -> None:
    found = _unquoted(ast.parse(file.read_text(encoding="utf-8")))
    assert [each for each in found if each[1] not in _OURS] == []
