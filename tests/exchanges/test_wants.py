"""What a connection is to carry, as the exchange spells its markets."""

from exchanges.events import Status
from exchanges.symbols import Instrument, Instruments
from exchanges.wants import candles_of, depths_of, markets_of, status_of

LISTED = Instruments()
LISTED.become([
    Instrument(symbol=f"{base}-USDT", venue_symbol=f"{base}USDT", base=base, quote="USDT", kind="spot")
    for base in ("BTC", "ETH")
])  # fmt: skip
WANTS = {
    ("depth", "BTC-USDT"), ("depth_5", "BTC-USDT"), ("depth_5", "ETH-USDT"), ("trade", "ETH-USDT"),
    ("candle_1m", "BTC-USDT"), ("candle_1M", "ETH-USDT"),
}  # fmt: skip


def test_each_kind_of_stream_is_told_by_the_markets_that_want_it():
    assert markets_of(WANTS, "trade", LISTED) == {"ETHUSDT"}
    assert markets_of(WANTS, "ticker", LISTED) == set()
    assert depths_of(WANTS, LISTED) == {"BTCUSDT": {"depth", "depth_5"}, "ETHUSDT": {"depth_5"}}
    assert candles_of(WANTS, LISTED) == {("BTCUSDT", "1m"), ("ETHUSDT", "1M")}


def test_a_status_names_the_wanted_stream():
    told = status_of(("depth_5", "ETH-USDT"), LISTED, "not_listed", "gone", 7)
    assert told == Status(
        symbol="ETH-USDT", venue_symbol="ETHUSDT", received_ns=7, stream="depth_5", status="not_listed", detail="gone"
    )
