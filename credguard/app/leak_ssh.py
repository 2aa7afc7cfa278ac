"""The answer to an SSH key of the vault whose private half got out."""

from credguard.app.context import Context
from credguard.rotation.leak import Answer


def answered(_ctx: Context, _name: str) -> tuple[Answer, str]:
    """What was done about the SSH key of that name, in words.

    Raises CredguardError: it is tried again later.
    """
    return Answer.TELL, "make another key, and take this one from every server it opens"
