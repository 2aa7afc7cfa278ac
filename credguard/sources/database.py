"""The compiled rules: built once, kept in the cache folder, loaded in a few milliseconds.

The hook loads this module: Hyperscan's extension module is loaded by its file, since its package
imports `typing` (8 of the 11 ms that `import hyperscan` takes).
"""

from __future__ import annotations

import os
import sys

from credguard.errors import CredguardError
from credguard.scan.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "rules.hsdb"
_SCAN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "scan")
# The file: this mark, size and checksum of what comes next (8 bytes each), the marshalled stamp
# and rows, and the serialised database, which carries a checksum of its own.
_MARK = b"credguard rules 5\n"
_HEAD = len(_MARK) + 16
_MOST_BYTES = 256 << 20


def load_engine(cache_dir: str) -> Engine:
    """The engine over the built-in rules, from the cache file in `cache_dir` where that fits.

    The file is ours and 0600, or it is not read; it is rebuilt (about a second) when rules, library
    or processor changed. A folder that cannot be written costs the rebuild each time, nothing else.
    Raises CredguardError when the rules or Hyperscan cannot be loaded.
    """
    hyperscan = extension()
    stamp = rules_stamp()
    path = os.path.join(cache_dir, _NAME)
    packed = _read(path)
    if packed is not None and packed[0] == stamp:
        try:
            database = hyperscan.loadb(packed[2], hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
            return Engine(database, packed[1], packed[3], packed[4])
        except hyperscan.error:
            pass  # damaged, or built for another processor: build it again
    return _build(hyperscan, os.path.join(_SCAN, "rules"), stamp, path)


def rules_stamp() -> Any:
    """What changes with the rules, with what compiles them, the library or the interpreter.

    Raises CredguardError when the rules or Hyperscan cannot be found.
    """
    names = ("rules.py", "probes.py", "marks.py", "versions.py")
    below = [os.path.join(each, "probes.py") for each in ("general", "decode")]
    sources = (*(os.path.join(_SCAN, name) for name in (*names, *below)), extension().__file__)
    rules = os.path.join(_SCAN, "rules")
    return (_folder_stamp(rules), *(_stamp(source) for source in sources), sys.hexversion)


def _stamp(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _folder_stamp(path: str) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """Each file of the folder of rules, with its stamp: some 50 us for 16 files."""
    try:
        found = sorted(name for name in os.listdir(path) if name.endswith((".toml", ".txt")))
        return tuple((name, _stamp(os.path.join(path, name))) for name in found)
    except OSError as exc:
        raise CredguardError(
            f"the rules cannot be read: {exc}", hint="run ./install.sh again"
        ) from exc


def read_rules(folder: str = "") -> tuple[list[str], str]:
    """The texts of the package's rules, AWS first, and the list of services. Raises OSError."""
    folder = folder or os.path.join(os.path.dirname(os.path.dirname(__file__)), "scan", "rules")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
    texts = []
    for name in [*names, "services.txt"]:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read())
    return texts[:-1], texts[-1]


def extension() -> Any:
    """The module `hyperscan._hs_ext` without its package's __init__."""
    import _frozen_importlib_external as loaders
    from _frozen_importlib import ModuleSpec

    known = sys.modules.get("hyperscan._hs_ext")
    if known is not None:
        return known
    for folder in sys.path:
        package = os.path.join(folder, "hyperscan")
        for suffix in loaders.EXTENSION_SUFFIXES:
            file = os.path.join(package, "_hs_ext" + suffix)
            if os.path.exists(file):
                loader = loaders.ExtensionFileLoader("_hs_ext", file)
                spec = ModuleSpec("_hs_ext", loader, origin=file)
                module = loader.create_module(spec)
                loader.exec_module(module)
                module.__file__ = file
                return module
    raise CredguardError(
        "the scanner's library hyperscan is not installed", hint="run ./install.sh again"
    )


def _read(path: str) -> Any:
    """(stamp, rows, database, probes, marks); None: absent, not ours, damaged or not readable."""
    try:
        # Non-blocking: a FIFO in its place must not hang the commit.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            return None
        if status.st_size > _MOST_BYTES:  # never ours, and more than the memory that we take
            return None
        # The database is read by itself: cutting it out of the whole would copy its 3 MB.
        head = _exactly(descriptor, _HEAD)
        if not head.startswith(_MARK) or len(head) < _HEAD:
            return None
        size = int.from_bytes(head[len(_MARK) : len(_MARK) + 8], "little")
        if size > status.st_size:
            return None
        packed = _exactly(descriptor, size)
        if len(packed) != size or _checksum(packed) != head[len(_MARK) + 8 :]:
            return None
        database = _exactly(descriptor, status.st_size - _HEAD - size)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    from marshal import loads

    # Marshal trusts its input: the file is ours alone, see the modes above, and whole.
    stamp, rows, probes, marks = loads(packed)  # noqa: S302
    return stamp, rows, database, probes, marks


def _exactly(descriptor: int, size: int) -> bytes:
    """The next `size` bytes; fewer: the file ends before."""
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def _checksum(data: bytes) -> bytes:
    from _imp import source_hash  # SipHash, as for .pyc files; costs no import

    return bytes(source_hash(0, data))


def _pack(stamp: Any, database: bytes, *parts: Any) -> bytes:
    from marshal import dumps

    packed = dumps((stamp, *parts))
    return _MARK + len(packed).to_bytes(8, "little") + _checksum(packed) + packed + database


def _build(hyperscan: Any, rules: str, stamp: Any, path: str) -> Engine:
    from credguard.atomic import write_private
    from credguard.scan.marks import marks
    from credguard.scan.probes import all_probes
    from credguard.scan.rules import decodable, parse, rows, scan_patterns

    try:
        tables = parse(*read_rules(rules))
        probes = all_probes(decodable(tables))
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        patterns = [(one, n) for n, each in enumerate(tables) for one in scan_patterns(each)]
        flags = [0] * len(patterns)
        for n, (_, pattern, once) in enumerate(probes, len(tables)):
            patterns.append((pattern, n))
            flags.append(hyperscan.HS_FLAG_SINGLEMATCH if once else 0)
        database.compile(
            expressions=[pattern for pattern, _ in patterns],
            ids=[number for _, number in patterns],
            elements=len(patterns),
            flags=flags,
        )
        table_rows = rows(tables)
        marked = _marks(hyperscan, marks(table_rows, probes))
    except (OSError, ValueError, hyperscan.error) as exc:
        raise CredguardError(
            f"the rules cannot be compiled: {exc}", hint="run ./install.sh again"
        ) from exc
    names = tuple(probe[0] for probe in probes)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_private(path, _pack(stamp, hyperscan.dumpb(database), table_rows, names, marked))
    except OSError:
        pass  # a read-only home: the engine works, only slower next time
    return Engine(database, table_rows, names, marked)


def _marks(hyperscan: Any, patterns: list[bytes]) -> bytes:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=patterns,
        ids=[0] * len(patterns),
        elements=len(patterns),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(patterns),
    )
    return bytes(hyperscan.dumpb(database))


def load_marks(engine: Engine) -> Any:
    """The database of `engine.marks`. Raises CredguardError: the file is damaged."""
    hyperscan = extension()
    try:
        database = hyperscan.loadb(engine.marks, hyperscan.HS_MODE_BLOCK)
    except hyperscan.error as exc:
        raise CredguardError(
            f"the compiled rules are damaged: {exc}", hint="run ./install.sh again"
        ) from exc
    database.scratch = hyperscan.Scratch(database)
    return database
