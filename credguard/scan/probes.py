"""Patterns that are no rules: they tell, in the same pass, where to look more closely.

Only the build of the compiled database imports this.
"""

# name, pattern for Hyperscan over bytes, whether its first match in a text is enough
Probe = tuple[str, bytes, bool]

PROBES: tuple[Probe, ...] = ()
"""Every probe of the package, in the order of the database's ids after the rules."""
