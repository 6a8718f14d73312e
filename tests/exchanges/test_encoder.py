"""Events and rows as JSON: every number exactly as it came, in plain notation."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.decimals import Number, plain
from exchanges.encoder import event_text, rows
from exchanges.events import Candle, Depth, Gap, Repaired, Status, Ticker, Trade

MARKET = {"symbol": "BTC-USDT", "venue_symbol": "BTCUSDT", "received_ns": 1_790_000_000_123_999_999}


def parsed(event: object) -> dict[str, object]:
    return json.loads(event_text(event, "binance"), parse_float=Decimal)  # type: ignore[arg-type]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=Decimal("1e20"), places=18))
def test_a_price_leaves_with_its_exact_value_and_without_an_exponent(price: Decimal) -> None:
    trade = Trade(**MARKET, trade_id="1", price=plain(price), quantity=Number("1"), side="buy", trade_us=None)
    text = event_text(trade, "binance")
    written = text.partition('"price":')[2].partition(",")[0]
    assert Decimal(written) == price
    assert "e" not in written.lower()


def test_times_are_milliseconds_rounded_down() -> None:
    trade = Trade(
        **MARKET, event_us=1_790_000_000_000_999, trade_id="1", price=Number("1"), quantity=Number("1"), side=None,
        trade_us=1_790_000_000_001_999,
    )  # fmt: skip
    event = parsed(trade)
    assert event["event_time"] == 1_790_000_000_000
    assert event["trade_time"] == 1_790_000_000_001
    assert event["received_time"] == 1_790_000_000_123
    assert event["side"] is None


def test_what_is_absent_is_null() -> None:
    ticker = parsed(Ticker(**MARKET, last_price=Number("1.5")))
    assert ticker["last_price"] == Decimal("1.5")
    assert ticker["event_time"] is None and ticker["bid_price"] is None and ticker["quote_volume_24h"] is None


@pytest.mark.parametrize(
    ("event", "members"),
    [
        (
            Depth(**MARKET, type="delta", bids=((Number("1.5"), Number("0")),), asks=(), sequence=7),
            {"event": "depth", "type": "delta", "bids": [[Decimal("1.5"), 0]], "asks": [], "sequence": 7},
        ),
        (
            Candle(**MARKET, interval="1m", open_ms=60_000, close_ms=119_999, open=None, high=None, low=None,
                   close=None, volume=Number("0"), quote_volume=None, trades=None, closed=True),
            {"event": "candle", "open_time": 60_000, "close_time": 119_999, "open": None, "volume": 0, "closed": True},
        ),
        (
            Gap(**MARKET, stream="trade", reason="sequence", from_us=5_999),
            {"event": "gap", "reason": "sequence", "from_time": 5, "repair": "none"},
        ),
        (
            Repaired(**MARKET, stream="trade", from_us=1000, to_us=None, count=3, complete=False),
            {"event": "repaired", "from_time": 1, "to_time": None, "count": 3, "complete": False},
        ),
        (
            Status(**MARKET, stream="trade", status="stale", detail='a "word"'),
            {"event": "status", "status": "stale", "detail": 'a "word"'},
        ),
    ],
)  # fmt: skip
def test_every_event_has_the_members_of_the_contract(event: object, members: dict[str, object]) -> None:
    written = parsed(event)
    assert {name: written[name] for name in members} == members
    assert written["exchange"] == "binance" and written["symbol"] == "BTC-USDT"


def test_rows_are_exact_as_numbers_or_as_text() -> None:
    row = [{"price": Decimal("0.00000001"), "wide": Decimal("1E+20"), "none": None, "count": 3}]
    assert rows(row) == b'[{"price":0.00000001,"wide":100000000000000000000,"none":null,"count":3}]'
    assert rows(row, "text") == b'[{"price":"0.00000001","wide":"100000000000000000000","none":null,"count":3}]'


def test_a_binary_float_is_refused() -> None:
    with pytest.raises(TypeError, match=r"0\.1"):
        rows({"price": 0.1})
