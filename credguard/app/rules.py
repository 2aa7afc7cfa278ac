"""Use cases: list, show, try and import rules."""

import base64
import os
import random
import re
import string
from dataclasses import dataclass
from typing import Any

from credguard.errors import CredguardError
from credguard.scan.checksums import aws_account, crc16
from credguard.scan.general.kinds import GENERAL_RULES
from credguard.scan.model import CONFIDENCE_NAMES, Finding
from credguard.scan.rules import RuleError, matches, names, parse

_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_TRIES = 20
_MOST_GITLEAKS = 4 << 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule made of one text: `wanted` and not found, or found and not wanted, is a fault."""

    rule: str
    wanted: bool
    found: tuple[str, ...]


def fill(template: str, seed: int) -> str:
    """A rule's sample: each `{class:n}` becomes n characters drawn from `seed`.

    `{word:X}` is X, `{nkey:58}` a NATS seed with its checksum.
    """
    generator = random.Random(seed)  # noqa: S311 - a sample, no secret

    def one(match: re.Match[str]) -> str:
        if match[1] == "word":
            return match[2]
        if match[1] == "nkey":
            raw = bytes([18 << 3, 0]) + generator.randbytes(32)
            summed = raw + crc16(raw).to_bytes(2, "little")
            return base64.b32encode(summed).rstrip(b"=").decode()
        return "".join(generator.choice(_CLASSES[match[1]]) for _ in range(int(match[2])))

    return re.sub(r"\{(\w+):(\w+)\}", one, template)


def all_rules() -> list[dict[str, Any]]:
    """Every rule of the package, AWS first. Raises CredguardError."""
    from credguard.sources.database import read_rules

    try:
        texts, services = read_rules()
        tables = parse(texts, services)
    except (OSError, RuleError) as exc:
        raise CredguardError(
            f"the rules cannot be read: {exc}", hint="run ./install.sh again"
        ) from exc
    for table in tables:
        if "services" in table:
            del table["near"]
            table["names"] = names(services, table["services"])
    return tables


def described(rule_id: str) -> dict[str, Any]:
    """What there is to say of a rule, those of the general detector too. Raises CredguardError."""
    for name, title, severity in GENERAL_RULES:
        if name == rule_id:
            return {
                "id": name,
                "title": title,
                "severity": severity,
                "found by": "the general detector, from a name and many weak signals",
                "explain": "credguard scan FILE --explain",
            }
    return one_rule(rule_id)


def one_rule(rule_id: str) -> dict[str, Any]:
    """The vendor's rule of that id. Raises CredguardError: none, with ids that resemble it."""
    import difflib

    tables = {table["id"]: table for table in all_rules()}
    if rule_id in tables:
        return tables[rule_id]
    if rule_id in {name for name, _, _ in GENERAL_RULES}:
        raise CredguardError(
            f"{rule_id} has no pattern to try: the general detector weighs signals",
            hint="see what speaks for a finding: credguard scan FILE --explain",
        )
    near = difflib.get_close_matches(rule_id, tables, 3)
    hint = f"did you mean: {', '.join(near)}" if near else "see: credguard rules list"
    raise CredguardError(f"there is no rule {rule_id}", hint=hint)


def try_rule(rule_id: str) -> list[Tried]:
    """Run the rule's own sample and its counter-examples. Raises CredguardError."""
    table = _with_near(one_rule(rule_id))
    tried = []
    for seed in range(_TRIES):
        found = matches(table, fill(table["sample"], seed).encode())
        tried.append(Tried(rule_id, True, tuple(CONFIDENCE_NAMES[sure] for _, _, sure in found)))
    for text in table["clean"]:
        found = matches(table, fill(text, 1).encode())
        tried.append(Tried(rule_id, False, tuple(CONFIDENCE_NAMES[sure] for _, _, sure in found)))
    return tried


def try_file(path: str) -> list[Tried]:
    """Run the samples of a person's own rules in `path`. Raises CredguardError: a rule is wrong."""
    from credguard.sources.custom import compile_custom, read_custom

    if not os.path.lexists(path):
        raise CredguardError(f"{path}: there is no such file", hint="name a file of your rules")
    tables = read_custom(path)
    if not tables:
        raise CredguardError(
            f"{path}: no rules in it", hint="write [[rules]] tables: see docs/reports.md"
        )
    compile_custom(tables, path)  # all together, as a scan does
    tried = []
    for table in tables:
        engine = compile_custom([table], path)
        texts = [(fill(table["sample"], 1), True)] if "sample" in table else []
        texts += [(fill(text, 1), False) for text in table.get("clean", [])]
        name = "sample" + (table.get("paths") or [""])[0]
        for text, wanted in texts:
            found = engine.scan(text.encode(), os.fsencode(name))
            told = tuple(CONFIDENCE_NAMES[each.confidence] for each in found)
            tried.append(Tried(table["id"], wanted, told))
    return tried


def try_text(rule_id: str, data: bytes) -> list[Finding]:
    """What the rule by itself finds in a person's text. Raises CredguardError."""
    table = _with_near(one_rule(rule_id))
    found = []
    for start, end, sure in matches(table, data):
        line = data.count(b"\n", 0, start) + 1
        value = data[start:end]
        column = start - data.rfind(b"\n", 0, start)
        last = line + value.count(b"\n")
        found.append(Finding(b"", line, column, last, rule_id, table["title"], sure, value))
    return found


def account(finding: Finding) -> str | None:
    """The AWS account number that a found access key id holds; None: it is none, or holds none."""
    return aws_account(finding.value) if finding.rule_id.endswith("key-id") else None


def import_gitleaks(path: str) -> tuple[str, list[str]]:
    """Gitleaks' rules of `path` as text for `.credguard.toml`, and what was not taken over.

    A rule that Hyperscan does not take is left out and told. Raises CredguardError.
    """
    import tomlkit

    from credguard.scan.custom import parse_custom
    from credguard.scan.gitleaks import convert
    from credguard.sources.custom import compile_custom

    try:
        # Non-blocking: a FIFO must not hang.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            data = file.read(_MOST_GITLEAKS + 1) or b""
        if len(data) > _MOST_GITLEAKS:
            raise RuleError(f"larger than {_MOST_GITLEAKS:,} bytes")
        tables, notes = convert(data.decode())
    except (OSError, UnicodeDecodeError, RuleError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else exc
        raise CredguardError(f"{path}: {said}", hint="name a gitleaks.toml") from exc
    kept = []
    for table in tables:
        text = tomlkit.dumps({"rules": [table]})
        try:
            compile_custom(parse_custom(text), path)
        except (RuleError, CredguardError) as exc:
            reason = str(exc).removeprefix(f"{path}: ").removeprefix(f"rule {table['id']}: ")
            notes.append(f"rule {table['id']}: left out: {reason}")
            continue
        kept.append(table)
    return tomlkit.dumps({"rules": kept}) if kept else "", notes


def _with_near(table: dict[str, Any]) -> dict[str, Any]:
    if "names" not in table:
        return table
    from credguard.scan.rules import alternation

    return {**table, "near": alternation(table["names"])}
