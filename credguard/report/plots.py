"""The report's plots as inline SVG: no script, no outside resource; colours come from the page.

Each is drawn twice, for a wide and for a narrow page, so that its text keeps its size.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from credguard.report.history import KINDS, Found, History, KeyLine, Use
from credguard.report.text import printable

WIDE, SLIM = 1040, 340
_DAY = 86400.0
COLOURS = 6  # classes c0 to c5 of the page; of more lines the colours come again, dashed


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things are drawn: times from `since` to `until`, values from `low` to `high`."""

    width: int
    height: int
    since: float
    until: float
    low: float
    high: float
    left: int = 46
    bottom: int = 24
    top: int = 10
    right: int = 12

    def x(self, at: float) -> float:
        share = (at - self.since) / max(1.0, self.until - self.since)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        share = (value - self.low) / max(1e-9, self.high - self.low)
        return self.height - self.bottom - share * (self.height - self.bottom - self.top)


def both(draw: Callable[[History, int], str], history: History) -> str:
    """The plot for a wide page and for a narrow one; the page shows one of them."""
    wide, slim = draw(history, WIDE), draw(history, SLIM)
    return f'<div class="wide">{wide}</div><div class="slim">{slim}</div>'


def ages(history: History, width: int) -> str:
    """How old the key in use was, one line an IAM user, and the age that none may reach."""
    now, since = history.status.now, history.since
    oldest = max(
        (_age_at(use.created, min(use.end or now, now)) for use in _uses(history)), default=0
    )
    limit = None if history.max_age is None else history.max_age / _DAY
    high = _nice(max(oldest, (limit or 0) * 1.15, 5))
    plot = _Plot(width, 280, since, now, 0, high)
    parts = [_grid(plot, "d"), _dates(plot)]
    for number, line in enumerate(history.keys):
        parts.append(_age_line(plot, line, number))
    if limit is not None:
        y = plot.y(limit)
        parts.append(
            f'<line class="limit" x1="{plot.left}" x2="{width - plot.right}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><text class="limit" x="{plot.left + 4}" y="{y - 6:.1f}">'
            f"limit {limit:.0f} d</text>"
        )
    return _svg(plot, "Age of each key in days over time", parts)


def _uses(history: History) -> list[Use]:
    return [use for line in history.keys for use in line.uses]


def _age_at(created: float, at: float) -> float:
    return max(0.0, (at - created) / _DAY)


def _age_line(plot: _Plot, line: KeyLine, number: int) -> str:
    style = f"line c{number % COLOURS}" + (" again" if number >= COLOURS else "")
    parts, sure_path, last = [], "", None
    for use in line.uses:
        start, end = max(use.start, plot.since), min(use.end or plot.until, plot.until)
        if end < start:
            continue
        here = (plot.x(start), plot.y(_age_at(use.created, start)))
        there = (plot.x(end), plot.y(_age_at(use.created, end)))
        segment = f"M{here[0]:.1f} {here[1]:.1f}L{there[0]:.1f} {there[1]:.1f}"
        if last is not None:
            sure_path += f"M{last[0]:.1f} {last[1]:.1f}L{here[0]:.1f} {here[1]:.1f}"
        if use.sure:
            sure_path += segment
        else:
            parts.append(f'<path class="{style} unsure" d="{segment}"/>')
        least = "" if use.sure else "at least "
        tip = f"{line.name}, {short(use.key_id)}: {least}{_age_at(use.created, end):.0f} d "
        tip += "now" if use.end is None else "at its end"
        parts.append(
            f'<circle class="dot c{number % COLOURS}" cx="{there[0]:.1f}" cy="{there[1]:.1f}" '
            f'r="3.5"><title>{_text(tip)}</title></circle>'
        )
        last = there
    return (f'<path class="{style}" d="{sure_path}"/>' if sure_path else "") + "".join(parts)


def found(history: History, width: int) -> str:
    """Findings that came (up) and went (down), and how many were open."""
    now, since = history.status.now, history.since
    step = _bin_days((now - since) / _DAY, 26 if width > 500 else 13) * _DAY
    edges = _bins(since, now, step)
    opened = [_within(edge, step, (each.opened for each in history.findings)) for edge in edges]
    closed = [
        _within(edge, step, (each.closed for each in history.findings if each.closed is not None))
        for edge in edges
    ]
    series = _open_series(history.findings, since, now)
    up = _nice(max([1, *opened, *(value for _, value in series)]))
    plot = _Plot(width, 240, since, now, -_nice(max([1, *closed])), up)
    zero = plot.y(0)
    parts = [_grid(plot, ""), _dates(plot)]
    for edge, came, went in zip(edges, opened, closed, strict=True):
        x = plot.x(max(edge, since))
        wide = max(1.0, plot.x(min(edge + step, now)) - x - 2)
        days = f"{_day(edge)}, {step / _DAY:.0f} d"
        for number, kind, y in ((came, "came", plot.y(came)), (went, "went", zero)):
            if number:
                tall = abs(plot.y(number) - zero)
                parts.append(
                    f'<rect class="{kind}" x="{x + 1:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                    f'height="{tall:.1f}" rx="2"><title>{days}: {number} {kind}</title></rect>'
                )
    path, before = "", None
    for at, value in series:
        x, y = plot.x(at), plot.y(value)
        path += f"M{x:.1f} {y:.1f}" if before is None else f"L{x:.1f} {before:.1f}L{x:.1f} {y:.1f}"
        before = y
    parts.append(f'<path class="line open" d="{path}"/>')
    parts.append(
        f'<line class="zero" x1="{plot.left}" x2="{width - plot.right}" y1="{zero:.1f}" '
        f'y2="{zero:.1f}"/>'
    )
    return _svg(plot, "Findings that came, went and were open over time", parts)


def _within(edge: float, step: float, times: Iterable[float]) -> int:
    return sum(edge <= at < edge + step for at in times)


def _open_series(rows: list[Found], since: float, now: float) -> list[tuple[float, int]]:
    """(time, open from then on), from `since` to `now`."""
    changes = [(each.opened, 1) for each in rows]
    changes += [(each.closed, -1) for each in rows if each.closed is not None]
    count = sum(change for at, change in changes if at <= since)
    series = [(since, count)]
    for at, change in sorted(each for each in changes if since < each[0] <= now):
        count += change
        series.append((at, count))
    return [*series, (now, count)]


def rotations(history: History, width: int) -> str:
    """What happened to whose key when: one row an IAM user."""
    names = list(dict.fromkeys([each.name for each in history.keys] +
                               [each.name for each in history.rotations]))  # fmt: skip
    left = 40 if width < 500 else min(180, 24 + 7 * max(map(len, names), default=0))
    row = 34 if width < 500 else 28
    plot = _Plot(
        width, 34 + row * max(1, len(names)), history.since, history.status.now, 0,
        max(1, len(names)), left=left,
    )  # fmt: skip
    parts = [_dates(plot)]
    for number, name in enumerate(names):
        y = plot.y(len(names) - number - 0.5)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - plot.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        if width < 500:  # above its row
            parts.append(f'<text x="4" y="{y - 8:.1f}">{_text(name)}</text>')
        else:
            cut = name if len(name) <= 22 else name[:21] + "…"
            parts.append(f'<text x="4" y="{y + 4:.1f}">{_text(cut)}</text>')
        for each in history.rotations:
            if each.name == name:
                tip = f"{_day(each.at)}: {each.name}, {each.kind}"
                if each.new_id:
                    tip += f", {short(each.old_id)} → {short(each.new_id)}"
                parts.append(
                    f'<g class="k{KINDS.index(each.kind)}">'
                    f"{_mark(each.kind, plot.x(each.at), y)}<title>{_text(tip)}</title></g>"
                )
    return _svg(plot, "Rotations of each key over time", parts)


def _mark(kind: str, x: float, y: float) -> str:
    """A shape of its own for each kind: colour alone tells not everybody."""
    if kind == "replaced":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>'
    if kind == "emergency":
        return f'<path d="M{x:.1f} {y - 7:.1f}l6.5 12h-13z"/>'
    if kind == "went back":
        return f'<path d="M{x - 7:.1f} {y:.1f}l11 -6.5v13z"/>'
    if kind == "given up":
        return f'<path d="M{x - 5:.1f} {y - 5:.1f}h10v10h-10z"/>'
    return f'<path d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z"/>'


def legend_mark(kind: str) -> str:
    """The same shape for the legend."""
    number = KINDS.index(kind)
    mark = _mark(kind, 8, 8)
    return f'<svg class="mark k{number}" width="16" height="16" aria-hidden="true">{mark}</svg>'


def audits(history: History, width: int) -> str:
    """Failed checks of each audit over time, and those that could not be told."""
    most = max((each.failed + each.unknown for each in history.audits), default=1)
    plot = _Plot(width, 220, history.since, history.status.now, 0, _nice(max(1, most)))
    parts = [_grid(plot, ""), _dates(plot)]
    for style, pick in (("c0", "failed"), ("c1 again", "unknown")):
        places = [(plot.x(each.at), plot.y(getattr(each, pick))) for each in history.audits]
        path = "".join(
            f"{'M' if number == 0 else 'L'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(places)
        )
        parts.append(f'<path class="line {style}" d="{path}"/>')
        parts += [
            f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places
        ]
    return _svg(plot, "Failed and unknown checks of each audit over time", parts)


def _svg(plot: _Plot, label: str, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {plot.width} {plot.height}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def _grid(plot: _Plot, unit: str) -> str:
    parts = []
    step = _step(plot.high - plot.low)
    value = -(-plot.low // step) * step
    while value <= plot.high + 1e-9:
        y = plot.y(value)
        text = f"{abs(value):.0f}" + (f" {unit}" if unit else "")
        parts.append(
            f'<line class="grid" x1="{plot.left}" x2="{plot.width - plot.right}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><text x="{plot.left - 6}" y="{y + 4:.1f}" text-anchor="end">{text}'
            "</text>"
        )
        value += step
    return "".join(parts)


def _dates(plot: _Plot) -> str:
    parts = []
    for at, text in _ticks(plot.since, plot.until, 10 if plot.width > 500 else 4):
        x = plot.x(at)
        base = plot.height - plot.bottom
        parts.append(
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>'
            f'<text x="{x:.1f}" y="{base + 17}" text-anchor="middle">{text}</text>'
        )
    return "".join(parts)


def _ticks(since: float, until: float, most: int) -> list[tuple[float, str]]:
    """At most about `most` marks: days, weeks, or the first days of months, in local time."""
    days = (until - since) / _DAY
    first = _local(since).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    if days > 75:
        every = max(1, -(-int(days / 30.4) // most))
        month = first.year * 12 + first.month
        while True:
            at = datetime(month // 12, month % 12 + 1, 1).astimezone()
            if at.timestamp() > until:
                break
            if month % every == 0:
                name = at.strftime("%b") if at.month > 1 else at.strftime("%b %Y")
                found.append((at.timestamp(), name))
            month += 1
        return found
    every = max(1, -(-int(days) // most))
    at = first + timedelta(days=1)
    while at.timestamp() <= until:
        found.append((at.timestamp(), f"{at.day} {at:%b}"))
        at += timedelta(days=every)
    return found


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


def _day(at: float) -> str:
    return f"{_local(at):%Y-%m-%d}"


def _bin_days(days: float, most: int) -> int:
    return next((each for each in (1, 2, 7, 14, 28, 56, 91) if days / each <= most), 182)


def _bins(since: float, until: float, step: float) -> list[float]:
    """The starts of bins of `step`, the last of which ends at `until`."""
    number = max(1, int(-(-(until - since) // step)))
    return [until - step * left for left in range(number, 0, -1)]


def _step(span: float) -> float:
    """A round distance of grid lines, four to eight of them; whole numbers only."""
    for each in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000):
        if span / each <= 6:
            return float(each)
    return 10.0 ** len(str(int(span)))


def _nice(value: float) -> float:
    step = _step(value)
    return float(-(-value // step) * step)


def short(key_id: str) -> str:
    """A key id that tells it from the others here, and is of no use elsewhere."""
    return f"{key_id[:4]}…{key_id[-4:]}" if len(key_id) > 12 else key_id or "?"


def _text(text: str) -> str:
    return escape(printable(text))
