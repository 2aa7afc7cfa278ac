"""Environment variables and credentials as shells, tools and files take them. Pure.

Every value is quoted so that its reader gets it back byte for byte, or refused with the reason.
"""

import json
import re
from collections.abc import Iterable, Mapping

from credguard.errors import Unsupported

SHELLS = ("bash", "zsh", "fish", "powershell", "json", "dotenv")
# Whatever reads POSIX's sh; by the name that $SHELL ends with.
_BY_NAME = {
    "sh": "bash", "bash": "bash", "dash": "bash", "ksh": "bash", "mksh": "bash", "ash": "bash",
    "zsh": "zsh", "fish": "fish", "pwsh": "powershell", "powershell": "powershell",
}  # fmt: skip
# PowerShell takes each of these for a single quote, and a doubled one inside quotes for itself:
# IsSingleQuote in System.Management.Automation/engine/parser/CharTraits.cs.
_POWERSHELL_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")
_BARE = re.compile(r"[A-Za-z0-9_./+=:@%,-]*\Z")
# What the readers of .env files do not agree on, within single quotes too.
_DISPUTED = re.compile(r"['\\$`\r\n]")


def shell_of(path: str | None) -> str:
    """Which of SHELLS the program at `path` ($SHELL) reads; "bash", POSIX's form, for None.

    Raises Unsupported: none of them.
    """
    if not path:
        return "bash"
    name = path.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    if name not in _BY_NAME:
        raise Unsupported(
            f"cannot tell which lines the shell {name} reads",
            hint=f"name one: --shell {'|'.join(SHELLS)}",
        )
    return _BY_NAME[name]


def lines(shell: str, variables: Mapping[str, str], cleared: Iterable[str] = ()) -> str:
    """What `shell` (one of SHELLS) evaluates to get `variables`, with `cleared` unset first.

    json and dotenv hold the variables only. Ends with a line end. Raises Unsupported: dotenv, a
    value that its readers do not agree on.
    """
    gone = [name for name in cleared if name not in variables]
    if shell == "json":
        return json.dumps(dict(variables), indent=2) + "\n"
    if shell == "dotenv":
        return "".join(f"{name}={_dotenv(name, value)}\n" for name, value in variables.items())
    if shell == "fish":
        # A semicolon each, so that eval (credguard env ...), which joins lines, works too.
        said = [f"set -e {name};" for name in gone]
        said += [f"set -gx {name} {_fish(value)};" for name, value in variables.items()]
    elif shell == "powershell":
        said = [f"Remove-Item Env:{name} -ErrorAction SilentlyContinue" for name in gone]
        said += [f"$Env:{name} = {_powershell(value)}" for name, value in variables.items()]
    else:
        said = [f"unset {' '.join(gone)}"] if gone else []
        said += [f"export {name}={posix(value)}" for name, value in variables.items()]
    return "".join(line + "\n" for line in said)


def posix(value: str) -> str:
    """`value` as one word of sh, bash and zsh, on as many lines as it has.

    Quoted always: zsh takes even a bare word that begins with = for a command's path.
    """
    return "'" + value.replace("'", "'\\''") + "'"


def _fish(value: str) -> str:
    # fish-doc, language, Quotes: only \' and \\ mean anything within single quotes.
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(value: str) -> str:
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", value) + "'"


def _dotenv(name: str, value: str) -> str:
    if _BARE.match(value):
        return value
    if _DISPUTED.search(value):
        raise Unsupported(
            f"the value of {name} cannot stand in a .env file: its readers would differ",
            hint="use --shell json, or credguard exec",
        )
    return f"'{value}'"


def section(profile: str, variables: Mapping[str, str]) -> str:
    """The section of `profile` in ~/.aws/credentials; its end, when there is one, in a comment.

    Raises Unsupported: a name that cannot stand in a section's line.
    """
    if not profile.isprintable() or any(each in profile for each in "[]"):
        raise Unsupported(f"{profile!r} cannot name a section", hint="use --format env")
    names = {
        "AWS_ACCESS_KEY_ID": "aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
        "AWS_SESSION_TOKEN": "aws_session_token",
        "AWS_REGION": "region",
    }
    end = variables.get("AWS_CREDENTIAL_EXPIRATION")
    said = [f"[{profile}]"] + ([f"# until {end}"] if end else [])
    said += [f"{name} = {variables[each]}" for each, name in names.items() if each in variables]
    return "\n".join(said) + "\n"


def process(variables: Mapping[str, str], expiration: str) -> str:
    """What a credential_process prints, docs.aws.amazon.com: feature-process-credentials."""
    names = {
        "AccessKeyId": "AWS_ACCESS_KEY_ID",
        "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
        "SessionToken": "AWS_SESSION_TOKEN",
        "AccountId": "AWS_ACCOUNT_ID",
    }
    found = {name: variables[each] for name, each in names.items() if each in variables}
    return json.dumps({"Version": 1, **found, "Expiration": expiration}) + "\n"
