"""What an SSH program asks its SSH_ASKPASS helper, from the prompt's text. Pure.

The texts are OpenSSH's (ssh-add.c, sshconnect2.c, ssh-keygen.c, ssh-agent.c), which is not
translated. What is not known is for the person.
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum

_CONFIRMS = r" \(will confirm (?:after )?each use\)"  # ssh-add -c
_PASSPHRASE = re.compile(
    r"Enter passphrase for (?:key )?(?P<quote>['\"]?)(?P<path>.+?)(?P=quote)"
    rf"(?P<confirms>{_CONFIRMS})?(?: \(empty for no passphrase\))?: ?\Z",
    re.DOTALL,
)
_AGAIN = re.compile(r"Bad passphrase, try again for ")
_NEW = re.compile(r"Enter (?:same )?passphrase(?: again)?(?: \(empty for no passphrase\))?: ?\Z")
# git too asks SSH_ASKPASS, for a user's name as well (git-prompt.c: credentials of https).
_SEEN = re.compile(r"\(yes/no|yes/no\)|\[y/n\]|\AUsername for ", re.IGNORECASE)
_PREFIX = "credguard_"


class Asked(StrEnum):
    """What the prompt wants."""

    OURS = "ours"  # the passphrase of a key of credguard's
    REFUSE = "refuse"  # one that was answered already, wrongly
    CONFIRM = "confirm"  # a yes, before the agent uses a key
    NOTICE = "notice"  # nothing: it is only shown
    PERSON = "person"  # anything else


@dataclass(frozen=True, slots=True)
class Question:
    """`name`: of credguard's key, for OURS; `confirms`: it goes to an agent that asks before each
    use. `echo`: what is typed may be seen.
    """

    asked: Asked
    name: str = ""
    echo: bool = False
    confirms: bool = False


def read(prompt: str, kind: str, for_key: str, folder: str) -> Question:
    """What `prompt` asks. `kind`: SSH_ASKPASS_PROMPT; `folder`: where credguard's key files are.

    `for_key`: the key that our own run of ssh-keygen makes; "" otherwise.
    """
    if kind == "confirm":
        return Question(Asked.CONFIRM)
    if kind == "none":
        return Question(Asked.NOTICE)
    if _AGAIN.match(prompt):
        path = re.sub(_CONFIRMS + r"\Z", "", prompt.partition(" for ")[2].rstrip(": "))
        name = _ours(path, folder)
        return Question(Asked.REFUSE, name) if name else Question(Asked.PERSON)
    if (match := _PASSPHRASE.match(prompt)) is not None:
        name = _ours(match["path"], folder)
        if name:
            return Question(Asked.OURS, name, confirms=match["confirms"] is not None)
        return Question(Asked.OURS, for_key) if for_key else Question(Asked.PERSON)
    if for_key and _NEW.match(prompt):
        return Question(Asked.OURS, for_key)
    return Question(Asked.PERSON, echo=bool(_SEEN.search(prompt)))


def _ours(path: str, folder: str) -> str:
    """The name of the key whose file `path` is; "": it is none of credguard's."""
    path = path.strip("'\"")
    base = os.path.basename(path)
    if os.path.dirname(os.path.normpath(path)) != os.path.normpath(folder):
        return ""
    return base.removeprefix(_PREFIX) if base.startswith(_PREFIX) else ""
