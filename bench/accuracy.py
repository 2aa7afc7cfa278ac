#!/usr/bin/env python3
"""How accurate the scanner is: on a labelled corpus, and how often it speaks on ordinary source.

    bench/accuracy.py CORPUS SCORE.py [--high] [--source FOLDER ...] [--findings OUT.jsonl]

CORPUS holds data/<repository>/... and labels.jsonl; SCORE.py is the corpus's scorer, by its path.
Prints, for LOW, MEDIUM (the default) and HIGH, precision, recall, F1 and the floor of the
precision, by labelled line (core categories); then findings in 1.5 MB of ordinary source: CPython's
standard library without its tests, and this interpreter's site-packages. Figures on the corpus that
the weights were fitted on are too good; `bench/fit.py --score` prints cross-validated ones.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import os
import sys
import sysconfig
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from credguard.scan.model import CONFIDENCE_NAMES, HIGH, LOW, MEDIUM  # noqa: E402
from credguard.sources.database import load_engine  # noqa: E402

NOISE_UNIT = 1_500_000


def scorer(path: str):
    """The corpus's scorer as a module."""
    spec = importlib.util.spec_from_file_location("corpus_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def corpus_findings(engine, corpus: str, labels) -> list:
    found = []
    for path in sorted(labels):
        with open(os.path.join(corpus, path), "rb") as file:
            found.extend(engine.scan(file.read(), path.encode()))
    return found


def table(score, labels, found, least: int) -> dict[str, float]:
    """TP, FP, FN, X, unlabelled and the ratios at a confidence of at least `least`."""
    by_path = collections.defaultdict(dict)
    for each in found:
        if each.confidence >= least:
            by_path[each.path.decode()].setdefault((each.line, each.end_line), each.rule_id)
    per = score.score(labels, by_path, core=True)[0]
    count = collections.Counter()
    for counts in per.values():
        count.update(counts)
    return {**count, **score.ratios(count)}


def print_row(name: str, row) -> None:
    print(
        f"{name:8} TP {row.get('tp', 0):5} FP {row.get('fp', 0):4} FN {row.get('fn', 0):5} "
        f"X {row.get('x', 0):4} unlabelled {row.get('unlabelled', 0):5}  P {row['p']:.3f} "
        f"R {row['r']:.3f} F1 {row['f1']:.3f} P_floor {row['p_floor']:.3f}"
    )


def sources() -> list[str]:
    """CPython's standard library and the packages beside it."""
    paths = sysconfig.get_paths()
    return [os.path.realpath(paths["stdlib"]), os.path.realpath(paths["purelib"])]


def noise(engine, folder: str) -> None:
    """Prints how many findings of MEDIUM and above `folder` has for each 1.5 MB, and the speed."""
    size, found, seconds = 0, [], 0.0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("test", "tests", "site-packages", "__pycache__")
        )
        for name in sorted(names):
            if name.endswith((".pyc", ".so", ".a", ".exe")):
                continue
            with open(os.path.join(here, name), "rb") as file:
                data = file.read()
            size += len(data)
            before = time.process_time()
            found.extend(engine.scan(data, os.path.join(here, name).encode()))
            seconds += time.process_time() - before
    said = [each for each in found if each.confidence >= MEDIUM]
    print(
        f"{folder}: {size / 1e6:.1f} MB, {len(said)} findings, "
        f"{len(said) * NOISE_UNIT / max(1, size):.2f} in 1.5 MB; {size / 1e6 / seconds:.0f} MB/s"
    )
    for each in said:
        path = os.path.relpath(each.path.decode(), folder)
        print(f"    {CONFIDENCE_NAMES[each.confidence]:6} {each.rule_id} {path}:{each.line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("score")
    parser.add_argument("--high", action="store_true", help="only the row of HIGH")
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("--findings", metavar="OUT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        engine = load_engine(cache)
    score = scorer(arguments.score)
    labels = score.read_labels(arguments.corpus)
    found = corpus_findings(engine, arguments.corpus, labels)
    for least in (HIGH,) if arguments.high else (LOW, MEDIUM, HIGH):
        print_row(CONFIDENCE_NAMES[least], table(score, labels, found, least))
    if arguments.findings:
        with open(arguments.findings, "w", encoding="utf-8") as file:
            for each in found:
                if each.confidence >= MEDIUM:
                    row = {"path": each.path.decode(), "line": each.line, "end": each.end_line}
                    file.write(json.dumps({**row, "rule": each.rule_id}) + "\n")
    for folder in arguments.source or sources():
        noise(engine, folder)


if __name__ == "__main__":
    main()
