import json
from pathlib import Path

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
