"""Text that is safe to show to a person."""


def printable(text: str) -> str:
    """`text` with control characters and lone surrogates escaped: it cannot steer a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def path_text(path: bytes) -> str:
    r"""`path` on one line; bytes that are not UTF-8 show as \\xNN."""
    return printable(path.decode("utf-8", "backslashreplace"))
