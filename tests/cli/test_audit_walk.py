"""From the bad account to one where nothing is wrong, by typing what the report says, nothing else.

`pytest -s` shows what was typed for each check, and what came of it.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from click.testing import CliRunner, _NamedTextIOWrapper

from credguard.audit.table import BY_ID
from credguard.cli.main import root
from tests.cli.test_audit import profile
from tests.support import audit_seeds, aws_cli
from tests.support.audited import REGION, Account

__all__ = ["profile"]
Filled = dict[str, str]

# What a person does in the console, as the report says; no API can, and no simulator has it.
AT_THE_CONSOLE: dict[str, Callable[[Account], None]] = {
    "root-mfa": lambda account: setattr(account, "root_mfa", "hardware"),
    "root-mfa-hardware": lambda account: setattr(account, "root_mfa", "hardware"),
    "root-no-keys": lambda account: setattr(account, "root_keys", False),
    # Time passes.
    "root-unused": lambda account: account.report.pop("<root_account>", None) and None,
}
# What AWS says of a thing that another remedy took away meanwhile.
ABSENT = ("delete-launch-template-versions",)  # from the simulator
GONE = re.compile(r"NoSuch|NotFound|IncorrectInstanceState|IncorrectState")


def _words(account: Account) -> Filled:
    """What a person puts in for the words that stand for something."""
    groups = account.client("ec2").describe_security_groups()["SecurityGroups"]
    images = account.client("ec2").describe_images()["Images"]
    keys = account.client("kms").list_keys()["Keys"]
    return {
        "YOU@EXAMPLE.COM": "a@b.example", "MAIL": "a@b.example", "NAME": "Ada",
        "TITLE": "Security", "NUMBER": "+491234567", "PERSON": "ada", "NEW-NAME": "dev-laptop",
        "KEY-PAIR": "credguard_dev-laptop", "PROFILE": "web", "ROLE": "web", "GROUP": "admins",
        "BUCKET": "logs", "KEY": keys[0]["KeyId"], "TYPE": "t3.micro", "FILE": "secret.txt",
        "IMAGE": max(images, key=lambda each: each["CreationDate"])["ImageId"],
        "GROUP-ID": next(g["GroupId"] for g in groups if g["GroupName"] == "web"),
        "NUMBER-OF-THE-NEW-ONE": "2", "OLD-NUMBER": "1", "CODE1": "123456", "CODE2": "654321",
    }  # fmt: skip


# What a person makes of a file that a command wrote.
EDITED = {
    "policy.json": audit_seeds.READ,
    "trust.json": audit_seeds.TRUST,
    "variables.json": '{"Variables": {"DB_SECRET": "the name of a secret"}}',
}


def _told(text: str) -> dict[str, list[str]]:
    """Check -> the command lines below it, of a report in text."""
    found: dict[str, list[str]] = {}
    check = ""
    for line in text.splitlines():
        if header := re.match(r"  \S.*  ?\[([a-z0-9-]+)[ \]]", line):
            check = header[1]
            found[check] = []
        elif line.startswith(" " * 8 + "$ "):
            found[check].append(line.strip().removeprefix("$ "))
    return found


class Person:
    """Types lines, each once a report; a waiver is not what leads to PASS."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        self.folder = folder
        self.typed: list[tuple[str, str, str]] = []
        (folder / "secret.txt").write_text("a new one")

    def follow(self, told: dict[str, list[str]]) -> None:
        words = _words(self.account)
        seen: set[str] = set()
        for check, lines in told.items():
            if check in AT_THE_CONSOLE:
                AT_THE_CONSOLE[check](self.account)
                self.typed.append((check, "(at the console, as told)", ""))
            for line in lines:
                if line in seen or line.startswith("credguard audit waive"):
                    continue
                seen.add(line)
                error = self._type(_filled(line, words))
                self.typed.append((check, line, error))
                print(f"{check:<22} {line}" + (f"\n{'':<22} ! {error}" if error else ""))

    def _type(self, line: str) -> str:
        if line.startswith("credguard "):
            with pytest.MonkeyPatch.context() as patch:
                # Somebody sits at the terminal.
                patch.setattr(_NamedTextIOWrapper, "isatty", lambda _self: True)
                done = CliRunner().invoke(root, shlex.split(line)[1:], input="y\n" * 9)
            return "" if done.exit_code == 0 else f"exit code {done.exit_code}: {done.output}"
        try:
            aws_cli.run(line, self.account.front, self.folder)
        except ResponseParserError as error:
            return "" if any(each in line for each in ABSENT) else f"no answer: {error}"
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            return "" if GONE.search(code) else f"{code}: {error}"
        file = line.partition(" > ")[2]
        if file:
            (self.folder / file).write_text(EDITED[file])
        return ""


def _filled(line: str, words: Filled) -> str:
    names = sorted(words, key=len, reverse=True)
    pattern = r"(?<![\w-])(" + "|".join(map(re.escape, names)) + r")(?![\w-])"
    return re.sub(pattern, lambda found: shlex.quote(words[found[1]]), line)


def _audited() -> tuple[str, int]:
    done = CliRunner().invoke(root, ["audit", "--regions", REGION])
    assert done.exit_code in (0, 1), done.output
    return done.stdout, done.exit_code


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_report_says_leads_from_fail_to_pass(profile: Account, tmp_path: Path) -> None:
    audit_seeds.bad(profile)
    audit_seeds.aws_policies(
        profile.client("iam"), "SecurityAudit", "AWSSupportAccess", "AdministratorAccess",
        "AmazonSSMManagedInstanceCore",
    )  # fmt: skip
    folder = tmp_path / "work"
    folder.mkdir()
    person = Person(profile, folder)
    text, code = _audited()
    first = _told(text)
    assert set(first) == set(BY_ID)
    rounds = 0
    while code == 1 and rounds < 6:
        rounds += 1
        print(f"after report {rounds}:")
        person.follow(_told(text))
        text, code = _audited()
    print(text)
    assert [(check, line, error) for check, line, error in person.typed if error] == []
    assert code == 0, text
    assert not [line for line in text.splitlines() if line.startswith("    FAIL")]
