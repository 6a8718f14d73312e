"""Patterns are expanded once for the markets that an exchange has, and again when they change."""

import pytest

from exchanges import registry
from exchanges.symbols import Instrument, Instruments
from streams import expansions, patterns
from streams.expansions import Expansions
from streams.signals import MOST_WILDCARDS

CARDS = {code: registry.card(code) for code in ("binance", "okx")}


def listed(*bases: str) -> Instruments:
    return Instruments(
        Instrument(symbol=f"{base}-USDT", venue_symbol=f"{base}USDT", base=base, quote="USDT", kind="spot")
        for base in bases
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Each expansion that was made: pattern and exchange."""
    made = []
    expanded = patterns.expanded

    def counted(pattern: str, card, markets):
        made.append((pattern, card.code))
        return expanded(pattern, card, markets)

    monkeypatch.setattr(patterns, "expanded", counted)
    return made


def test_a_pattern_is_expanded_again_only_for_the_exchange_whose_markets_changed(asked: list[tuple[str, str]]) -> None:
    known, found = {"binance": listed("BTC"), "okx": listed("BTC")}, Expansions()
    for _ in range(3):
        topics = list(found.topics(["*.trade.*", "binance.trade.X-USDT"], CARDS, known.__getitem__, 100))
    assert topics == ["binance.trade.BTC-USDT", "okx.trade.BTC-USDT", "binance.trade.X-USDT"]
    assert asked == [("*.trade.*", "binance"), ("*.trade.*", "okx")]
    known["okx"] = listed("BTC", "ETH")
    topics = list(found.topics(["*.trade.*"], CARDS, known.__getitem__, 100))
    assert topics == ["binance.trade.BTC-USDT", "okx.trade.BTC-USDT", "okx.trade.ETH-USDT"]
    assert asked[2:] == [("*.trade.*", "okx")]


def test_what_is_kept_is_bounded_in_patterns_and_in_topics(
    asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expansions, "MOST_KEPT", 2)
    known, found = {"binance": listed("BTC", "ETH", "SOL")}, Expansions()
    cards = {"binance": CARDS["binance"]}
    for stream in ("trade", "ticker", "depth", "trade"):
        assert len(list(found.topics([f"binance.{stream}.*"], cards, known.__getitem__, 2))) == 2
    assert len(asked) == 4 and len(found._kept) == 2


def test_all_wildcards_that_callers_may_have_are_kept_for_every_exchange(asked: list[tuple[str, str]]) -> None:
    """Where one is expanded again at each look, all are: each makes room for the next."""
    cards = {code: registry.card(code) for code in registry.cards()}
    wanted = [f"*.trade.A{number}-*" for number in range(3 * MOST_WILDCARDS)]
    known, found = dict.fromkeys(cards, listed("BTC")), Expansions()
    for _ in range(2):
        assert not list(found.topics(wanted, cards, known.__getitem__, 100))
    assert len(asked) == len(wanted) * len(cards)
