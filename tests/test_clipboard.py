"""The clipboard through real xclip on a private X server, and through a stand-in of each tool."""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import clipboard
from tests.support import samples

VALUE = samples.text(32, 11, alphabet="Ab3!@#%*_+-=").encode()


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition; the deadline only ends a broken run."""
    for _ in range(1200):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came to hold")


def children() -> list[int]:
    """The detached children that wait to clear the clipboard."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
                mine = Path(f"/proc/{name}/environ").read_bytes()
            except OSError:
                continue
            here = b"\0DISPLAY=" + os.environ["DISPLAY"].encode() + b"\0"
            if b"clipboard.py" in line and here in b"\0" + mine + b"\0":
                found.append(int(name))
    return found


@pytest.fixture
def tool(display: str) -> clipboard.Tool:
    found = clipboard.find()
    assert found is not None
    return found


def test_in_out_and_cleared_only_when_it_is_ours(tool: clipboard.Tool) -> None:
    # xclip may end before the server has heard that it owns the selection.
    clipboard.copy(tool, VALUE)
    until(lambda: clipboard.paste(tool) == VALUE)
    assert not clipboard.clear_if(tool, VALUE[:-1])
    assert clipboard.paste(tool) == VALUE
    assert clipboard.clear_if(tool, VALUE)
    until(lambda: clipboard.paste(tool) == b"")


def test_the_child_clears_it(tool: clipboard.Tool) -> None:
    clipboard.copy(tool, VALUE)
    clipboard.clear_later(tool, VALUE, 0)
    until(lambda: clipboard.paste(tool) == b"")
    until(lambda: children() == [])


def test_the_child_leaves_what_was_copied_since(tool: clipboard.Tool) -> None:
    clipboard.copy(tool, b"other")
    clipboard.clear_later(tool, VALUE, 0)
    until(lambda: children() == [])
    assert clipboard.paste(tool) == b"other"


@pytest.fixture
def waiting(tool: clipboard.Tool) -> Iterator[int]:
    clipboard.clear_later(tool, VALUE, 600)
    until(lambda: len(children()) == 1)
    (pid,) = children()
    yield pid
    os.kill(pid, signal.SIGKILL)


def test_the_waiting_child_has_the_value_nowhere(waiting: int) -> None:
    for name in ("cmdline", "environ"):
        assert VALUE not in Path(f"/proc/{waiting}/{name}").read_bytes()
    assert os.getsid(waiting) == waiting  # the terminal's end does not end it
    regions = [line.split() for line in Path(f"/proc/{waiting}/maps").read_text().splitlines()]
    with open(f"/proc/{waiting}/mem", "rb", buffering=0) as memory:
        for span, modes, *rest in regions:
            if "r" not in modes or rest[-1] in {"[vvar]", "[vsyscall]", "[vvar_vclock]"}:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            assert VALUE not in memory.read(end - start)


def _stand_in(folder: Path, name: str) -> None:
    """Keeps its standard input in `held`, gives it back, empties it; notes every argument."""
    script = folder / name
    script.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$0 $*" >>"{folder}/argv"
case "$0 $*" in
*paste*|*-out*|*--output*|*Get-Clipboard*) cat "{folder}/held" ;;
*--clear*|*Set-Clipboard*) : >"{folder}/held" ;;
*) cat >"{folder}/held" ;;
esac
"""
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("number", range(len(clipboard._TOOLS)))
def test_each_tool_gets_the_value_by_pipe(
    number: int, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = clipboard._TOOLS[number]
    folder = poisoned / "tools"
    folder.mkdir()
    for command in (wanted.copy, wanted.paste, wanted.clear):
        _stand_in(folder, command[0])
    (folder / "cat").symlink_to("/bin/cat")
    monkeypatch.setenv("PATH", str(folder))
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if wanted.needs:
        assert clipboard.find() is None
        monkeypatch.setenv(wanted.needs, "x")
    tool = clipboard.find()
    assert tool == wanted
    clipboard.copy(tool, VALUE)
    assert (folder / "held").read_bytes() == VALUE
    assert clipboard.paste(tool) == VALUE
    assert clipboard.clear_if(tool, VALUE)
    assert (folder / "held").read_bytes() == b""
    assert VALUE.decode() not in (folder / "argv").read_text()


def test_no_tool_and_a_tool_that_fails(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(poisoned))
    monkeypatch.setenv("DISPLAY", ":99999")
    assert clipboard.find() is None
    (poisoned / "xclip").write_text("#!/bin/sh\nexit 1\n")
    (poisoned / "xclip").chmod(0o755)
    tool = clipboard.find()
    assert tool is not None
    with pytest.raises(clipboard.ClipboardError, match="xclip failed with exit code 1"):
        clipboard.copy(tool, VALUE)
