from collections.abc import Callable, Iterator

import pytest

from tests.rotation import schedules


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Tells the summary how many schedules the test ran."""
    before = schedules.ran[0]
    yield
    if schedules.ran[0] != before:
        record_property("crash schedules", schedules.ran[0] - before)
