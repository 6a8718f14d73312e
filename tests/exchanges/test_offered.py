"""The page of what each source offers, cell by cell: asked of the sandbox, and for streams looked up in the cases."""

from functools import cache

import pytest

from config.env import ROOT
from exchanges.contract import Card
from exchanges.errors import NotAuthenticated
from exchanges.intervals import open_ms
from exchanges.offered import (
    KEYED,
    KEYED_OR_POLLED,
    KEYED_POLLED,
    KINDS,
    NO,
    PART,
    POLLED,
    REQUESTS,
    STREAMS,
    WAYS,
    YES,
    notes,
    offered,
    page,
)
from exchanges.registry import cards
from tests.exchanges.asked import NO_KEYS, Asked
from tests.exchanges.fuzz import steps_of

BY_SOCKET, BY_REST = {"frame", "text"}, {"answer"}
MEANS = {
    YES: [BY_SOCKET],
    KEYED: [BY_SOCKET],
    PART: [BY_SOCKET, BY_REST],
    POLLED: [BY_REST],
    KEYED_POLLED: [BY_REST],
    KEYED_OR_POLLED: [BY_SOCKET, BY_REST],
}
each_card = pytest.mark.parametrize("card", cards().values(), ids=cards().keys())
each_kind = pytest.mark.parametrize("kind", KINDS)
each_market_data = pytest.mark.parametrize("kind", KINDS[1:])


@cache
def asked(code: str) -> Asked:
    return Asked(cards()[code])


@cache
def told(code: str, family: str) -> frozenset[str]:
    """By which inputs the cases of an exchange give events of that stream."""
    giving = [step for step in steps_of(code) if any(given.get("event") == family for given in step["gives"])]
    return frozenset(word for step in giving for word in BY_SOCKET | BY_REST if word in step)


def test_the_page_in_the_documents_is_what_the_cards_say() -> None:
    assert (ROOT / "docs" / "sources.md").read_text() == page(), "python -m exchanges.offered > docs/sources.md"


@each_card
@each_kind
def test_what_rest_offers_is_answered_by_the_sandbox_and_read(card: Card, kind: str) -> None:
    """Of one market of each kind, and without keys where the page does not say that it wants them."""
    word = offered(card, kind, "REST")
    if word == NO:
        assert not hasattr(card.rest, REQUESTS[kind]) and notes(card, kind, "REST")
        return
    of = asked(card.code)
    keys = of.keys if word == KEYED else NO_KEYS
    if kind == "instruments":
        assert of.instruments(keys)
        return
    for market in of.one_of_each_kind():
        if f"{kind} of {market.kind}s" not in card.missing:
            found = of.events(kind, market, of.keys if market.kind in card.keyed_kinds else keys)
            assert found and {event.symbol for event in found} == {market.symbol}


@each_card
def test_what_wants_a_key_on_the_page_has_a_setting_for_it_and_is_refused_without(card: Card) -> None:
    keyed = [kind for kind in KINDS for way in WAYS if KEYED in offered(card, kind, way)]
    assert not keyed or card.key_names
    for market in asked(card.code).one_of_each_kind():
        if market.kind in card.keyed_kinds:
            with pytest.raises(NotAuthenticated):
                asked(card.code).events("trades", market, NO_KEYS)


@each_card
def test_candles_of_every_interval_of_a_card_are_answered_and_read(card: Card) -> None:
    of = asked(card.code)
    market = next(of.one_of_each_kind())
    for interval in card.intervals:
        candles = of.candles(market, interval, of.keys)
        opened = [candle.open_ms for candle in candles]
        assert opened and opened == sorted(opened)
        if market.kind != "stock":
            assert opened == [open_ms(interval, one) for one in opened]


@each_card
@each_market_data
def test_a_stream_on_the_page_has_cases_that_give_it_in_the_way_the_page_says(card: Card, kind: str) -> None:
    family = STREAMS[kind]
    word = offered(card, kind, "WebSocket")
    if word == NO:
        assert family not in {stream.partition("_")[0] for stream in card.streams}
        assert notes(card, kind, "WebSocket") and not told(card.code, family)
        return
    for one in word.split("; "):
        for inputs in MEANS[one.partition(" (")[0]]:
            assert told(card.code, family) & inputs


@each_card
def test_every_stream_of_a_card_is_on_the_page(card: Card) -> None:
    assert {stream.partition("_")[0] for stream in card.streams} <= set(STREAMS.values())
