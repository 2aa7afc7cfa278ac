"""The credential_process line, as the SDKs take it apart."""

import shlex
import subprocess
import sys

import pytest

from credguard.app import keys


@pytest.mark.parametrize("folder", ["a", "a b", "it's", 'a "b" c', "é ü", "$HOME", "`x`", "b\\c"])
def test_a_path_stays_one_word_for_botocore_and_for_a_shell(folder: str) -> None:
    path = f"/home/{folder}/python"
    word = keys._quoted(path)
    assert shlex.split(f"{word} -I") == [path, "-I"]
    code = "import sys; sys.stdout.buffer.write(sys.argv[1].encode())"
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {word}"
    assert subprocess.run(["sh", "-c", line], capture_output=True).stdout.decode() == path
