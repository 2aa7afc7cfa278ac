"""Whether a short text has a run that may be text in base64 or in hexadecimal digits."""

from __future__ import annotations

# Of each four digits of base64 of ASCII text, what the first three can be.
FIRST = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
SECOND = b"ABCDEFGHQRSTUVWXghijklmnwxyz0123"
_THIRD = b"ABEFIJMNQRUVYZcdghklopstwx014589"
_LOOKED_AT = 20


def may_hold_runs(data: bytes, marked: bytes, digits: bytes) -> bool:
    """`marked`: `data` with its letters and digits as "a"; `digits`: the least run looked at."""
    at = marked.find(digits)
    while at >= 0:
        for start in range(at, at + 4):
            run = data[start : start + _LOOKED_AT]
            if not (
                run[::4].translate(None, FIRST)
                or run[1::4].translate(None, SECOND)
                or run[2::4].translate(None, _THIRD)
            ) or not (
                run[::2].translate(None, b"234567")
                or run[1::2].translate(None, b"0123456789abcdefABCDEF")
            ):
                return True
            if run.startswith(PACKED):
                return True
        at = marked.find(digits, at + len(digits))
    return False


# How a compressed stream or archive begins in base64 and in hexadecimal digits.
PACKED = (
    b"H4sI", b"eJ", b"eNo", b"QlpoO", b"UEsD", b"JVBE", b"1f8b08", b"1F8B08", b"789c", b"78da",
    b"425a68",
    b"fd377a58", b"504b0304",
)  # fmt: skip
