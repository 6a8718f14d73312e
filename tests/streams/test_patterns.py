"""Topics with stars: what they mean now, how they are spelled, and what a refusal names."""

import time

import pytest

from exchanges import registry
from exchanges.symbols import Instrument, Instruments
from streams import patterns
from streams.messages import Refused

CARDS = {code: registry.card(code) for code in ("binance", "binance_futures", "okx")}


def market(symbol: str, venue_symbol: str = "", status: str = "trading") -> Instrument:
    base, quote, *_ = symbol.split("-")
    venue = venue_symbol or symbol.replace("-", "")
    return Instrument(symbol=symbol, venue_symbol=venue, base=base, quote=quote, kind="spot", status=status)


LISTED = {
    "binance": Instruments(map(market, ("BTC-USDT", "ETH-USDT", "ETH-BTC", "SOL-USDC"))),
    "binance_futures": Instruments([market("BTC-USDT-PERP", "BTCUSDT"), market("kPEPE-USDT-PERP")]),
    "okx": Instruments([market("BTC-USDT"), market("OLD-USDT", status="halted")]),
}


def expanded(pattern: str) -> list[str]:
    return [topic for code, card in CARDS.items() for topic in patterns.expanded(pattern, card, LISTED[code])]


@pytest.mark.parametrize(
    ("pattern", "topics"),
    [
        ("binance.ticker.*", [f"binance.ticker.{one}" for one in ("BTC-USDT", "ETH-USDT", "ETH-BTC", "SOL-USDC")]),
        ("*.trade.BTC-USDT", ["binance.trade.BTC-USDT", "okx.trade.BTC-USDT"]),
        ("binance.trade.*-USDT", ["binance.trade.BTC-USDT", "binance.trade.ETH-USDT"]),
        ("binance.trade.ETH*", ["binance.trade.ETH-USDT", "binance.trade.ETH-BTC"]),
        ("binance.trade.*T*U*", ["binance.trade.BTC-USDT", "binance.trade.ETH-USDT"]),
        ("binance*.trade.BTC*", ["binance.trade.BTC-USDT", "binance_futures.trade.BTC-USDT-PERP"]),
        ("binance_futures.trade.*PEPE*", ["binance_futures.trade.kPEPE-USDT-PERP"]),
        ("binance.depth_*0.BTC-USDT", [f"binance.depth_{levels}.BTC-USDT" for levels in (10, 20, 50)]),
        ("okx.trade.*", ["okx.trade.BTC-USDT"]),
        ("okx.trade.GONE-USDT", ["okx.trade.GONE-USDT"]),
    ],
)
def test_a_pattern_means_what_is_offered_and_trades_and_a_plain_topic_itself(pattern: str, topics: list[str]) -> None:
    assert expanded(pattern) == topics


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("Binance.trade.btcusdt", "binance.trade.BTC-USDT"),
        ("binance.*.btc/usdt", "binance.*.BTC-USDT"),
        ("*.trade.btcusdt", "*.trade.BTC-USDT"),
        ("BINANCE.Ticker.**-usdt", "binance.ticker.*-USDT"),
        ("binance_futures.trade.BTCUSDT", "binance_futures.trade.BTC-USDT-PERP"),
        ("***.trade.btc*", "*.trade.BTC*"),
    ],
)
def test_any_spelling_is_the_same_selection(written: str, spelled: str) -> None:
    assert patterns.understood(written, CARDS, LISTED.__getitem__) == spelled
    assert patterns.understood(spelled, CARDS, LISTED.__getitem__) == spelled
    assert expanded(spelled)


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("binanec*.trade.BTC-USDT", "unknown_exchange", "nearest: binance"),
        ("kraken.trade.*", "unknown_exchange", "binance, binance_futures, okx would do"),
        ("binance.trad*s.BTC-USDT", "unknown_stream", "nearest: trade"),
        ("binance.trades.*", "unknown_stream", "nearest: trade"),
        ("okx.candle_7*.*", "unknown_stream", "nearest: candle_"),
        ("binance.trade.*-USTD", "unknown_pair", "nearest: *-USDT, BTC-USDT, ETH-USDT of binance"),
        ("*.trade.BTCC-*", "unknown_pair", "nearest: BTC-*"),
        ("*.trade.BTCUSTD", "unknown_pair", "nearest: BTC-USDT, ETH-USDT of binance; BTC-USDT-PERP"),
        ("binance.trade.QQQQ*", "unknown_pair", "symbols/?exchange=binance"),
        ("replay-7.binance.trade.BTC-USDT", "bad_request", "binance.trade.BTC-USDT would do"),
        ("binance.trade", "bad_request", "<exchange>.<stream>.<symbol>"),
        ("*", "bad_request", "<exchange>.<stream>.<symbol>"),
        ("binance.trade.BTCUSTD", "unknown_pair", "nearest: BTC-USDT"),
    ],
)
def test_what_matches_nothing_is_refused_with_what_it_would_have_matched(written: str, code: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        patterns.understood(written, CARDS, LISTED.__getitem__)
    assert refused.value.code == code
    assert words in str(refused.value)


def test_where_no_market_is_known_yet_it_says_so() -> None:
    with pytest.raises(Refused, match="markets of binance are not known yet") as refused:
        patterns.understood("binance.trade.*", CARDS, lambda code: Instruments())
    assert refused.value.code == "unavailable"


def test_no_pattern_takes_long() -> None:
    began_s = time.process_time()
    assert not patterns.fits("*a" * 500 + "b", "a" * 100_000)
    assert not patterns.fits("*ab" * 500 + "*c", "ab" * 50_000)
    assert time.process_time() - began_s < 1


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [("*", "", True), ("a*a", "a", False), ("a*a", "aa", True), ("*a*b*", "ba", False), ("a", "A", False)],
)
def test_letters_stand_in_their_order_and_none_counts_twice(pattern: str, text: str, does: bool) -> None:
    assert patterns.fits(pattern, text) is does
