import json
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


def test_json_lines_hold_one_record_each_and_no_secret() -> None:
    code = (
        "import logging, sys\n"
        "from credguard import logs\n"
        "logs.to_file(as_json=True)\n"
        "log = logging.getLogger('credguard.daemon')\n"
        r"log.info('%s: %s', 'a\n\x1b[2Jb', sys.stdin.read())" + "\n"
        "try: raise ValueError('password=' + 'hunter2hunter2')\n"
        "except ValueError: log.exception('failed')\n"
    )
    secret = samples.aws_secret()
    done = subprocess.run(
        [sys.executable, "-c", code], input=secret, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = Path(paths.log_file()).read_text()
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["level"], first["logger"]) == ("INFO", "credguard.daemon")
    assert first["message"] == "a\n\x1b[2Jb: ***"
    assert "\x1b" not in text
    assert first["time"].endswith("Z")
    assert second["error"].startswith("Traceback")
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("before", "secret", "after"),
    [
        ("", samples.aws_secret(), ""),
        ("token ghp_", samples.text(36), " refused"),
        ("url https://me:", samples.text(12), "@host/path"),
        ("password: ", samples.text(12), ", then"),
        ('{"api_key": "', samples.text(20), '"}'),
        ("Authorization token=Bearer ", samples.text(30), ""),
        ("session ", samples.text(60) * 3 + "==", " end"),
        ("-----BEGIN " + "PRIVATE KEY-----\n", samples.text(64), "\n-----END PRIVATE KEY-----"),
        ("key sk-", samples.text(40), ""),
    ],
)  # fmt: skip
def test_what_has_the_shape_of_a_secret_is_blotted_out(
    before: str, secret: str, after: str
) -> None:
    found = logs.redacted(before + secret + after)
    assert "***" in found
    for start in range(len(secret) - 8):
        assert secret[start : start + 8] not in found


def test_what_a_log_is_read_by_stays() -> None:
    for text in (
        f"commit {'0123456789abcdef' * 2}01234567 of /home/ada/src",
        "secret token was read, password of ada is due",
        "https://host:8443/path and ada@example.com",
        f"key {samples.aws_key_id()} is in the vault",
    ):
        assert logs.redacted(text) == text
