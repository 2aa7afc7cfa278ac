"""What git prints of commits and pushes: any bytes are survived, and git itself agrees."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.errors import GitError
from credguard.sources import reflog
from credguard.sources.commits import MESSAGE, committed, parse
from credguard.sources.push import updates
from credguard.sources.staging import entries, staged

OID = "0123456789abcdef" * 2 + "01234567"
# Bytes that look like what git prints, more often than chance would have it.
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([
            b"\0", b":", b"::", b" ", b"\n", OID.encode(), b"100644", b"120000", b"160000", b"M",
            b":100644 100644 %b %b M\0a\0" % (OID.encode(), OID[::-1].encode()),
            b"refs/heads/x %b refs/heads/x %b\n" % (OID.encode(), b"0" * 40),
        ]),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@given(PIECES, st.integers(1, 9))
def test_the_parsers_raise_nothing_but_their_own_error(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for read in (
        lambda: list(parse(iter(pieces))),
        lambda: entries(data),
        lambda: updates(data),
    ):
        try:
            read()
        except GitError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most inputs raise nothing
    reflog.parse(data)


@given(st.lists(st.integers(1, 40), max_size=9))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    data = b"%b\0:100644 120000 %b %b T\0a\n\xff:\0%b\0" % ((OID.encode(),) * 2 + (b"1" * 40,) * 2)
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert list(parse(iter([*pieces, rest]))) == [
        (OID, None), (OID, (b"a\n\xff:", "1" * 40, [None])), ("1" * 40, None)
    ]  # fmt: skip


def git(cwd: Path, *args: str | bytes) -> bytes:
    return subprocess.run(
        ["git", *args], cwd=cwd, check=True, capture_output=True, timeout=60
    ).stdout


NAMES = [b"a", b"b/c", b"new\nline", b"caf\xc3\xa9", b"bad\xff", b"-rf", b":x", b"sp ace", b"b/:\t"]


def change(repo: Path, generator: random.Random) -> None:
    """Some files made, changed, deleted, turned into links, or made executable."""
    for name in generator.sample(NAMES, 4):
        path = os.path.join(os.fsencode(repo), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        what = generator.choice(["write", "write", "delete", "link", "mode"])
        if what == "mode" and os.path.isfile(path) and not os.path.islink(path):
            os.chmod(path, 0o755)
            continue
        if os.path.lexists(path):
            os.unlink(path)
        if what == "link":
            os.symlink(b"to %d" % generator.randrange(9), path)
        elif what != "delete":
            with open(path, "wb") as file:
                file.write(b"%d\n" % generator.randrange(99))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_git_agrees_on_generated_histories(tmp_path: Path, seed: int, form: str) -> None:
    generator = random.Random(seed)
    git(tmp_path, "init", "-q", f"--object-format={form}")
    for number in range(6):
        change(tmp_path, generator)
        git(tmp_path, "add", "-A")
        expected = {
            name: git(tmp_path, "cat-file", "blob", b":" + name)
            for name in git(
                tmp_path, "diff", "--cached", "--name-only", "-z", "--no-renames",
                "--diff-filter=AMT",
            ).split(b"\0")
            if name
        }  # fmt: skip
        found = {file.path: file.data for file in staged(str(tmp_path))}
        # Where only the mode changed nothing is to be looked at.
        only_mode = set(expected) - set(found)
        assert found == {name: expected[name] for name in expected if name not in only_mode}
        for name in only_mode:
            assert git(tmp_path, "cat-file", "blob", b"HEAD:" + name) == expected[name]
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", f"number {number}\n\nbody")
        files = list(committed(str(tmp_path), ["--no-walk", "HEAD"]))
        assert {f.path: f.data for f in files if f.path != MESSAGE} == found
        (message,) = (file.data for file in files if file.path == MESSAGE)
        assert message == b"number %d\n\nbody\n" % number
