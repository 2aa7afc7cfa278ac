import configparser
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credguard.awsfiles.ini import IniFile
from credguard.errors import ConfigError
from tests.support import samples

TEXT = """# top
[default]
aws_access_key_id=one
; between
aws_secret_access_key : two

[profile a b]
s3 =
    max_concurrent_requests = 20
Region = eu-west-1
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "cut"])
def test_nothing_changes_by_itself(end: str, mark: str, last: str) -> None:
    text = mark + TEXT.replace("\n", end)
    text = text.rstrip("\r\n") if last else text
    assert IniFile(text, "f").text() == text


def test_values() -> None:
    file = IniFile(TEXT, "f")
    assert file.sections() == ["default", "profile a b"]
    assert file.get("default", "aws_secret_access_key") == "two"
    assert file.get("profile a b", "region") == "eu-west-1"
    assert file.get("profile a b", "max_concurrent_requests") is None
    assert file.get("default", "region") is None


def test_put_replaces_in_place_and_adds_at_the_sections_end() -> None:
    file = IniFile(TEXT, "f")
    file.put("default", "aws_access_key_id", "new")
    file.put("default", "region", "x")
    lines = file.text().splitlines()
    assert lines[2] == "aws_access_key_id = new"
    assert lines[5] == "region = x"
    assert file.get("default", "aws_access_key_id") == "new"


def test_put_makes_a_section_and_ends_the_last_line() -> None:
    file = IniFile("[a]\nx = 1", "f")
    file.put("b", "y", "2")
    assert file.text() == "[a]\nx = 1\n\n[b]\ny = 2\n"
    empty = IniFile("", "f")
    empty.put("b", "y", "2")
    assert empty.text() == "[b]\ny = 2\n"


def test_a_section_left_without_settings_goes_and_comments_stay() -> None:
    file = IniFile(TEXT, "f")
    file.remove("default", {"aws_access_key_id", "aws_secret_access_key"})
    assert "[default]" not in file.text()
    assert "# top" in file.text()
    assert "; between" in file.text()
    assert "Region = eu-west-1" in file.text()


def test_lines_below_a_setting_go_with_it() -> None:
    file = IniFile(TEXT, "f")
    file.remove("profile a b", {"s3"})
    assert "max_concurrent_requests" not in file.text()
    assert file.get("profile a b", "region") == "eu-west-1"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[a\n", 1), ("[a]\njunk\n", 2), ("x = 1\n", 1), ("[a]\n\n[a]\n", 3),
        ("[a]\njunk = 1\n# c\nJUNK: 2\n", 4), ("[a]\n= junk\n", 2), ("[]\n", 1),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_by_its_line_and_never_quoted(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=f"f, line {line}:") as caught:
        IniFile(text, "f")
    assert "junk" not in str(caught.value)


_NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
_VALUES = st.text("abcXYZ0123/+=", max_size=20)


@given(
    st.dictionaries(_NAMES, st.dictionaries(_NAMES, _VALUES, min_size=1), min_size=1),
    _NAMES,
    _NAMES,
    _VALUES,
)
def test_after_a_put_botocores_parser_reads_the_same(
    sections: dict[str, dict[str, str]], section: str, name: str, value: str
) -> None:
    text = "".join(
        f"[{each}]\n" + "".join(f"{key} = {given}\n" for key, given in settings.items())
        for each, settings in sections.items()
    )
    file = IniFile(text, "f")
    file.put(section, name, value)
    parser = configparser.RawConfigParser()
    parser.read_string(file.text())
    expected = {each: dict(settings) for each, settings in sections.items()}
    expected.setdefault(section, {})[name] = value
    assert {each: dict(parser[each]) for each in parser.sections()} == expected


def test_a_comment_with_an_old_copy_goes() -> None:
    secret = samples.aws_secret()
    file = IniFile(f"# was {secret}\n[a]\nx = {secret}\n", "f")
    file.remove_lines_holding(secret)
    assert file.text() == f"[a]\nx = {secret}\n"


_LINES = st.lists(
    st.tuples(
        st.sampled_from(["", "", "", " ", "  ", "\t"]),
        st.sampled_from(["[a]", "[b]", "[c] x", "k = 1", "l: 2",
                         "m=", "# c", "; c", "", "junk", "= 1",
                         "n = 1 # c", "k = 1\u2028", "o = a\x0cb"]),
        st.sampled_from(["\n", "\n", "\r\n", "\r"]),
    ),
    max_size=9,
)  # fmt: skip


def _botocores(text: str) -> dict[str, dict[str, str]] | None:
    """What the parser behind botocore reads; None: it refuses the file."""
    parser = configparser.RawConfigParser(default_section=None)  # type: ignore[arg-type]
    try:
        parser.read_file(io.StringIO(text, newline=None))
    except configparser.Error:
        return None
    return {name: {k: _solid(v) for k, v in parser[name].items()} for name in parser.sections()}


def _solid(value: str) -> str:
    return "\n".join(line.strip() for line in value.split("\n") if line.strip())


def _ours(file: IniFile) -> dict[str, dict[str, str]]:
    names = ("k", "l", "m", "n", "o", "new")
    return {
        section: {
            name: _solid(value) for name in names if (value := file.get(section, name)) is not None
        }
        for section in file.sections()
    }


@given(_LINES)
@settings(max_examples=400, deadline=None)
def test_indents_and_line_ends_read_as_botocore_reads_them(
    lines: list[tuple[str, str, str]],
) -> None:
    text = "".join(map("".join, lines))
    expected = _botocores(text)
    try:
        file = IniFile(text, "f")
    except ConfigError:
        assert expected is None
        return
    assert _ours(file) == expected
    assert file.text() == text


@given(_LINES, st.sampled_from("abc"), st.sampled_from(["k", "l", "new"]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_a_change_leaves_all_else_as_it_reads(
    lines: list[tuple[str, str, str]], section: str, name: str, remove: bool
) -> None:
    try:
        file = IniFile("".join(map("".join, lines)), "f")
        expected = _ours(file)
        if remove:
            file.remove(section, {name})
            expected.get(section, {}).pop(name, None)
            if not expected.get(section):
                expected.pop(section, None)
        else:
            file.put(section, name, "9")
            expected.setdefault(section, {})[name] = "9"
        assert _botocores(file.text()) == expected
    except ConfigError:
        return


def test_put_keeps_the_depth_of_what_it_replaces() -> None:
    file = IniFile("[a]\n\tx = 1\n\ty = 2\n", "f")
    file.put("a", "x", "9")
    file.put("a", "z", "3")
    assert file.text() == "[a]\n\tx = 9\n\ty = 2\n\tz = 3\n"


def test_a_change_that_would_read_otherwise_is_refused() -> None:
    file = IniFile("[a]\nx = 1\n[b]\n   y = 1\n  [c]\nz = 1\n", "f")
    file.remove("b", {"y"})
    with pytest.raises(ConfigError, match="indented unevenly"):
        file.text()
