"""Markets and their spellings: every spelling finds the one market it means, an ambiguous one finds none."""

import pytest

from exchanges.symbols import Instrument, Instruments, Topic, distinct, kind_of


def instrument(symbol: str, venue_symbol: str) -> Instrument:
    base, _, quote = symbol.partition("-")
    return Instrument(symbol=symbol, venue_symbol=venue_symbol, base=base, quote=quote, kind="spot")


MARKETS = Instruments(
    [instrument("BTC-USDT", "BTCUSDT"), instrument("ETH-USDT", "ETHUSDT"), instrument("币-USDT", "币USDT")]
)


@pytest.mark.parametrize("spelling", ["BTC-USDT", "btc-usdt", "BTC/USDT", "BTCUSDT", "btcusdt", "btc_usdt", "BTC:USDT"])
def test_every_spelling_means_the_same_market(spelling: str) -> None:
    found = MARKETS.find(spelling)
    assert found is not None and found.symbol == "BTC-USDT"


def test_a_market_that_is_not_ascii_is_found() -> None:
    assert MARKETS.find("币/usdt") is MARKETS.by_symbol["币-USDT"]


def test_an_unknown_spelling_finds_nothing_but_its_nearest() -> None:
    assert MARKETS.find("BTCUSD") is None
    assert MARKETS.nearest("BTCUSD")[0] == "BTC-USDT"
    assert MARKETS.nearest("§§§§") == []


def test_a_spelling_with_two_meanings_finds_nothing_and_names_both() -> None:
    markets = Instruments([instrument("A-BC", "A-BC"), instrument("AB-C", "AB-C")])
    assert markets.find("ABC") is None
    assert markets.nearest("ABC") == ["A-BC", "AB-C"]
    assert markets.find("AB-C") is markets.by_symbol["AB-C"]


def test_an_unknown_market_keeps_its_spelling_both_ways() -> None:
    assert (MARKETS.symbol("XUSDT"), MARKETS.venue_symbol("X-USDT")) == ("XUSDT", "X-USDT")
    assert (MARKETS.symbol("BTCUSDT"), MARKETS.venue_symbol("BTC-USDT")) == ("BTC-USDT", "BTCUSDT")


def test_of_markets_with_one_symbol_all_but_the_first_carry_their_own_id() -> None:
    named = distinct([instrument("UBTC-USDC", "@140"), instrument("UBTC-USDC", "142"), instrument("X-USDC", "@1")])
    assert [market.symbol for market in named] == ["UBTC-USDC", "UBTC-USDC.142", "X-USDC"]


def test_a_market_that_is_listed_twice_is_one_market() -> None:
    pages = [instrument("BTC-USD", "bitcoin"), instrument("ETH-USD", "ethereum"), instrument("BTC-USD", "bitcoin")]
    assert [market.symbol for market in distinct(pages)] == ["BTC-USD", "ETH-USD"]


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("BTC-USDT", "spot"), ("UBTC-USDC.142", "spot"), ("AAPL", "stock"), ("BRK.B", "stock"),
        ("BTC-USD-PERP_BTC", "perpetual"), ("BTC-USDT-20261225", "future"), ("XRP-USDC-20230630-0.625-C", "option"),
    ],
)  # fmt: skip
def test_a_symbol_tells_its_kind(symbol: str, kind: str) -> None:
    assert kind_of(symbol) == kind


def test_a_topic_is_split_at_its_first_two_dots() -> None:
    topic = Topic.parse("hyperliquid.candle_1m.UBTC-USDC.142")
    assert topic == Topic("hyperliquid", "candle_1m", "UBTC-USDC.142")
    assert str(topic) == "hyperliquid.candle_1m.UBTC-USDC.142"


def test_a_replays_topic_names_the_replay_in_front_of_what_it_repeats() -> None:
    topic = Topic.parse("replay-12.binance.trade.UBTC-USDC.142")
    assert topic == Topic("binance", "trade", "UBTC-USDC.142", replay="12")
    assert str(topic) == "replay-12.binance.trade.UBTC-USDC.142"
    assert str(topic.original) == "binance.trade.UBTC-USDC.142"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "binance",
        "binance.trade",
        "binance..BTC-USDT",
        ".trade.BTC-USDT",
        "binance.trade.",
        "replay-7",
        "replay-.a.b.c",
    ],
)
def test_a_topic_of_fewer_parts_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Topic.parse(text)
