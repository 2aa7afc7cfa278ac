"""Secret: the only way a secret value travels; mask(): the only way one is shown."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_MASK_CHARS = 4
_MASK_SHARE = 5
_STARS = "*" * 12
_MASK_LONG = max(_MASK_CHARS * _MASK_SHARE, _MASK_CHARS + len(_STARS))


class Secret:
    """A secret text (UTF-8). Its repr, str and format are masks; it cannot be pickled or hashed.

    Equality takes the same time whatever differs. `reveal()` is called only where the value
    leaves the process: a backend, a request, a pipe.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: str | bytes) -> None:
        """Hold `value`; text is kept as UTF-8."""
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> str:
        """The value as text. Raises UnicodeDecodeError for bytes that are not UTF-8."""
        return self._value.decode()

    def reveal_bytes(self) -> bytes:
        """The value as bytes."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


def mask(value: str) -> str:
    """`value` with at most its first four characters, and at most a fifth of it, left readable."""
    size = len(value)
    if size >= _MASK_LONG:
        return value[:_MASK_CHARS] + _STARS
    shown = min(_MASK_CHARS, size // _MASK_SHARE)
    return value[:shown] + "*" * min(size - shown, len(_STARS))
