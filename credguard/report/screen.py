"""`credguard status` as lines for a terminal of any width: one screen, what needs a look first."""

from dataclasses import dataclass, field
from shlex import quote

from credguard.report.cells import Line, Look, Span, hanging, padded, width
from credguard.report.overview import UNKNOWN, KeyStatus, RootStatus, Status
from credguard.report.text import printable
from credguard.report.users import short_names
from credguard.report.when import ago, later, minute

_ROWS = 20
_FINDINGS = 10
_WIDE = 76  # from here on an entry is one line
_LABEL = 10
_DAY = 86400.0
_GLOBAL, _TEMPLATE = "--global", "--template"


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something with an age. `share`: of the age it may reach, None: not known, or no limit."""

    name: str
    code: str
    share: float | None
    age: str
    then: str
    style: str = ""
    dim: bool = False
    notes: list[str] = field(default_factory=list)


def screen(status: Status, look: Look) -> list[Line]:
    """The whole screen, at most `look.columns` wide where no single word is wider."""
    lines = [_head(status, look), []]
    lines += _basics(status, look)
    lines += _attention(status, look)
    groups = [
        ("Keys", _keys(status), "none, put one in with: credguard import"),
        ("Passwords", _passwords(status), ""),
        ("SSH keys", _ssh(status), ""),
    ]
    told = [each for _, entries, _ in groups for each in entries]
    unread = bool(status.unreadable)
    for title, entries, otherwise in groups:
        if entries:
            lines += [[], [Span(title, "bold")]]
            for each in entries:
                lines += _entry(each, told, look)
        elif otherwise and not unread:
            lines += [[], *hanging(title, otherwise, look.columns, style="dim")]
    if unread:
        text = "keys, hooks, folders and findings may be more than shown: UNKNOWN"
        lines += [[], *hanging("", text, look.columns, style="warn")]
        if not (status.hooks or status.watched or status.open_findings):
            return lines
    lines += _hooks(status, look) + _watched(status, look) + _findings(status, look)
    if not unread:
        lines += [[], *_audit(status, look)]
    return lines


def needs(status: Status) -> list[str]:
    """What needs a person's look, a few words each, the gravest first."""
    found = [f"unreadable: {each}" for each in status.unreadable]
    found += [f"leak: {each.title}" for each in status.leaks]
    found += [f"key {each.state}" for each in _distinct(status) if each.state in _BAD]
    found += [f"rotation {each.state}" for each in status.resting if each.why]
    found += [f"problem: {each.subject}" for each in status.problems]
    overdue = [each for each in _distinct(status) if _over(each.due_in_days)]
    found += [f"key of {each.profile} is due" for each in overdue if not each.consent]
    unknown = [each for each in _distinct(status) if each.due_in_days is None]
    found += [f"next rotation of {each.profile} UNKNOWN" for each in unknown]
    found += ["password due" for _ in status.passwords_due]
    found += ["password UNKNOWN" for each in status.passwords if each.state == "unknown"]
    found += ["SSH key old" for each in status.ssh if _over(each.due_in_days)]
    found += [f"hook {each.state}" for each in status.hooks if each.state != "installed"]
    found += [f"folder {each.state}" for each in status.watched if each.state != "ok"]
    found += ["open finding" for _ in status.open_findings]
    runs = status.daemon == "running" or status.service == "scheduled"
    if (status.keys or status.watched) and not runs:
        found.append("no service")
    found += ["no vault"] if status.vault_state == "missing" and status.keys else []
    found += ["audit failed"] if status.audit and status.audit.failed else []
    return found


def _over(days: float | None) -> bool:
    return days is not None and days <= 0


_BAD = ("leaked", "locked out", UNKNOWN)


def _head(status: Status, look: Look) -> Line:
    what = needs(status)
    used = status.keys or status.hooks or status.watched or status.ssh or what
    if not used and status.vault_state == "missing":
        text, style = "nothing is set up yet: credguard init", "dim"
    elif not what:
        text, style = f"{look.marks['good']} all is well", "good"
    else:
        noun = "thing needs" if len(what) == 1 else "things need"
        text, style = f"{look.marks['warn']} {len(what)} {noun} a look", "warn"
    gap = max(2, min(look.columns, 80) - width("credguard") - width(text))
    return [Span("credguard", "bold"), Span(" " * gap), Span(text, style)]


def _basics(status: Status, look: Look) -> list[Line]:
    state = {UNKNOWN: "not asked", "missing": "none yet: credguard init"}
    shown = state.get(status.vault_state, status.vault_state)
    if status.vault_backend == UNKNOWN:
        shown = UNKNOWN
    lines = hanging("Vault", f"{status.vault_backend} ({shown})", look.columns)
    service = status.service if status.service != "unknown" else UNKNOWN
    text = f"{status.daemon}; service {service}"
    if status.last_tick is not None:
        text += f"; last look for due keys {ago(status.now - status.last_tick)}"
    style = "" if status.daemon == "running" else "warn"
    lines += hanging("Daemon", text, look.columns, style=style)
    if status.daemon == "stopped" and status.service == "not installed":
        lines += hanging("", "start it: credguard service install", look.columns, style="dim")
    return lines


def _attention(status: Status, look: Look) -> list[Line]:
    lines: list[Line] = []
    for leak in status.leaks:
        when = f"answered {later(leak.due - status.now)}" if leak.state == "waiting" else leak.state
        text = f"{printable(leak.title)} got out, {when}; see: credguard leak list"
        lines += hanging("Leak", text, look.columns, style="bad")
    for problem in status.problems:
        text = f"{printable(problem.subject)}, since {minute(problem.since)}:"
        lines += hanging("Problem", text, look.columns, style="warn")
        lines += hanging("", printable(problem.what), look.columns)
        if problem.hint:
            lines += hanging("", printable(problem.hint), look.columns, style="dim")
    if status.rotations_midway:
        text = f"{status.rotations_midway} on the way, see: credguard rotate --status"
        lines += hanging("Rotation", text, look.columns)
    if status.passwords_due:
        due = ", ".join(printable(users(status)[each]) for each in status.passwords_due)
        text = f"of {due} is due, run: credguard password rotate PROFILE"
        lines += hanging("Password", text, look.columns, style="warn")
    return lines


def _distinct(status: Status) -> list[KeyStatus]:
    """One for each key, however many profiles hand it out; the next one due first."""
    first = {each.key_id: each for each in reversed(status.keys)}.values()
    return sorted(
        first, key=lambda each: (each.due_in_days is None, each.due_in_days, each.profile)
    )


def _keys(status: Status) -> list[_Entry]:
    entries = []
    for key in _distinct(status):
        group = [each for each in status.keys if each.key_id == key.key_id]
        names = ", ".join(printable(each.profile) for each in group)
        share = None
        if key.age_days is not None and key.max_age_days:
            share = key.age_days / key.max_age_days
        age = UNKNOWN if key.age_days is None else f"{max(0.0, key.age_days):.0f} d"
        then, style, notes = _key_then(key, all(each.consent for each in group))
        entries.append(_Entry(names, key.key_id, share, age, then, style, notes=notes))
    for rest in status.resting:
        then = f"{rest.state}: {rest.next_step}"
        if rest.next_at is not None:
            then += f" {later(rest.next_at - status.now)}"
        notes = [printable(rest.why)] if rest.why else []
        entries.append(
            _Entry(f"({printable(users(status)[rest.identity])})", rest.key_id, None, "", then,
                   "warn" if rest.why else "", dim=not rest.why, notes=notes)
        )  # fmt: skip
    return entries


def _key_then(key: KeyStatus, agreed: bool) -> tuple[str, str, list[str]]:
    """What comes next, its style, and what to type."""
    if key.state == "leaked":
        return (
            "leaked",
            "bad",
            [f"replace it at once: credguard rotate --emergency {quote(key.profile)}"],
        )
    if key.state in _BAD:
        return key.state, "bad", [printable(key.next_step)]
    if key.state != "active":
        return f"{key.state}: {key.next_step}", "", []
    if key.due_in_days is None:
        return f"next {UNKNOWN}", "warn", []
    style = "bad" if key.due_in_days <= 0 else ""
    then = "due now" if key.due_in_days <= 0 else f"next {later(key.due_in_days * _DAY)}"
    needed = f"needs your yes: credguard rotate {quote(key.profile)} --yes"
    return then, style, [] if agreed else [needed]


def _passwords(status: Status) -> list[_Entry]:
    entries = []
    for row in status.passwords:
        share, age, then, style = None, UNKNOWN, f"next {UNKNOWN}", ""
        if row.age_days is not None:
            age = f"{row.age_days:.0f} d"
        if row.age_days is not None and row.due_in_days is not None:
            limit = row.age_days + row.due_in_days
            share = row.age_days / limit if limit > 0 else 1.0
            then = "due now" if row.due_in_days <= 0 else f"due {later(row.due_in_days * _DAY)}"
            style = "bad" if row.due_in_days <= 0 else ""
        if row.state in ("midway", "unknown"):
            then, style = f"change {row.state}", "warn"
        entries.append(_Entry(printable(users(status)[row.identity]), "", share, age, then, style))
    return entries


def _ssh(status: Status) -> list[_Entry]:
    entries = []
    for each in status.ssh:
        then = f"in {', '.join(each.regions)}" if each.regions else "not registered"
        share, notes = None, []
        if each.due_in_days is not None:
            limit = each.age_days + each.due_in_days
            share = each.age_days / limit if limit > 0 else 1.0
            if each.due_in_days <= 0:
                notes = [f"it is old: credguard ssh rotate {quote(each.name)}"]
        age = f"{max(0.0, each.age_days):.0f} d"
        entries.append(_Entry(printable(each.name), "", share, age, then, notes=notes))
    return entries


def _entry(each: _Entry, told: list[_Entry], look: Look) -> list[Line]:
    """One entry: a line where there is room, two in a narrow terminal, and its notes below."""
    base = "dim" if each.dim else ""
    if look.columns >= _WIDE:
        cells = 14 if look.columns >= 100 else 10
        code = max(width(one.code) for one in told)
        age = max(width(one.age) for one in told)
        most = look.columns - 2 - 2 - code - 2 - cells - 2 - age - 2 - 16
        name = max(8, min(max(width(one.name) for one in told), most))
        middle = [*_bar(each, cells, look), Span("  " + each.age.rjust(age) + "  ", base)]
        lines: list[Line] = [
            [
                Span("  " + padded(look.clip(each.name, name), name) + "  ", base),
                Span(padded(each.code, code) + "  ", base or "dim"),
                *(middle if each.age else []),
                Span(each.then, base or each.style),
            ]
        ]
        if sum(width(span.text) for span in lines[0]) > look.columns:
            lines[0].pop()
            lines += hanging("", each.then, look.columns, indent=4, style=base or each.style)
    else:
        right = f"{each.age}  {each.then}".strip()
        room = look.columns - 4 - width(right)
        if room < 8:  # what comes next is long: on a line of its own
            lines = [[Span("  " + look.clip(each.name, look.columns - 2), base)]]
            lines += hanging("", right, look.columns, indent=4, style=base or each.style)
        else:
            shown = padded(look.clip(each.name, room), room)
            lines = [[Span(f"  {shown}  ", base), Span(right, base or each.style)]]
        if each.code or each.share is not None:
            lines.append([Span("    "), *_bar(each, 10, look), Span("  " + each.code, "dim")])
    for note in each.notes:
        lines += hanging("", printable(note), look.columns, indent=4, style=each.style or "warn")
    return lines


def _bar(each: _Entry, cells: int, look: Look) -> Line:
    if each.share is None:
        return [Span(" " * cells)]
    full = max(0, min(cells if each.share >= 1 else cells - 1, round(each.share * cells)))
    style = "bad" if each.share >= 1 else "warn" if each.share >= 0.8 else "good"
    return [
        Span(look.marks["full"] * full, style),
        Span(look.marks["rest"] * (cells - full), "dim"),
    ]


def _hooks(status: Status, look: Look) -> list[Line]:
    if not status.hooks:
        text = "none, install with: credguard hook install"
        return [[], *hanging("Hooks", text, look.columns, style="dim")]
    lines: list[Line] = [[], [Span("Hooks", "bold")]]
    for each in status.hooks[:_ROWS]:
        names = {_GLOBAL: "every repository", _TEMPLATE: "repositories made from now on"}
        path = names.get(each.repository) or printable(look.tilde(each.repository))
        mark, note = {
            "installed": ("good", ""),
            "partly": (
                "warn",
                f"some are missing: credguard hook install {quote(each.repository)}",
            ),
            "shadowed": (
                "bad",
                f"git takes others: credguard hook install {quote(each.repository)}",
            ),
            "gone": ("unknown", "the repository is gone"),
        }.get(each.state, ("unknown", each.state))
        lines += _marked(mark, path, printable(note), look)
    return lines + _more(len(status.hooks), _ROWS, look)


def _marked(mark: str, path: str, note: str, look: Look) -> list[Line]:
    """A place with how it is; the note beside it, or below where there is no room."""
    style = {"good": "good", "warn": "warn", "bad": "bad"}.get(mark, "warn")
    first = [Span(f"  {look.marks[mark]} ", style)]
    shown = look.clip(path, look.columns - 4, keep_end=True)
    colour = "dim" if mark == "good" else style
    if note and width(shown) + width(note) + 6 <= look.columns:
        return [[*first, Span(shown + "  "), Span(note, colour)]]
    below = hanging("", note, look.columns, indent=6, style=colour) if note else []
    return [[*first, Span(shown)], *below]


def _more(number: int, shown: int, look: Look) -> list[Line]:
    if number <= shown:
        return []
    text = f"and {number - shown} more: credguard status --json"
    return hanging("", text, look.columns, indent=2, style="dim")


def _watched(status: Status, look: Look) -> list[Line]:
    if not status.watched:
        text = "nothing, choose a folder: credguard watch add PATH"
        return [[], *hanging("Watched", text, look.columns, style="dim")]
    lines: list[Line] = [[], [Span("Watched", "bold")]]
    for each in status.watched[:_ROWS]:
        path = printable(look.tilde(each.path))
        if each.state != "ok":
            lines += _marked("bad", path, each.state, look)
        else:
            mark = "warn" if each.open_findings else "good"
            lines += _marked(mark, path, _counts(each, status.now), look)
    return lines + _more(len(status.watched), _ROWS, look)


def _counts(each: RootStatus, now: float) -> str:
    parts = []
    if each.open_findings:
        parts.append(f"{each.open_findings} finding{'s' * (each.open_findings > 1)}")
    if each.files is not None and each.looked_at is not None:
        many = f"{each.files:,} file{'s' * (each.files > 1)}," if each.files else "empty when"
        parts.append(f"{many} looked at {ago(now - each.looked_at)}")
    left = printable(", ".join(each.left_out))
    return ", ".join([*parts, f"without network folders: {left}"] if left else parts)


def _findings(status: Status, look: Look) -> list[Line]:
    found = status.open_findings
    if not found:
        # Nobody looked where nothing is watched: then that is not a clean bill.
        if not status.watched:
            text, style = "UNKNOWN, nothing is watched", "dim"
        elif status.daemon != "running":
            text = f"none known, but nobody looks: the service is {status.daemon}"
            style = "warn"
        else:
            text, style = "none open", "good"
        return [[], *hanging("Findings", text, look.columns, style=style)]
    lines: list[Line] = [[], [Span("Findings", "bold"), Span(f"  {len(found)} open", "bad")]]
    advice = "what to do: credguard watch findings"
    if look.columns >= 60:
        lines[-1].append(Span(f"  {advice}", "dim"))
    else:
        lines += hanging("", advice, look.columns, indent=2, style="dim")
    for each in found[:_FINDINGS]:
        place = printable(look.tilde(each.path)) + f":{each.line}"
        about = f"{each.rule_id}  {printable(each.masked)}"
        about += f"  {ago(status.now - each.first_seen)}"
        if width(place) + width(about) + 4 <= look.columns:
            lines.append([Span("  " + place + "  "), Span(about, "dim")])
        else:
            lines.append([Span("  " + look.clip(place, look.columns - 2, keep_end=True))])
            lines += hanging("", about, look.columns, indent=4, style="dim")
    return lines + _more(len(found), _FINDINGS, look)


def _audit(status: Status, look: Look) -> list[Line]:
    audit = status.audit
    if audit is None:
        return hanging(
            "Audit", "none was made yet, run: credguard audit", look.columns, style="dim"
        )
    text = f"{audit.passed} passed, {audit.failed} failed"
    if audit.unknown:
        text += f", {audit.unknown} {UNKNOWN}"
    text += f"; {ago(status.now - audit.at)}"
    if audit.failed:
        text += "; again, with what to do: credguard audit"
    style = "bad" if audit.failed else "warn" if audit.unknown else "good"
    return hanging("Audit", text, look.columns, style=style)


def users(status: Status) -> dict[str, str]:
    """What a person calls each IAM user of it."""
    found = [each.identity for each in status.keys]
    found += [each.identity for each in status.resting]
    found += [each.identity for each in status.passwords]
    return short_names([*found, *status.passwords_due])
