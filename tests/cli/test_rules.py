"""`credguard rules` as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import samples


def rules(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "credguard", "rules", *arguments],
        input=text, capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def test_the_list_is_whole_and_machine_readable() -> None:
    lines = rules("list").stdout.splitlines()
    assert lines[0].startswith("aws-access-key-id ")
    listed = json.loads(rules("list", "--json").stdout)["rules"]
    assert len(listed) == len(lines) >= 320
    assert all(each["source"].startswith("https://") for each in listed)


@pytest.mark.parametrize("rule", ["aws-access-key-id", "service-key", "nats-nkey-seed", "jwt"])
def test_a_rule_is_shown_and_passes_its_own_samples(rule: str) -> None:
    assert f"id          {rule}" in rules("show", rule).stdout
    done = rules("test", rule)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_an_unknown_rule_gets_a_hint() -> None:
    done = rules("show", "github-tokens")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "credguard: there is no rule github-tokens\n  hint: did you mean: github"
    )


def test_a_key_id_from_a_persons_text_tells_its_account_and_stays_masked() -> None:
    name = samples.aws_key_id(3, "AK" + "IA" + "QZ")[:20]
    done = rules("test", "aws-access-key-id", "--stdin", text=f"a\nkey: {name}\n")
    assert done.returncode == 1
    assert done.stdout.startswith("2:6  medium  AK")
    assert "  account " in done.stdout
    assert name not in done.stdout
    assert rules("test", "aws-access-key-id", "--stdin", text="nothing").returncode == 0


def test_own_rules_that_fail_their_samples_are_named(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[[rules]]\nid = "x"\npattern = "a[0-9]{9}"\nsample = "b"\nclean = ["a123456780"]\n'
    )
    done = rules("test", str(file))
    assert done.returncode == 1
    assert done.stdout == "x: does not find its sample\nx: finds what it must not\n"


def test_what_is_no_file_of_rules_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.toml")
    for command in ("test", "import"):
        done = rules(command, str(tmp_path / "absent.toml"))
        assert done.returncode == 2
        assert "o such file" in done.stderr
        assert rules(command, str(tmp_path / "fifo.toml")).returncode == 2
    done = rules("import", "/dev/zero")
    assert done.returncode == 2
    assert "larger than" in done.stderr


def test_a_rule_of_the_general_detector_is_shown_and_has_no_samples() -> None:
    assert "general detector" in rules("show", "generic-password").stdout
    done = rules("test", "generic-password")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--explain" in done.stderr
