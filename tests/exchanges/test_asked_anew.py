"""A stream that is dropped and wanted again in one breath is subscribed to anew, on every source with a socket."""

import json
from collections.abc import Iterable

import pytest

from exchanges import registry
from exchanges.contract import Card, Output, Send
from exchanges.symbols import Instrument, Instruments, Kind

SECOND_NS = 1_000_000_000
STREAMS = ("trade", "ticker", "depth", "candle_1m")


def market(number: int, kind: Kind) -> Instrument:
    """Two of each kind, spelled in a way that every source may list."""
    base = ("BTC", "ETH")[number]
    return Instrument(
        symbol=f"{base}-USD" if kind == "spot" else f"{base}-USD-PERP", venue_symbol=f"{base}-USD", base=base,
        quote="USD", kind=kind, contract_size="1",
    )  # fmt: skip


def cases() -> Iterable[object]:
    for code, card in registry.cards().items():
        for index, socket in enumerate(card.sockets):
            if socket.url:
                for stream in STREAMS:
                    if stream in card.stream_names() and {stream, stream.partition("_")[0]} & set(socket.streams):
                        yield pytest.param(card, index, stream, id=f"{code}-{index}-{stream}")


def said(outputs: Iterable[Output]) -> list[str]:
    return [output.text for output in outputs if isinstance(output, Send)]


@pytest.mark.parametrize(("card", "index", "stream"), list(cases()))
def test_a_stream_that_is_dropped_and_wanted_again_is_asked_for_anew(card: Card, index: int, stream: str) -> None:
    kind: Kind = (card.sockets[index].kinds or ("spot",))[0]
    first, second = market(0, kind), market(1, kind)
    feed = card.feed(Instruments([first, second]))
    wants = {(stream, first.symbol), (stream, second.symbol)}
    now_ns = 1_790_000_000 * SECOND_NS
    said(feed.opening())
    begun = said(feed.wanted(wants)) + said(feed.tick(now_ns))
    if not any(first.base in text.upper() for text in begun):
        pytest.skip("asked for by requests, or only after the exchange has answered something else")
    again = said(feed.wanted(wants - {(stream, first.symbol)})) + said(feed.wanted(wants))
    if card.code == "hyperliquid":  # its acknowledgements have no number: it is waited for them
        left = {"channel": "subscriptionResponse", "data": json.loads(again[0])}
        again += said(feed.receive(json.dumps(left), now_ns))
    for seconds in range(1, 4):
        again += said(feed.tick(now_ns + seconds * SECOND_NS))
    assert len([text for text in again if first.base in text.upper()]) >= 2
