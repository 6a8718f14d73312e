"""Which market is meant, and what is said where none is."""

from dataclasses import replace

import pytest

from exchanges.registry import card
from exchanges.symbols import Instrument, Instruments
from streams import resolve
from streams.messages import Refused

ALPACA = card("alpaca")
BTC = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")
AAPL = Instrument(symbol="AAPL", venue_symbol="AAPL", base="AAPL", quote="USD", kind="stock")
KEYED = replace(ALPACA, keys=dict.fromkeys(ALPACA.key_names, "key"))


def refusal(of: object, *known: Instrument) -> Refused:
    with pytest.raises(Refused) as refused:
        resolve.topic(of, Instruments(known), "trade", "MSFT")  # type: ignore[arg-type]
    return refused.value


def test_a_market_that_is_listed_to_those_with_keys_alone_names_the_keys() -> None:
    refused = refusal(ALPACA, BTC)
    assert refused.code == "not_authenticated"
    assert "ALPACA_KEY_ID, ALPACA_SECRET_KEY" in str(refused) and "stock" in str(refused)
    assert str(resolve.topic(ALPACA, Instruments([BTC]), "trade", "btc/usd")) == "alpaca.trade.BTC-USD"


def test_a_market_is_unknown_where_the_whole_list_is_known() -> None:
    assert refusal(KEYED, BTC).code == refusal(ALPACA, BTC, AAPL).code == "unknown_pair"
