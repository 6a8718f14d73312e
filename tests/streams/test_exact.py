"""Events are read back with every digit."""

from decimal import Decimal

from exchanges.encoder import rows
from streams import exact


def test_no_digit_of_a_number_is_lost_and_a_whole_one_is_a_number_too():
    text = b'{"event":"trade","event_time":1795184320191,"price":60775.850000000000000001,"quantity":3,"side":null}'
    event = exact.read(text)
    assert event["price"] == Decimal("60775.850000000000000001")
    assert type(event["quantity"]) is Decimal
    assert type(event["event_time"]) is int
    assert rows(event) == text
    assert b'"quantity":"3"' in rows(event, "text")


def test_levels_stay_in_order_and_exact():
    event = exact.read(b'{"event":"depth","bids":[[0.00000001,2],[0.000000009,100000000000000000000]],"asks":[]}')
    assert rows(event) == b'{"event":"depth","bids":[[0.00000001,2],[0.000000009,100000000000000000000]],"asks":[]}'


def test_a_side_that_does_not_exist_stays_null():
    assert exact.read(b'{"event":"ticker","bid_price":null}') == {"event": "ticker", "bid_price": None}
