"""`credguard completion`: the script that makes TAB work, and bash's side of answering it."""

from __future__ import annotations

import os
import shlex
from typing import ClassVar

import click
from click import shell_completion

_VARIABLE = "_CREDGUARD_COMPLETE"
_HOW = {
    "bash": "credguard completion bash > ~/.local/share/bash-completion/completions/credguard\n"
    "#   or, without the bash-completion package, in ~/.bashrc:"
    ' eval "$(credguard completion bash)"',
    "zsh": "credguard completion zsh > ~/.zfunc/_credguard\n"
    "#   with, in ~/.zshrc: fpath+=(~/.zfunc); autoload -Uz compinit; compinit",
    "fish": "credguard completion fish > ~/.config/fish/completions/credguard.fish",
}
# The line up to the cursor goes over whole: bash cuts words at : and @ too, which profiles have.
_BASH = """\
%(complete_func)s() {
    local line type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" _CREDGUARD_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -F %(complete_func)s %(prog_name)s
"""
_SPECIAL = frozenset(" \t\"'\\$`&|;<>()*?[]{}!#~")


class Bash(shell_completion.BashComplete):
    """Answers with what is to stand for the part of the word that bash completes."""

    source_template: ClassVar[str] = _BASH

    def source(self) -> str:
        """The script; made without starting a bash to ask its version."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one at the cursor, and that one, unquoted."""
        words = shell_completion.split_arg_string(os.environ.get("COMP_LINE", ""))
        if not words or os.environ["COMP_LINE"][-1:].isspace():
            return words[1:], ""
        return words[1:-1], words[-1]

    def format_completion(self, item: click.shell_completion.CompletionItem[str]) -> str:
        """`type,value`, quoted where a person has not begun a quote."""
        line = os.environ.get("COMP_LINE", "")
        if _quote_is_open(line):
            return f"{item.type},{item.value}"
        _, incomplete = self.get_completion_args()
        breaks = os.environ.get("_CREDGUARD_BREAKS", "")
        kept = max((incomplete.rfind(each) for each in ":=@" if each in breaks), default=-1) + 1
        return f"{item.type},{_escaped(item.value[kept:])}"


def _quote_is_open(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return not line.endswith("\\")
    return False


def _escaped(value: str) -> str:
    return "".join(f"\\{each}" if each in _SPECIAL else each for each in value)


def register() -> None:
    """Let click answer bash with Bash."""
    shell_completion.add_completion_class(Bash)


@click.command(epilog="Example: credguard completion fish | source")
@click.argument("shell", type=click.Choice(sorted(_HOW)))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, profiles and key ids on TAB.

    Its first lines say where SHELL looks for it.
    """
    register()
    found = shell_completion.get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    script = found(
        click.get_current_context().find_root().command, {}, "credguard", _VARIABLE
    ).source()
    how = f"# Completion of credguard for {shell}; install it:\n#   {_HOW[shell]}\n"
    # zsh wants its #compdef line first.
    first, rest = script.split("\n", 1) if shell == "zsh" else ("", script)
    click.echo((first + "\n" if first else "") + how + rest, nl=False)
