#!/usr/bin/env python3
"""Fits the general detector's weights on a labelled corpus; writes scan/general/weights.py.

    bench/fit.py CORPUS [--score SCORE.py [--curve OUT]] [--folds 8] [--l2 3] [--write]

CORPUS holds data/<repository>/... and labels.jsonl, as CredData's form has it. A logistic
regression over the signals, with a quadratic penalty; signals that speak of a placeholder or a
template may only lower the score. Candidates are weighed down when the same name and value stand
often in a repository. The printed figures are cross-validated by repository: no weight has seen the
repository it judges.
Deterministic. Needs numpy and scipy (requirements/bench.txt).
"""

from __future__ import annotations

import argparse
import bisect
import collections
import hashlib
import importlib.util
import json
import os
import sys
import tempfile

import numpy as np
import scipy.optimize
import scipy.sparse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from credguard.scan.engine import plain  # noqa: E402
from credguard.scan.general import detect, forgery, kinds, places, score, signals  # noqa: E402
from credguard.scan.model import CONFIDENCE_NAMES, HIGH, LOW, MEDIUM  # noqa: E402
from credguard.sources.database import load_engine  # noqa: E402

_WEIGHT = {"T": 1.0, "F": 1.0, "X": 0.6, "U": 0.6, "t": 0.0}
# Signals that must never make a value look more like a secret, whatever one corpus says.
_ONLY_LOWER = (
    "placeholder:",
    "template:",
    "trivial",
    "run:",
    "user:placeholder",
    "user:equal",
    "same:",
)
# Signals of a file's kind say too much of the corpus they were counted in.
_LEAST_REPOSITORIES = 4


_LINE = (
    "{threshold:5}  TP {tp:5} FP {fp:4} FN {fn:5} X {x:4} unlabelled {unlabelled:5}  "
    "P {p:.3f} R {r:.3f} F1 {f1:.3f} P_floor {p_floor:.3f}"
)


class Rows:
    """Candidates of the corpus: repository, path, line, label, signals."""

    def __init__(self) -> None:
        self.repository: list[str] = []
        self.path: list[str] = []
        self.line: list[int] = []
        self.label: list[str] = []
        self.signals: list[tuple[str, ...]] = []
        self.key: list[tuple[bytes, bytes]] = []
        self.most: list[int] = []
        self.vendors: list[tuple[str, int, int, int]] = []


def read(corpus: str) -> Rows:
    """Every candidate of the labelled files, with the label of its place."""
    labels = collections.defaultdict(list)
    with open(os.path.join(corpus, "labels.jsonl"), encoding="utf-8") as file:
        for text in file:
            row = json.loads(text)
            labels[row["path"]].append(row)
    rows = Rows()
    with tempfile.TemporaryDirectory() as cache:
        engine = load_engine(cache)
        for path in sorted(labels):
            with open(os.path.join(corpus, path), "rb") as file:
                data = plain(file.read())
            _read_file(rows, engine, path, data, labels[path])
    return rows


def _read_file(rows: Rows, engine, path: str, data: bytes, labels: list[dict]) -> None:
    starts = [0]
    for part in data.split(b"\n"):
        starts.append(starts[-1] + len(part) + 1)
    by_line = collections.defaultdict(list)
    for row in labels:
        for number in range(row["line_start"], min(row["line_end"], row["line_start"] + 400) + 1):
            by_line[number].append(row)
    found, probed = engine.examine(data, path.encode())
    rows.vendors.extend(
        (path, each.line, each.end_line, each.confidence)
        for each in found
        if each.rule_id not in kinds.IDS
    )
    text = places.Text(data, path.encode())
    every = detect.candidates(text, probed)
    times = collections.Counter(each.value for each in every)
    for each in every:
        number = bisect.bisect_right(starts, each.start)
        line = data[starts[number - 1] : starts[number] - 1]
        rows.repository.append(path.split("/")[1])
        rows.path.append(path)
        rows.line.append(number)
        rows.label.append(_label(by_line.get(number, ()), each, line, starts[number - 1]))
        held = tuple(dict.fromkeys(signals.signals(text, each, times[each.value])))
        rows.signals.append(held)
        most = score.most(held)
        rows.most.append(min(most, LOW) if forgery.signs(data, each) else most)
        rows.key.append((each.name, each.value[:200]))


def _label(labels, each, line: bytes, start: int) -> str:
    """T, F, X or U (no label); t: another value of a true line; c: no core category."""
    label = "U"
    for row in labels:
        if row["truth"] == "T":
            first, last = row["value_start"], row["value_end"]
            if row["line_start"] != row["line_end"] or first < 0:
                return "T" if row["core"] else "t"
            text = line.decode("utf-8", "surrogateescape")
            begin = start + len(text[:first].encode("utf-8", "surrogateescape"))
            end = start + len(text[: max(first, last)].encode("utf-8", "surrogateescape"))
            if each.start < (end if last > first else each.end) and begin < each.end:
                return "T" if row["core"] else "t"
            label = "t"
        elif label != "t":
            label = "F" if "F" in (row["truth"], label) else "X"
    return label


class Model:
    """The design matrix and what is needed to fit rows of it."""

    def __init__(self, rows: Rows, l2: float) -> None:
        counts = collections.Counter(zip(rows.repository, rows.key, rows.label, strict=True))
        self.weight = np.array(
            [
                _WEIGHT[label] / np.sqrt(counts[(repository, key, label)])
                for repository, key, label in zip(
                    rows.repository, rows.key, rows.label, strict=True
                )
            ]
        )
        self.truth = np.array([label == "T" for label in rows.label], float)
        seen = collections.defaultdict(set)
        for index, names in enumerate(rows.signals):
            if self.weight[index]:
                for name in names:
                    seen[name].add(rows.repository[index])
        self.names = sorted(name for name in seen if len(seen[name]) >= _LEAST_REPOSITORIES)
        index_of = {name: index for index, name in enumerate(self.names)}
        indices, pointers = [], [0]
        for names in rows.signals:
            indices.extend(sorted(index_of[name] for name in names if name in index_of))
            pointers.append(len(indices))
        self.matrix = scipy.sparse.csr_matrix(
            (np.ones(len(indices)), indices, pointers), shape=(len(rows.signals), len(self.names))
        )
        self.bounds = [(None, None)] + [
            (None, 0.0) if name.startswith(_ONLY_LOWER) else (None, None) for name in self.names
        ]
        self.l2 = l2

    def fit(self, chosen):
        """Bias and weights from the rows `chosen`."""
        matrix, truth, weight = self.matrix[chosen], self.truth[chosen], self.weight[chosen]

        def loss(beta):
            score = matrix @ beta[1:] + beta[0]
            error = weight * (1 / (1 + np.exp(-score)) - truth)
            value = (weight * (np.logaddexp(0, score) - truth * score)).sum()
            value += self.l2 / 2 * (beta[1:] @ beta[1:])
            return value, np.concatenate([[error.sum()], matrix.T @ error + self.l2 * beta[1:]])

        start = np.zeros(len(self.names) + 1)
        return scipy.optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=self.bounds, options={"maxiter": 400}
        ).x

    def score(self, beta, chosen):
        return self.matrix[chosen] @ beta[1:] + beta[0]


def cross_validated(rows: Rows, model: Model, folds: int):
    """Each row's score by weights that have not seen its repository."""
    fold = np.array(
        [int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds for name in rows.repository]
    )
    scores = np.zeros(len(rows.label))
    for number in range(folds):
        beta = model.fit((fold != number) & (model.weight > 0))
        scores[fold == number] = model.score(beta, fold == number)
    return scores


def write(model: Model, beta, thresholds: tuple[int, int, int]) -> None:
    """The fitted weights in hundredths, as a module."""
    path = os.path.join(ROOT, "credguard", "scan", "general", "weights.py")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(
            '"""Weights of the signals in hundredths of log odds. Written by bench/fit.py."""\n\n'
        )
        file.write("# fmt: off\n")
        file.write(f"BIAS = {round(100 * beta[0])}\n")
        file.write("# From which score on a finding is LOW, MEDIUM, HIGH.\n")
        file.write(f"THRESHOLDS = {thresholds}\n")
        file.write("WEIGHTS: dict[str, int] = {\n")
        line = "   "
        for name, value in zip(model.names, beta[1:], strict=True):
            if round(100 * value):
                item = f" {json.dumps(name)}: {round(100 * value)},"
                if len(line) + len(item) > 100:
                    file.write(line + "\n")
                    line = "   "
                line += item
        file.write(line + "\n")
        file.write("}\n")


def curve(rows: Rows, scores, scorer_path: str, corpus: str, least: int) -> list[dict[str, float]]:
    """Precision and recall by labelled line at many thresholds, the vendors' rules included."""
    spec = importlib.util.spec_from_file_location("corpus_score", scorer_path)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    labels = scorer.read_labels(corpus)
    points = []
    for threshold in range(-150, 301, 25):
        found = collections.defaultdict(dict)
        for path, line, end, confidence in rows.vendors:
            if confidence >= least:
                found[path][(line, end)] = ""
        for index in np.nonzero(scores >= threshold / 100)[0]:
            if rows.most[index] >= least:
                found[rows.path[index]][(rows.line[index], rows.line[index])] = ""
        count = collections.Counter()
        for counts in scorer.score(labels, found, core=True)[0].values():
            count.update(counts)
        points.append({"threshold": threshold, **count, **scorer.ratios(count)})
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--l2", type=float, default=3.0)
    parser.add_argument("--thresholds", type=int, nargs=3, default=(-100, -25, 100))
    parser.add_argument("--score", help="the corpus's scorer; prints the cross-validated table")
    parser.add_argument("--curve", metavar="OUT", help="the table as JSON, for bench/plot.py")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = read(arguments.corpus)
    model = Model(rows, arguments.l2)
    print(f"{len(rows.label)} candidates, {len(model.names)} signals")
    scores = cross_validated(rows, model, arguments.folds)
    if arguments.write:
        write(model, model.fit(model.weight > 0), tuple(arguments.thresholds))
    if arguments.score:
        for least in (MEDIUM, HIGH):
            print(f"what may be {CONFIDENCE_NAMES[least]}, by threshold:")
            points = curve(rows, scores, arguments.score, arguments.corpus, least)
            for point in points:
                print(_LINE.format(**point))
            if arguments.curve and least == MEDIUM:
                with open(arguments.curve, "w", encoding="utf-8") as file:
                    json.dump(points, file)


if __name__ == "__main__":
    main()
