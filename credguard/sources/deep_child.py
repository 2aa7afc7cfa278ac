"""The child that runs detect-secrets' plugins: lines on standard input, what they find on output.

Started as `python -I`, in the root folder, so nothing of a repository is imported. A line of input
is one JSON object `{"lines": [[number, text], ...], "path": name}`, the answer one object
`{"found": [[number, type, value, class], ...], "cut": [number, ...]}`. Nothing is verified over the
network: the filters that would are switched off. Arguments: the files of the person's own plugins.
"""

import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

LINE_S = 0.25
"""Seconds that one line may take; its patterns can need time exponential in a line."""


class _TooSlow(Exception):
    pass


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    raise _TooSlow


@contextmanager
def _limit() -> Iterator[None]:
    """Ends the block with _TooSlow after LINE_S. Python's `re` looks for signals as it works."""
    if not hasattr(signal, "setitimer"):  # Windows: the parent's deadline alone
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, LINE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _plugins(files: list[str]) -> list[Any]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import BasePlugin

    classes: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    for number, file in enumerate(files):
        module = _loaded(file, f"own_plugin_{number}")
        classes += [
            each
            for each in vars(module).values()
            if isinstance(each, type)
            and issubclass(each, BasePlugin)
            and each.__module__ == module.__name__
        ]
    return [each() for each in classes]


def _loaded(file: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _examine(plugins: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
    found: list[list[Any]] = []
    cut: list[int] = []
    for number, text in asked["lines"]:
        try:
            with _limit():
                hits = [
                    [number, plugin.secret_type, secret.secret_value, type(plugin).__name__]
                    for plugin in plugins
                    for secret in plugin.analyze_line(
                        filename=asked["path"], line=text, line_number=number
                    )
                    if secret.secret_value
                ]
            found += sorted(hits)
        except _TooSlow:
            cut.append(number)
    return {"found": found, "cut": cut}


def main() -> None:
    """Answer until standard input ends."""
    from detect_secrets.settings import transient_settings

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _alarm)
    answers = sys.stdout
    sys.stdout = sys.stderr  # a plugin that prints must not break the protocol
    try:
        plugins = _plugins(sys.argv[1:])
    except Exception as exc:  # noqa: BLE001 - a person's own plugin may raise anything
        ready: dict[str, Any] = {"error": f"{type(exc).__name__}: {exc}"}
        plugins = []
    else:
        ready = {"plugins": [each.json() for each in plugins]}
    answers.write(json.dumps(ready) + "\n")
    answers.flush()
    with transient_settings({"plugins_used": [], "filters_used": []}):
        for line in sys.stdin:
            answers.write(json.dumps(_examine(plugins, json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
