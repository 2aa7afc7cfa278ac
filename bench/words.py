#!/usr/bin/env python3
"""Counts words and letters for the general detector; writes credguard/scan/general/words.py.

    bench/words.py DICTIONARY FOLDER ...

DICTIONARY has one word a line: Debian's wamerican (SCOWL, whose licence allows any use) was taken.
FOLDER ...: text in which words are counted: CPython's library, /usr/share/doc and /usr/share/perl
were taken. Only facts are kept: which dictionary words are frequent, and how letters follow each
other.
"""

from __future__ import annotations

import base64
import collections
import math
import os
import re
import sys
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LEAST, _MOST, _WIDTH = 12, 6000, 160
# Frequent in code, in no dictionary.
_JARGON = (
    "admin username passwd config auth param params init str int bool env src url uri http https"
    " json yaml xml html css api db sql mysql postgres redis mongo rabbitmq kafka docker kube nginx"
    " localhost github gitlab google amazon azure microsoft facebook twitter oauth jwt uuid msg num"
    " tmp temp usr dev prod staging repo async proxy webhook middleware metadata timestamp keystore"
    " truststore hostname dropdown checkbox email login logout signup signin todo mock stub foo bar"
    " baz qux lorem ipsum dummy changeme lang utils util enum cfg conf ctx args kwargs"
)


def count(folders: list[str]) -> collections.Counter[str]:
    """How often each run of letters stands in the files under `folders`."""
    counts: collections.Counter[str] = collections.Counter()
    for folder in folders:
        for here, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                path = os.path.join(here, name)
                if name.endswith((".pyc", ".so", ".gz")) or not os.path.isfile(path):
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    text = file.read(400_000)
                counts.update(word.lower() for word in re.findall("[A-Z]?[a-z]{2,}", text))
    return counts


def trigrams(words: set[str], counts: collections.Counter[str]) -> bytes:
    """For any three letters a nibble: how surprising the third is, in 0.8 bits."""
    three: collections.Counter[str] = collections.Counter()
    two: collections.Counter[str] = collections.Counter()
    for word in sorted(words):
        weight = 1 + math.log1p(counts.get(word, 0)) * 2
        marked = f"^{word}$"
        for at in range(len(marked) - 2):
            three[marked[at : at + 3]] += weight
            two[marked[at : at + 2]] += weight
    letters = "abcdefghijklmnopqrstuvwxyz"
    table = [
        min(15, int(-math.log2((three[a + b + c] + 0.05) / (two[a + b] + 1.3)) * 1.25))
        for a in letters
        for b in letters
        for c in letters
    ]
    return bytes(table[at] << 4 | table[at + 1] for at in range(0, len(table), 2))


def main() -> None:
    dictionary, *folders = sys.argv[1:]
    with open(dictionary, encoding="utf-8") as file:
        words = {word for line in file if re.fullmatch("[a-z]{3,12}", word := line.strip())}
    counts = count(folders)
    frequent = [word for word, number in counts.most_common() if word in words and number >= _LEAST]
    common = sorted({*frequent[:_MOST], *_JARGON.split()})
    packed = base64.b85encode(zlib.compress(trigrams(words, counts), 9))
    path = os.path.join(ROOT, "credguard", "scan", "general", "words.py")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write('"""How English letters follow each other, and common words. ')
        file.write(
            'Written by bench/words.py."""\n\n# ruff: noqa: E501\n# fmt: off\n\nCOMMON = (\n'
        )
        line = ""
        for word in common:
            if len(line) + len(word) > _WIDTH:
                file.write(f'    "{line}"\n')
                line = ""
            line += word + " "
        file.write(f'    "{line.rstrip()}"\n)\n\n')
        file.write("# Nibbles: how surprising the third of three letters is, in 0.8 bits.\n")
        file.write("TRIGRAMS = (\n")
        file.writelines(
            f"    {packed[at : at + _WIDTH]!r}\n" for at in range(0, len(packed), _WIDTH)
        )
        file.write(")\n")


if __name__ == "__main__":
    main()
