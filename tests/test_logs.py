import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import logs, paths
from tests.support import samples


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("credguard")
    before = list(logger.handlers), logger.propagate, logger.level
    old = os.umask(0o022)
    logs.to_file()
    os.umask(old)
    yield logger
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
        logger.removeHandler(handler)
    logger.propagate, logger.level = before[1:]


def test_every_file_of_a_rotated_log_is_private(log: logging.Logger) -> None:
    old = os.umask(0o022)
    for _ in range(5):
        log.info("x " * 450_000)
    os.umask(old)
    files = sorted(Path(paths.state_dir()).glob("credguard.log*"))
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_line_stays_one_line_and_holds_no_key() -> None:
    code = (
        "import logging, sys\n"
        "from credguard import logs\n"
        "logs.to_file()\n"
        r"logging.getLogger('credguard').info('%s: %s', 'a\n\x1b[2Jb\udcff', sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=samples.aws_secret(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = Path(paths.log_file()).read_text().splitlines()
    assert line.endswith("a\\x0a\\x1b[2Jb\\udcff: ***")


def test_a_disk_that_takes_no_more_is_said_once_in_one_line() -> None:
    code = (
        "import logging, resource, signal\n"
        "from credguard import logs\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "logs.to_file()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "for _ in range(5): logging.getLogger('credguard').info('x' * 80)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == f"credguard: cannot write {paths.log_file()}: File too large\n"


def test_a_place_that_cannot_be_written_is_an_error_of_its_own() -> None:
    from credguard.errors import StoreError

    os.makedirs(paths.log_file())
    with pytest.raises(StoreError, match="cannot open"):
        logs.to_file()
