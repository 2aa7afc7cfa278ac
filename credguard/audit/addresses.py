"""Which nets are the world."""

# Half of the internet is as good as all of it.
_LARGEST_V4, _LARGEST_V6 = 8, 16


def from_world(source: str) -> bool:
    """Whether a rule's source is the world: 0.0.0.0/0, ::/0, or a net of 2^24 addresses and up.

    A private or unique local net is not.
    """
    address, _, bits = source.partition("/")
    if not bits.isdecimal():
        return False
    if ":" in address:
        return int(bits) <= _LARGEST_V6 and not address.lower().startswith(("fc", "fd"))
    return int(bits) <= _LARGEST_V4 and not (address.startswith("10.") and int(bits) == 8)
