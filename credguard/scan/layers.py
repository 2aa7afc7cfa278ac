"""Everything a text holds: the text itself, what is encoded in it, what its archives hold.

Loaded only when the one pass of the engine, or the first bytes, say that there may be more than
the text. Breadth first and in turns, so that junk before a secret cannot keep it from being read;
bounded in bytes, depth, count and, by a callable, in time. What was cut short is told.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

from credguard.scan.containers.members import STREAMS, members
from credguard.scan.containers.zips import is_whole
from credguard.scan.decode.layer import SAME, WHOLE, Layer, Pieces
from credguard.scan.decode.runs import base64_layers, hex_layers
from credguard.scan.decode.streams import kind
from credguard.scan.decode.text import FORMS, form_layers, wide_layers
from credguard.scan.engine import SHORT, Engine, beside, ends_as_zip, layered, plain
from credguard.scan.found import Found, in_order, placed
from credguard.scan.model import HIGH, JUDGED, UNJUDGED, Finding, Limits

_LEAST, _RATIO = 48 << 20, 8
_MEMBER = 32 << 20
_WAITING = 24 << 20
_SURE = 1024
# So many places are judged in all that a file has packed, and one more for so many of its bytes; so
# many again in what is encoded: a text that five ways to write are mixed in is a hundred layers.
_PLACES, _PLACE_BYTES = 8_000, 2_500
_PLACES_LEAST = 64
# Of what is encoded so many times its size is read, and at least so much: each pass costs alike.
_DECODED, _DECODED_LEAST = 3, 4 << 20
_TOO_LARGE = 8  # so many that do not fit are made before no more is tried
# Not zlib: two bytes are a weak sign, and a text may begin with them.
_STREAMED = frozenset((each,) for each in STREAMS)
_CLOSED = ("gzip", "bz2", "xz", "zstd", "zip")
_BASE64_PROBES = frozenset(("decode.base64", "decode.base64-named"))
_OWN = 9
_MARKUP = (b".xml", b".html", b".htm", b".xhtml", b".rels")


def scan_below(
    engine: Engine,
    data: bytes,
    path: bytes,
    found: list[Finding] | Found,
    probed: dict[str, list[int]],
    limits: Limits | None = None,
) -> tuple[Iterator[list[Finding]], list[tuple[bytes, str]]]:
    """What `credguard.scan.whole.in_parts` gives, of an examined text: `found`, `probed` of it."""
    walk = Walk(engine, limits or Limits())
    walk.enter(Layer(data, path), found, probed)
    for _ in walk:
        pass
    return walk.scanned()


class Walk:
    """Gives each layer below the text once, after its secrets were noted: iterate, then `scanned`.

    Another reader of the layers, such as a search for known values, takes them from here.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        """Begin with `enter`."""
        self._engine = engine
        self._limits = limits
        self._left = 0
        self._places = {True: _PLACES, False: _PLACES}  # in what is encoded, in what is packed
        self._decoded, self._too_large = _DECODED_LEAST, 0
        self._members = limits.members
        self._waiting = 0
        self._turns: deque[tuple[int, Iterator[Layer]]] = deque()
        self._found: list[Finding | None] = []
        # Those of texts where they are very many; the numbers of each begin at -1, or where those
        # of the text before end, and count down.
        self._many: list[Found] = []
        self._begin: list[int] = []
        self._next = 0
        # What a container's own bytes show, by rule and value: its member's, where one has it.
        self._outside: dict[tuple[str, bytes], list[int]] = {}
        self._known: set[tuple[bytes, str, bytes, int]] = set()
        self._problems: dict[tuple[bytes, str], None] = {}
        self._unjudged: dict[bytes, int] = {}

    def enter(
        self, layer: Layer, found: list[Finding] | Found, probed: dict[str, list[int]]
    ) -> None:
        """Take the text itself, examined."""
        size = self._limits.size
        self._left = max(_LEAST, _RATIO * len(layer.data)) if size is None else size
        self._decoded = max(self._decoded, _DECODED * len(layer.data))
        self._note(layer, found)
        self._push(layer, probed)

    def __iter__(self) -> Iterator[Layer]:
        """Each layer, in turns: one of every source that has more, shallow before deep."""
        while self._turns:
            # Far more waiting than that is held in memory only for fairness: finish the last first.
            size, source = self._turns.popleft() if self._waiting < _WAITING else self._turns.pop()
            layer = next(source, None)
            if layer is None:
                self._waiting -= size
                continue
            is_decoded = layer.parent is not None and layer.via[-1:] not in _STREAMED
            if is_decoded and self._too_large > _TOO_LARGE:
                self._waiting -= size
                continue
            self._turns.append((size, source))
            if is_decoded and (_is_known(layer) or not self._may_read(layer)):
                continue
            if self._limits.expired():
                self._problem(layer.path, "took too long; what is encoded deeper was not read")
                return
            self._left -= len(layer.data)
            if self._left < 0:
                self._problem(layer.path, "holds more than is read of one file")
                return
            if is_decoded:
                self._decoded -= len(layer.data)
            else:
                self._places[False] += len(layer.data) // _PLACE_BYTES
                self._decoded += _DECODED * len(layer.data)
            share = left = self._places[is_decoded]
            if is_decoded:  # half of it: what comes first takes nothing from what is encoded deeper
                share = min(left, max(_PLACES_LEAST, left // 2))
            found, probed = self._engine.look(layer.data, layer.path, None, share)
            self._places[is_decoded] -= sum(probed.get(JUDGED, ()))
            self._note(layer, found)
            self._push(layer, probed)
            yield layer

    def _may_read(self, layer: Layer) -> bool:
        if len(layer.data) > self._decoded:
            self._problem(layer.path, "has more that is encoded than is read of one file")
            self._too_large += 1
            return False
        return True

    def scanned(self) -> tuple[Iterator[list[Finding]], list[tuple[bytes, str]]]:
        """What was found so far, in parts and in order, and what was not read."""
        found = [each for each in self._found if each is not None]
        found.sort(key=placed)
        for path, count in self._unjudged.items():
            self._problem(path, f"has too many places like secrets: {count} were not judged")
        return in_order(self._many, found), sorted(self._problems)

    def _problem(self, path: bytes, why: str) -> None:
        self._problems[(path, why)] = None

    def _push(self, layer: Layer, probed: dict[str, list[int]]) -> None:
        deepest = self._limits.depth
        sources: list[Iterator[Layer]] = []
        if UNJUDGED in probed:
            count = sum(probed[UNJUDGED])
            self._unjudged[layer.path] = self._unjudged.get(layer.path, 0) + count
        packed = kind(layer.data)
        parent = layer.parent
        if parent is not None and layer.via != parent.via and layer.data[:4] == parent.data[:4]:
            packed = ""  # another way to read the text beside a head that was read already
        if packed:
            if layer.nested >= deepest or (packed in STREAMS and layer.depth >= deepest):
                self._problem(layer.path, f"holds more than {deepest} archives in one another")
            else:
                sources.append(self._inside(layer, packed))
        elif ends_as_zip(layer.data) and layer.nested < deepest and is_whole(layer.data):
            sources.append(self._inside(layer, "zip"))
        markup = layer.nested and layer.path.lower().endswith(_MARKUP)
        # What is compressed holds no text of its own, only bytes that look like one by chance.
        if packed not in _CLOSED and (layered(layer.data, probed) or markup):
            sources.append(self._encoded(layer, probed))
        for source in sources:
            self._turns.append((len(layer.data), source))
            self._waiting += len(layer.data)

    def _encoded(self, layer: Layer, probed: dict[str, list[int]]) -> Iterator[Layer]:
        """What is written in another way in a layer, one after the other."""
        if layer.depth >= self._limits.depth:
            for each in self._forms(layer, probed):
                if any(each.data.split()):
                    self._problem(
                        layer.path, f"is encoded more than {self._limits.depth} times over"
                    )
                    return
            return
        yield from self._forms(layer, probed)

    @staticmethod
    def _forms(layer: Layer, probed: dict[str, list[int]]) -> Iterator[Layer]:
        # In a long text where nothing told of base64, what looks like it is names.
        if layer.depth or len(layer.data) <= SHORT or not _BASE64_PROBES.isdisjoint(probed):
            yield from base64_layers(layer)
        if "decode.hex" in probed or len(layer.data) <= SHORT:
            yield from hex_layers(layer)
        for name in ("percent", "escapes", "entities", "quoted-printable"):
            if "decode." + name in probed:
                yield from form_layers(layer, name)
        markup = layer.path.lower().endswith(_MARKUP)
        if markup and ("decode.tags" in probed or layer.nested) and layer.depth == 0:
            yield from form_layers(layer, "tags")
        if "decode.wide" in probed:
            yield from wide_layers(layer)

    def _cap(self) -> int:
        return max(0, min(_MEMBER, self._left))

    def _inside(self, layer: Layer, packed: str) -> Iterator[Layer]:
        """What a container or a compressed stream holds, each member a root of its own."""
        via = (*layer.via, packed)
        if self._members <= 0:  # told before the next of 100,000 is unpacked
            self._problem(layer.path, "holds more members than are read of one file")
            return
        for name, data, problem, rest in members(packed, layer.data, layer.path, self._cap):
            if rest >= 0:
                yield self._rest(layer, rest)
            shown = layer.path if not name else layer.path + b"!" + name
            # Two bytes are a weak sign: one hash of thousands begins as a zlib stream does.
            if problem and not (packed == "zlib" and len(data) < _SURE):
                self._problem(shown, problem)
            self._members -= 1
            if self._members < 0:
                self._problem(layer.path, "holds more members than are read of one file")
                return
            if not data:
                if self._limits.expired():
                    self._problem(layer.path, "took too long; what is packed after was not read")
                    return
                continue
            if layer.parent is not None and packed in STREAMS:
                pieces = Pieces()
                pieces.add(0, 0, len(layer.data), WHOLE)
                yield Layer(data, layer.path, via, layer, pieces, layer.nested)
            else:
                text = plain(data)
                yield Layer(text, shown, via, None, None, layer.nested + 1)
                if text is not data:  # what a program added that knows no such encoding
                    yield Layer(beside(data), shown, via, None, None, layer.nested + 1)

    @staticmethod
    def _rest(layer: Layer, start: int) -> Layer:
        """What follows a container's end in the same file: a text, or another container."""
        pieces = Pieces()
        pieces.add(0, start, len(layer.data), SAME)
        return Layer(layer.data[start:], layer.path, layer.via, layer, pieces, layer.nested)

    def _note(self, layer: Layer, found: list[Finding] | Found) -> None:
        """Keep of `found` in `layer` what is not known from a layer above."""
        via = ">".join(layer.via)
        outside = bool(kind(layer.data)) or ends_as_zip(layer.data)
        if isinstance(found, Found) and layer.parent is None and not outside:
            self._note_many(layer, found)
            return
        noted: list[tuple[int, int, int, int]] = []
        layer.found = noted
        for each in found:
            start = each.offset
            if outside:
                self._outside.setdefault((each.rule_id, each.value), []).append(len(self._found))
            elif layer.nested:
                for index in self._outside.pop((each.rule_id, each.value), ()):
                    self._drop(index)
            end = start + len(each.value)
            if layer.parent is not None and not self._lead_back(layer, each, start, end):
                continue
            each.via = ">".join(part for part in (via, each.via) if part)
            noted.append((start, end, _rank(each), len(self._found)))
            self._found.append(each)

    def _note_many(self, layer: Layer, found: Found) -> None:
        """Keep all of them, which a root has, as the numbers that they are."""
        found.reached_by(*layer.via)
        if layer.nested and self._outside:
            for each in found:
                for index in self._outside.pop((each.rule_id, each.value), ()):
                    self._drop(index)
        layer.found = found.places(_rank_of, -1 - self._next)
        self._many.append(found)
        self._begin.append(self._next)
        self._next += len(found)

    def _has(self, index: int) -> bool:
        if index >= 0:
            return self._found[index] is not None
        number = bisect_right(self._begin, -1 - index) - 1
        return self._many[number].has(-1 - index - self._begin[number])

    def _drop(self, index: int) -> None:
        if index >= 0:
            self._found[index] = None
            return
        number = bisect_right(self._begin, -1 - index) - 1
        self._many[number].drop(-1 - index - self._begin[number])

    def _lead_back(self, layer: Layer, finding: Finding, start: int, end: int) -> bool:
        """Give `finding` its place in the root; False: it is there already."""
        if layer.pieces.beside(start):
            return False
        if finding.signals and finding.confidence < HIGH and layer.pieces.named(start):
            return False  # name and value were judged together above, the value as it is written
        weaker: list[int] = []
        while layer.parent is not None:
            start, end = layer.pieces.span(start, end)
            layer = layer.parent
            for rank, index in _overlapping(layer.found, start, end):
                if self._has(index) and rank >= _rank(finding):
                    return False
                weaker.append(index)
        finding.line, finding.column = layer.place(start)
        finding.end_line = layer.place(max(start, end - 1))[0]
        known = (finding.path, finding.rule_id, finding.value, finding.line)
        if known in self._known:
            return False
        self._known.add(known)
        for index in weaker:
            self._drop(index)
        return True


def _is_known(layer: Layer) -> bool:
    """Whether the same text was made of the same layer before, its forms read in another order."""
    forms: list[str] = []
    source = layer
    while source.parent is not None and source.via and source.via[-1] in FORMS:
        forms.append(source.via[-1])
        source = source.parent
    if len(forms) < 2:
        return False
    size = len(source.made)
    source.made.add((*sorted(forms), hash(layer.data)))
    return len(source.made) == size


def _rank(finding: Finding) -> int:
    """How sure: a vendor's rule more than a general one, of a like confidence; own secrets most."""
    return _rank_of(finding.confidence, bool(finding.signals), bool(finding.own))


def _rank_of(confidence: int, weighed: bool, own: bool) -> int:
    return _OWN if own else 2 * confidence - weighed


def _overlapping(
    found: Sequence[tuple[int, int, int, int]], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Rank and number of those of `found`, disjoint and by place, that touch the range."""
    at = bisect_left(found, (start,))
    if at and found[at - 1][1] > start:
        at -= 1
    while at < len(found) and found[at][0] < end:
        yield found[at][2], found[at][3]
        at += 1
