"""Patterns that are no rules: they tell, in the same pass, where to look more closely.

Only the build of the compiled database imports this.
"""

from credguard.scan.general.probes import PROBES as GENERAL

# name, pattern for Hyperscan over bytes, whether its first match in a text is enough
Probe = tuple[str, bytes, bool]

PROBES: tuple[Probe, ...] = GENERAL
"""Every probe of the package, in the order of the database's ids after the rules."""
