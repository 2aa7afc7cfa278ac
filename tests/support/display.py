"""The `display` fixture: a private X server, for the clipboard."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

MISSING = [tool for tool in ("Xvfb", "xclip") if not shutil.which(tool)]


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if MISSING:
        pytest.skip(f"*** NOT HERE, so the real clipboard is not tested: {', '.join(MISSING)}")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "320x200x8", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()  # printed once it listens
    assert number, "Xvfb did not start"
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield f":{number}"
    server.terminate()
    server.wait(20)
