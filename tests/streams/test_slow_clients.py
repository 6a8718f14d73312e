"""A client that reads slowly costs its outbox and is told what it missed; the others notice nothing."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams import outbox
from streams.fanout import fanout
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
from tests.streams.heard import assert_unbroken, is_, replayed
from tests.streams.live import Listener, Web

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
PADDING = 800  # refusals, each a few hundred characters: what waits in front of the streams


@pytest.fixture
def sandbox(busy: SandboxServer) -> SandboxServer:
    """Many trades are waited for."""
    return busy


@pytest.fixture
def narrow(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTBOX_MB, settings.MOST_REQUESTS_S = 1, 10_000
    monkeypatch.setattr(outbox, "LONGEST_S", 0.1)


@contextlib.asynccontextmanager
async def behind(web: Web) -> AsyncIterator[Listener]:
    """A client behind small buffers, so that what it does not read waits in the server soon."""
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", int(web.ws.rsplit(":", 1)[1].split("/")[0])))
        async with web.client(sock=small.dup(), max_queue=1, close_timeout=1) as client:
            yield client


async def test_it_is_told_what_it_missed_and_a_book_starts_anew(
    web: Web, holder: Holder, sandbox: SandboxServer, narrow: None
) -> None:
    async with web.client() as quick, behind(web) as slow:
        await quick.subscribe(TRADE, DEPTH)
        await slow.subscribe(TRADE, DEPTH)
        await slow.until(is_("trade"))
        await slow.until(is_("depth"))
        for _ in range(4):
            await slow.subscribe(*["n" * 150 + str(number) for number in range(PADDING)])
        await quick.several(300, is_("trade"))
        lagged = {}
        while lagged.keys() != {TRADE, DEPTH}:
            event = await slow.until(is_("lagged"))
            lagged[event["topic"]] = event
        await slow.until(is_("trade"))
        await slow.until(is_("depth", type="delta"))
        missed = lagged[TRADE]
        await slow.say(action="subscribe", topics=[TRADE], **{"from": missed["from"]})
        assert (await slow.until(lambda event: event.get("recovered") is not None))["recovered"]
        await slow.several(missed["dropped"] + 5, is_("trade"))
    assert_unbroken(quick.counted(TRADE))
    assert_unbroken(quick.counted(DEPTH))
    for topic, event in lagged.items():
        heard = [e for e in slow.heard if e.get("topic") == topic and (e.get("seq") or e.get("event") == "lagged")]
        place = heard.index(event)
        last, following = heard[place - 1], heard[place + 1]
        assert (last["epoch"], last["seq"]) == (event["from"]["epoch"], event["from"]["seq"])
        shown = event["from"]["seq"] + event["dropped"]
        assert following["seq"] == (shown if topic == DEPTH else shown + 1)
    bids, asks = replayed([event for event in slow.counted(DEPTH) if event["event"] == "depth"])
    assert max(bids) < min(asks)
    after = [e for e in slow.heard[slow.heard.index(missed) :] if e.get("topic") == TRADE and e.get("seq")]
    fetched = after[[e["seq"] for e in after].index(missed["from"]["seq"] + 1) :]
    assert_unbroken(fetched)


async def test_while_a_topic_lags_its_events_are_no_work(web: Web, holder: Holder, narrow: None) -> None:
    async with web.client() as quick, behind(web) as slow:
        await quick.subscribe(TRADE)
        await slow.subscribe(TRADE)
        await slow.until(is_("trade"))
        cast = fanout()._topics[TRADE]
        assert len(cast.clients) == 2
        for _ in range(6):
            await slow.subscribe(*["n" * 150 + str(number) for number in range(PADDING)])
        await quick.until(lambda _: len(cast.clients) == 1)
        await quick.several(20, is_("trade"))
        assert len(cast.clients) == 1


async def test_topics_that_lag_together_go_on_together(web: Web, holder: Holder, settings: Any) -> None:
    settings.OUTBOX_MB, settings.MOST_REQUESTS_S = 1, 10_000
    topics = {f"binance.trade.{base}-USDT" for base in ("BTC", "ETH", "SOL", "XRP", "BNB", "ADA", "DOGE")}
    async with web.client() as quick, behind(web) as slow:
        await quick.subscribe(*topics)
        await slow.subscribe(*topics)
        for topic in topics:
            await slow.until(is_("trade", topic))
        casts = [fanout()._topics[topic] for topic in topics]
        for _ in range(6):
            await slow.subscribe(*["n" * 150 + str(number) for number in range(PADDING)])
        await quick.until(lambda _: all(len(cast.clients) == 1 for cast in casts))
        lagged: set[str] = set()
        async with asyncio.timeout(12):
            while lagged != topics:
                lagged.add((await slow.until(is_("lagged")))["topic"])
