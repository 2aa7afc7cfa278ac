"""How many of other scanners' own examples are found: recall, false positives, mean over rules.

Run: .venv-dev/bin/python bench/peers.py EXAMPLES.jsonl [--misses N] [--false N] [--rule TEXT]
A row has `source`, `rule`, `kind` (positive, negative), `text`, `path`. An example counts as found
when anything in it is reported at medium confidence or above, as `credguard scan` would.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from credguard.scan.model import MEDIUM
from credguard.sources.database import load_engine

Row = dict[str, Any]


def judge(rows: Iterable[Row], cache: str) -> list[tuple[Row, set[str]]]:
    """Each row with the ids of the rules that report it; the engine is loaded once."""
    engine = load_engine(cache)
    judged = []
    for row in rows:
        extension = os.path.splitext(row["path"])[1]
        name = ("example" + (extension or ".txt")).encode()
        found = engine.scan(row["text"].encode("utf-8", "surrogatepass"), name)
        judged.append((row, {each.rule_id for each in found if each.confidence >= MEDIUM}))
    return judged


def share(parts: list[bool]) -> str:
    """Per cent of true ones, with the count."""
    if not parts:
        return "-"
    return f"{100 * sum(parts) / len(parts):5.1f} % of {len(parts):5,}"


def by_rule(rows: list[tuple[Row, set[str]]]) -> str:
    """The mean over rules of the share found."""
    rules: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row, found in rows:
        rules[row["source"], row["rule"]].append(bool(found))
    if not rules:
        return "-"
    mean = sum(sum(each) / len(each) for each in rules.values()) / len(rules)
    return f"{100 * mean:5.1f} % of {len(rules):4}"


def report(name: str, rows: list[tuple[Row, set[str]]]) -> None:
    positive = [each for each in rows if each[0]["kind"] == "positive"]
    negative = [each for each in rows if each[0]["kind"] == "negative"]
    found = share([bool(rules) for _, rules in positive])
    flagged = share([bool(rules) for _, rules in negative])
    print(f"{name:22} {found:18} {by_rule(positive):16} {flagged:18}")


def show(title: str, rows: list[tuple[Row, set[str]]], count: int) -> None:
    generator = random.Random(1)
    for row, found in generator.sample(rows, min(count, len(rows))):
        rules = ", ".join(sorted(found))
        print(f"\n{title} {row['source']} {row['rule']} {rules}\n{row['text'][:400]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("examples", type=Path)
    parser.add_argument("--misses", type=int, default=0, help="show so many positives not found")
    parser.add_argument("--false", type=int, default=0, help="show so many negatives flagged")
    parser.add_argument("--rule", default="", help="only rules whose name contains this")
    options = parser.parse_args()
    with options.examples.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if options.rule.lower() in row["rule"].lower()]
    with tempfile.TemporaryDirectory() as cache:
        judged = judge(rows, cache)
    print(f"{'source':22} {'positives found':18} {'mean over rules':16} {'negatives flagged':18}")
    for source in sorted({row["source"] for row in rows}):
        report(source, [each for each in judged if each[0]["source"] == source])
    report("all", judged)
    report("aws", [each for each in judged if "aws" in each[0]["rule"].lower()])
    misses = [each for each in judged if each[0]["kind"] == "positive" and not each[1]]
    flagged = [each for each in judged if each[0]["kind"] == "negative" and each[1]]
    show("missed", misses, options.misses)
    show("flagged", flagged, options.false)


if __name__ == "__main__":
    sys.exit(main())
