"""A key id and its secret in two files of a folder, in scans of trees."""

from pathlib import Path

import pytest

from credguard.app import scan as scanning
from credguard.app.scan import Options, Result, scan_paths
from credguard.scan.model import HIGH, MEDIUM
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")
KEY_ID, SECRET = samples.aws_key_id(5), samples.aws_secret(9)
WAYS = {
    "split": {"id.txt": "{id}\n", "secret.txt": "{secret}\n"},
    "csv": {"accessKeys.csv": "Access key ID\n{id}\n", "accessKeys2.csv": "{secret}\n"},
    "env and yaml": {
        ".env": "AWS_ACCESS_KEY_ID={id}\n",
        "secrets.yml": "s3:\n  secret: {secret}\n",
    },
    "mounted": {"AWS_ACCESS_KEY_ID": "{id}", "AWS_SECRET_ACCESS_KEY": "{secret}"},
    "odd names": {"access": "{id}", "s3": "{secret}"},
    "before its id": {"aws.key": "{secret}", "id": "{id}"},
}


def shown(result: Result) -> list[tuple[str, int, str, bytes]]:
    return [(each.path.decode(), each.line, each.title, each.value) for each in result.findings]


@pytest.mark.parametrize("files", WAYS.values(), ids=list(WAYS))
def test_the_secret_is_told_as_that_of_the_id(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text.format(id=KEY_ID, secret=SECRET))
    found = scan_paths([str(tmp_path)], Options(MEDIUM, jobs=1)).findings
    assert len(found) == 2
    (secret,) = [each for each in found if each.value == SECRET.encode()]
    assert secret.confidence == HIGH
    assert (
        "its key id is in" in secret.title and secret.pair
    ) or secret.rule_id == "aws-secret-access-key"


def test_a_lone_value_is_told_only_beside_an_id(tmp_path: Path) -> None:
    (tmp_path / "s3").write_text(SECRET)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "id").write_text(KEY_ID)
    assert [each.value for each in scan_paths([str(tmp_path)]).findings] == [KEY_ID.encode()]


def test_a_mark_lets_a_lone_value_pass(tmp_path: Path) -> None:
    (tmp_path / "id").write_text(KEY_ID)
    (tmp_path / "s3").write_text(f"{SECRET}  # credguard:allow\n")
    (secret,) = [each for each in scan_paths([str(tmp_path)]).findings if "s3" in str(each.path)]
    assert secret.allowed


def test_order_does_not_depend_on_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_ALONE_FILES", 3)
    monkeypatch.setattr(scanning, "_BATCH_FILES", 2)
    for number in range(12):
        folder = tmp_path / f"{number:02}"
        folder.mkdir()
        (folder / "a-key").write_text(samples.aws_secret(number))
        (folder / "id").write_text(samples.aws_key_id(number))
        (folder / "z.env").write_text(f"PASSWORD={samples.text(16, number)}\n")
    one = shown(scan_paths([str(tmp_path)], Options(jobs=1)))
    assert one == shown(scan_paths([str(tmp_path)], Options(jobs=3)))
    assert len(one) == 36
    assert [path for path, *_ in one] == sorted(path for path, *_ in one)
