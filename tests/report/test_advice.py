import pytest

from credguard.report.advice import AWS, ENV, HISTORY, KEY_FILE, NOTEBOOK, TERRAFORM, advice, kind


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/a/Downloads/dev_accessKeys.csv", KEY_FILE),
        ("/home/a/Downloads/dev_accessKeys (1).csv", KEY_FILE),
        ("/x/rootkey.csv", KEY_FILE),
        ("/x/new_user_credentials.csv", KEY_FILE),
        ("/x/numbers.csv", ""),
        ("/home/a/.aws/credentials", AWS),
        ("/home/a/.aws/config", AWS),
        ("/x/aws/credentials", ""),
        ("/home/a/.bash_history", HISTORY),
        ("/home/a/.zsh_history", HISTORY),
        ("/home/a/.python_history", HISTORY),
        ("/home/a/.histfile_history", HISTORY),
        ("/home/a/.local/share/fish/fish_history", HISTORY),
        ("C:\\Users\\a\\PSReadLine\\ConsoleHost_history.txt", HISTORY),
        ("/x/history.txt", ""),
        ("/x/.env", ENV),
        ("/x/.env.local", ENV),
        ("/x/prod.env", ENV),
        ("/x/.envrc", ENV),
        ("/x/environment", ""),
        ("/x/a.ipynb", NOTEBOOK),
        ("/x/terraform.tfstate", TERRAFORM),
        ("/x/terraform.tfstate.backup", TERRAFORM),
        ("/x/prod.tfvars", TERRAFORM),
    ],
)
def test_kinds(path: str, expected: str) -> None:
    assert kind(path) == expected


def test_what_to_type_is_safe_to_paste() -> None:
    path = "/a/$(touch x) accessKeys.csv"
    assert advice(path, {"aws-secret-access-key"}).endswith(f"credguard import '{path}'")
    assert "'/a/b c.ipynb'" in advice("/a/b c.ipynb", {"x"})


def test_every_kind_has_its_own_words_and_own_secrets_too() -> None:
    paths = ["a_accessKeys.csv", "/h/.aws/config", ".bash_history", ".env", "a.ipynb", "a.tfstate"]
    said = [advice(path, {"aws-key"}) for path in [*paths, "a.py"]]
    said += [advice("a.py", {"x"}), advice("a.py", {"own-key"}, "key/x"), advice(".env", {"x"})]
    assert len(set(said)) == len(said)
    assert all(30 < len(each) < 200 for each in said)
