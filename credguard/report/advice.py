"""What a person does about a secret, by the kind of file that it was found in. Pure."""

from __future__ import annotations

from shlex import quote

KEY_FILE, AWS, HISTORY, ENV, NOTEBOOK, TERRAFORM = (
    "key file", "AWS file", "history", "env file", "notebook", "Terraform state",
)  # fmt: skip
_HISTORIES = ("fish_history", "consolehost_history.txt", ".lesshst", ".viminfo", ".netrwhist")
_KEY_FILES = ("accesskeys", "rootkey", "credentials")  # what the console calls them


def kind(path: str) -> str:
    """The kind of file that `path` is, by its name; empty: no special one."""
    folder, _, name = path.replace("\\", "/").rpartition("/")
    name = name.lower()
    if name.endswith(".csv") and any(word in name for word in _KEY_FILES):
        return KEY_FILE
    if folder.endswith("/.aws") and name in ("credentials", "config"):
        return AWS
    if name in _HISTORIES or (name.startswith(".") and name.endswith(("_history", "history"))):
        return HISTORY
    if name in (".env", ".envrc") or name.startswith(".env.") or name.endswith(".env"):
        return ENV
    if name.endswith(".ipynb"):
        return NOTEBOOK
    if name.endswith((".tfstate", ".tfstate.backup", ".tfvars", ".tfvars.json")):
        return TERRAFORM
    return ""


def leaks_while_ignored(name: str) -> bool:
    """Whether a file called `name` is looked at even where git ignores it."""
    return kind(name) in (KEY_FILE, ENV, NOTEBOOK, TERRAFORM)


def advice(path: str, rules: set[str], own: str = "") -> str:
    """One or two sentences: what to do, and what to type. `own`: the vault's item, if it is one.

    `rules`: ids of the rules that found something in the file `path`.
    """
    what = kind(path)
    aws = any(rule.startswith("aws-") for rule in rules)
    if what == KEY_FILE:
        return f"Move it into the vault, which deletes the file: credguard import {quote(path)}"
    if what == AWS:
        return "Move the keys into the vault: credguard import --all"
    if own:
        return "The vault holds this value: nobody needs it here. Take it out of the file."
    if what == HISTORY:
        lost = "replace the key: credguard rotate" if aws else "replace it"
        return (
            f"What is typed stays in the history: take the line out, and {lost}."
            " Next time: credguard exec, or credguard secret get"
        )
    if what == ENV:
        if aws:
            return "Run the program with credguard exec PROFILE -- PROGRAM, without a key in a file"
        return "Keep the file out of git, or the value in the vault: credguard secret add NAME"
    if what == NOTEBOOK:
        return f"Clear its outputs: jupyter nbconvert --clear-output --inplace {quote(path)}"
    if what == TERRAFORM:
        return "Terraform keeps secrets in the clear: use a remote, encrypted backend"
    if aws:
        return "Move the key into the vault: credguard add PROFILE, then take it out of the file"
    return "Not in git yet? Take it out. A false alarm: credguard watch allow"
