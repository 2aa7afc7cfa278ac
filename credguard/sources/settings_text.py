"""The bytes of a `.credguard.toml` or a baseline as text, wherever they come from."""

from credguard.errors import ConfigError

MOST_BYTES = 1 << 20
"""The largest `.credguard.toml`."""


def text_of(data: bytes, shown: str, most: int = MOST_BYTES) -> str:
    """`data` of the file `shown`, for messages. Raises ConfigError: too large, or not UTF-8."""
    if len(data) > most:
        raise ConfigError(f"{shown} is larger than {most >> 20} MiB", hint=f"shorten {shown}")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{shown}: not UTF-8 text", hint=f"correct {shown}") from exc
