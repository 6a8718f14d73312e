"""Rows of the bench through pytest: kept with each test, told as one table at the end, also where some failed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.table import Row, written

NAME = "a fault's row"
Told = Callable[[Row], None]


@pytest.fixture
def told(record_property: Callable[[str, Any], None]) -> Told:
    """Takes a row for the table; it reaches it from any process of the run."""
    return lambda row: record_property(NAME, row.members())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        Row(**members)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, members in report.user_properties
        if name == NAME
    ]
    if rows:
        terminalreporter.section("faults")
        for line in written(rows):
            terminalreporter.write_line(line)
