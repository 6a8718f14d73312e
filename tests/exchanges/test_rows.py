"""Rows of a list: a broken one is lost alone, or stops the reading where nobody collects it."""

import pytest
from msgspec import Raw
from msgspec.json import Decoder

from exchanges import rows
from exchanges.errors import BadFrame
from exchanges.events import Rejected

ROWS = [Raw(b"1"), Raw(b'"two"'), Raw(b"3")]
read = Decoder(int).decode


def test_a_broken_row_is_collected_and_the_others_are_read() -> None:
    rejected: list[Rejected] = []
    assert rows.read(ROWS, read, rejected) == [1, 3]
    assert [row.reason for row in rejected] == ["row 1: Expected `int`, got `str`"]


def test_a_broken_row_is_an_error_where_nobody_collects_it() -> None:
    with pytest.raises(BadFrame, match="row 1"):
        rows.read(ROWS, read, None)
