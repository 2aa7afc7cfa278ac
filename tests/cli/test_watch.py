import json
from pathlib import Path

from credguard.app.context import Context
from credguard.store import findings
from tests.cli.test_main import run


def test_a_folder_is_added_listed_shown_and_removed(tmp_path: Path) -> None:
    assert run("watch", "add", str(tmp_path)).returncode == 0
    assert json.loads(run("watch", "list", "--json").stdout) == [str(tmp_path.resolve())]
    shown = json.loads(run("status", "--json").stdout)
    (root,) = shown["watched"]
    assert (root["path"], root["state"], root["files"]) == (str(tmp_path.resolve()), "ok", None)
    assert shown["daemon"] == "stopped"
    assert str(tmp_path.resolve()) in run("status").stdout
    assert run("watch", "remove", str(tmp_path)).returncode == 0
    again = run("watch", "remove", str(tmp_path))
    assert again.returncode == 2
    assert "is not watched" in again.stderr


def test_findings_are_listed_with_what_to_do_and_one_is_allowed(tmp_path: Path) -> None:
    connection = Context().db
    for number, name in enumerate(("accessKeys.csv", "app.py", "own.txt")):
        item = "key/aws/1/AKIA" if name == "own.txt" else ""
        seen = findings.Seen(f"{number}" * 64, 3, "aws-secret-access-key", "abc***", "v", item)
        findings.observe(connection, number, str(tmp_path / name), seen)
    listed = run("watch", "findings")
    assert listed.returncode == 1
    assert f"credguard import {tmp_path}/accessKeys.csv" in listed.stdout
    done = run("watch", "allow", f"{tmp_path}/app.py:3", "--reason", "a sample")
    assert (done.returncode, done.stdout) == (0, "")
    rows = json.loads(run("watch", "findings", "--all", "--json").stdout)
    assert [(each["state"], each["reason"]) for each in rows] == [
        ("open", ""), ("allowed", "a person: a sample"), ("open", ""),
    ]  # fmt: skip
    assert "let aws-secret-access-key pass" in run("log").stdout
    assert run("watch", "allow", str(tmp_path / "app.py"), "--undo").returncode == 0
    assert len(findings.open_findings(connection)) == 3
    refused = run("watch", "allow", str(tmp_path / "own.txt"))
    assert refused.returncode == 2
    assert "secret of your vault" in refused.stderr
    assert run("watch", "allow", "nowhere").returncode == 2


def test_nothing_found_is_said(tmp_path: Path) -> None:
    done = run("watch", "findings")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was found" in done.stderr
