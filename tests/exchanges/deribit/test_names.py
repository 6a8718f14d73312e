"""Deribit's spelling of markets, and what it tells."""

import pytest

from exchanges.deribit import names


@pytest.mark.parametrize(
    ("venue_symbol", "symbol", "counts_quote"),
    [
        ("BTC-PERPETUAL", "BTC-USD-PERP_BTC", True),
        ("SOL_USDC-PERPETUAL", "SOL-USDC-PERP", False),
        ("BTC-27DEC24", "BTC-USD-20241227_BTC", True),
        ("BTC-5AUG23", "BTC-USD-20230805_BTC", True),
        ("BTC_USDC-27MAR26", "BTC-USDC-20260327", False),
        ("BTC-27DEC24-100000-C", "BTC-USD-20241227-100000-C_BTC", False),
        ("XRP_USDC-30JUN23-0d625-P", "XRP-USDC-20230630-0.625-P", False),
        ("BTC_USDC", "BTC-USDC", False),
        ("ETH_BTC", "ETH-BTC", False),
    ],
)
def test_a_name_tells_our_symbol_and_the_unit_of_amounts(venue_symbol: str, symbol: str, counts_quote: bool) -> None:
    assert names.symbol_of(venue_symbol) == symbol
    spelled = names.spelled(venue_symbol)
    assert spelled is not None and spelled.counts_quote is counts_quote


@pytest.mark.parametrize(
    "venue_symbol",
    ["BTC-FS-25DEC26_PERP", "BTC-CS-25DEC26-70000_75000", "BTC", "", "BTC-27XXX24", "BTC-45DEC24", "BTC-PERPETUAL-1-C"],
)
def test_a_combo_or_what_is_no_market_tells_nothing(venue_symbol: str) -> None:
    assert names.symbol_of(venue_symbol) is None
