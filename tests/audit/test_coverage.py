from tests.audit import coverage


def test_the_page_has_the_table_of_checks() -> None:
    text = coverage.DOC.read_text()
    assert text == coverage.page(text), "run: python -m tests.audit.coverage"
