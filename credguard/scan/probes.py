"""Patterns that are no rules: they tell, in the same pass, where to look more closely.

Only the build of the compiled database imports this.
"""

from collections.abc import Iterable

from credguard.scan.decode.probes import probes as decoding
from credguard.scan.general.probes import PROBES as GENERAL

# name, pattern for Hyperscan over bytes, whether its first match in a text is enough
Probe = tuple[str, bytes, bool]

PROBES: tuple[Probe, ...] = GENERAL
"""Those that do not depend on the rules."""


def all_probes(patterns: Iterable[bytes]) -> tuple[Probe, ...]:
    """Every probe beside rules of `patterns`, in the order of their ids, after the rules'."""
    return (*PROBES, *decoding(patterns))
