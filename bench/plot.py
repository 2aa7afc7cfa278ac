#!/usr/bin/env python3
"""Draws precision against recall as SVG, from what bench/fit.py --curve wrote.

bench/plot.py CURVE.json OUT.svg
"""

from __future__ import annotations

import json
import sys

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 400, 60, 30
_SVG, _FONT = "http://www.w3.org/2000/svg", 'font-family="sans-serif" font-size="12" fill="#333"'
_LOW = 0.5  # the lowest precision drawn
# On the same files, by labelled line: precision, recall.
_PEERS = (("detect-secrets 1.5.0", 0.586, 0.316), ("kingfisher 2.14.0", 0.930, 0.089))


def place(recall: float, precision: float) -> tuple[float, float]:
    across = _WIDTH - _LEFT - 20
    down = _HEIGHT - _TOP - 50
    return _LEFT + recall * across, _TOP + (1 - precision) / (1 - _LOW) * down


def line(points: list[tuple[float, float]], colour: str) -> str:
    shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    return f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="2"/>'


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def draw(rows: list[dict[str, float]]) -> str:
    parts = [
        f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for step in range(6):
        x, y = place(step / 5, _LOW)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{y:.1f}" stroke="#ddd"/>')
        parts.append(text(x, y + 18, f"{step / 5:.1f}", "middle"))
        x, y = place(0, _LOW + step / 10)
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{place(1, 1)[0]:.1f}" stroke="#ddd"/>')
        parts.append(text(x - 8, y + 4, f"{_LOW + step / 10:.1f}", "end"))
    parts.append(line([(row["r"], row["p"]) for row in rows], "#0b6"))
    parts.append(line([(row["r"], row["p_floor"]) for row in rows], "#999"))
    parts.append(
        text(_LEFT + 10, _TOP - 10, "precision (green) and its floor (grey) against recall")
    )
    parts.append(text(_WIDTH / 2, _HEIGHT - 8, "recall", "middle"))
    for name, precision, recall in _PEERS:
        x, y = place(recall, precision)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#c33"/>')
        parts.append(text(x + 8, y + 4, name))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    source, out = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        rows = json.load(file)
    with open(out, "w", encoding="utf-8", newline="\n") as file:
        file.write(draw(rows))


if __name__ == "__main__":
    main()
