"""What a history leaves to be repaired."""

import pytest

from streams.history import told

PENDING, NONE, REPAIRED = (
    b'{"event":"gap","repair":"pending"}',
    b'{"event":"gap","repair":"none"}',
    b'{"event":"repaired"}',
)


def trade(number: int) -> bytes:
    return b'{"event":"trade","trade_id":"%d","price":1,"trade_time":%d}' % (number, number * 10)


@pytest.mark.parametrize(
    ("events", "each", "last_id", "before", "unrepaired"),
    [
        ([], True, None, set(), False),
        ([trade(1), trade(2)], True, "2", {"1", "2"}, False),
        ([trade(2), trade(1)], True, "2", {"1", "2"}, False),  # by when they happened
        ([trade(1), PENDING, trade(3)], True, "1", {"1"}, True),
        ([trade(1), NONE, trade(3)], True, "3", {"1", "3"}, False),
        ([trade(1), PENDING, trade(2), REPAIRED, trade(3)], True, "3", {"1", "2", "3"}, False),
        ([trade(1), PENDING, PENDING, trade(2), REPAIRED], True, "2", {"1", "2"}, False),  # nothing said in between
        ([trade(1), PENDING, trade(3), PENDING, trade(5), REPAIRED], True, "3", {"1", "3"}, True),
        ([trade(1), PENDING, trade(3), PENDING, trade(5), REPAIRED], False, "5", {"1", "3", "5"}, False),
        ([PENDING, trade(3)], False, None, set(), True),
    ],
)
def test_it_goes_on_from_the_last_trade_before_anything_was_missing(
    events: list[bytes], each: bool, last_id: str | None, before: set[str], unrepaired: bool
) -> None:
    found = told(events, each)
    assert (found.last_id, found.before, found.unrepaired) == (last_id, before, unrepaired)
    assert found.ids >= found.before and found.last_ms == (int(last_id) * 10 if last_id else None)
