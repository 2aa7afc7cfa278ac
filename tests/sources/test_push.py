"""What is known of the places that are pushed to."""

import pytest

from credguard.sources.push import place_of


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://github.com/a/b.git", "git@github.com:a/b", True),
        ("https://x:y@github.com/a/b", "ssh://git@github.com:22/a/b.git/", True),
        ("https://github.com/a/b", "https://github.com/c/b", False),
        ("https://github.com/a/b", "https://gitlab.com/a/b", False),
        ("../up", "../second", False),
        ("/srv/up", "file:///srv/up", True),
        ("C:/src/up", "D:/src/up", False),
    ],
)
def test_when_two_urls_are_one_place(one: str, other: str, same: bool) -> None:
    assert (place_of(one) == place_of(other)) == same
