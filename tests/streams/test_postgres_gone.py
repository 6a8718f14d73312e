"""PostgreSQL is killed or hangs: streams do not notice, nor does a loop that is started meanwhile; candles wait."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.db import connections
from rest_framework_simplejwt.tokens import AccessToken

from exchanges.events import Candle as CandleEvent
from marketdata import ingest
from marketdata.models import Candle
from streams.database import DatabaseAway, database
from streams.ending import ended
from streams.publishers import candles
from streams.publishers.candles import CandleWriter
from tests.streams.gone import Store, stoppable_postgres
from tests.streams.heard import assert_unbroken, is_, trade_ids
from tests.streams.live import Web, hold_loop

__all__ = ["stoppable_postgres"]

TRADE, OTHER, LATE = (f"binance.trade.{base}-USDT" for base in ("BTC", "ETH", "SOL"))
MINUTE_MS = 60_000


@pytest.fixture
def store(stoppable_postgres: Store, listed: None) -> Iterator[Store]:
    yield stoppable_postgres
    connections["default"].close()
    connections["default"].close_pool()  # it has connections that were cut


@pytest.fixture
def bearer(store: Store) -> dict[str, str]:
    user = get_user_model().objects.create_user("reader", password="a long password")
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


def go_away(store: Store, how: str) -> None:
    (store.hang if how == "hangs" else store.kill)()


def come_back(store: Store, how: str) -> None:
    (store.go_on if how == "hangs" else store.start)()


@pytest.mark.parametrize("how", ["is killed", "hangs"])
async def test_streams_do_not_notice_nor_does_a_loop_that_is_started_meanwhile(
    store: Store, web: Web, bearer: dict[str, str], settings: Any, how: str
) -> None:
    async with web.client() as client, hold_loop() as first:
        await client.subscribe(TRADE)
        await client.several(5, is_("trade", TRADE))
        go_away(store, how)
        try:
            async with hold_loop() as second:
                async with asyncio.timeout(20):
                    while not second._counted:
                        await client.next()
                first.stop()
                async with asyncio.timeout(20):
                    while not second._held or first._held:
                        await client.next()
                await client.several(5, is_("trade", TRADE))
                await client.subscribe(OTHER)
                await client.until(is_("trade", OTHER))
                await _judged(web, bearer, settings)
        finally:
            come_back(store, how)  # here: a store ends with the thread that started it
    events = client.counted(TRADE)
    assert_unbroken(events)
    ids = trade_ids(events)
    assert len(ids) == len(events)
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def _judged(web: Web, bearer: dict[str, str], settings: Any) -> None:
    """Where reading is open everybody listens; elsewhere who cannot be judged is told so and may try again."""
    async with web.client(additional_headers=bearer) as known:
        await known.subscribe(TRADE)
        await known.until(is_("trade", TRADE))
    settings.OPEN_READ = False
    async with web.client(additional_headers=bearer) as known:
        refused = await known.next()
        assert (refused["action"], refused["error"]["code"]) == ("error", "unavailable")
        assert await known.close_code() == 1013
    async with web.client() as unknown:
        token = bearer["Authorization"].removeprefix("Bearer ")
        await unknown.say(action="authenticate", token=token, id=1)
        assert (await unknown.next())["error"]["code"] == "unavailable"
        await unknown.say(action="authenticate", token="nonsense", id=2)
        assert (await unknown.next())["error"]["code"] == "not_authenticated"
    settings.OPEN_READ = True


def closed(number: int, close: str = "2") -> CandleEvent:
    return CandleEvent(
        symbol="BTC-USDT",
        venue_symbol="BTCUSDT",
        received_ns=1,
        event_us=1,
        interval="1m",
        open_ms=number * MINUTE_MS,
        close_ms=(number + 1) * MINUTE_MS - 1,
        open="1",
        high="3",
        low="1",
        close=close,
        volume="4",
        quote_volume=None,
        trades=None,
        closed=True,
    )


@database_sync_to_async
def stored() -> list[Decimal]:
    return list(Candle.objects.order_by("open_time").values_list("close", flat=True))


async def until_stored(count: int) -> list[Decimal]:
    async with asyncio.timeout(20):
        while len(found := await stored()) < count:
            await asyncio.sleep(0.1)
    return found


async def test_candles_wait_for_the_database_and_those_it_can_never_take_hold_up_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(candles, "PAUSE_S", 0.05)
    monkeypatch.setattr(candles, "RETRY_S", 0.2)
    writer = CandleWriter(ingest.closed_candles)
    writing = asyncio.create_task(writer.run())
    try:
        writer.add("binance", closed(1))
        await until_stored(1)
        store.kill()
        for number in (2, 3, 4):
            writer.add("binance", closed(number, "no number" if number == 3 else str(number)))
        async with asyncio.timeout(30):
            while not [record for record in caplog.records if "wait for the database" in record.getMessage()]:
                await asyncio.sleep(0.05)
        store.start()
        assert await until_stored(3) == [Decimal(2), Decimal(2), Decimal(4)]
        left_out = [record for record in caplog.records if "left out" in record.getMessage()]
        assert len(left_out) == 1 and left_out[0].levelno == logging.ERROR
    finally:
        await ended([writing])


async def test_what_waits_when_a_loop_stops_is_written_first_but_not_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candles, "PARTING_S", 1.0)
    writer = CandleWriter(ingest.closed_candles)
    for number in (1, 2):
        writer.add("binance", closed(number))
    await writer.part()
    assert await stored() == [Decimal(2), Decimal(2)]
    writer.add("binance", closed(3))
    store.hang()
    try:
        async with asyncio.timeout(3):
            await writer.part()
    finally:
        store.go_on()


async def test_a_question_has_an_end_and_the_next_is_not_asked_at_once(store: Store) -> None:
    read = sync_to_async(lambda: None)  # the loop's own threads answer all the while
    store.hang()
    try:
        with pytest.raises(DatabaseAway, match="no answer in time"):
            await database.ask(get_user_model().objects.count, patience_s=0.5)
        assert database.away
        with pytest.raises(DatabaseAway, match="does not answer"):
            await database.ask(get_user_model().objects.count)
        await read()
    finally:
        store.go_on()
    async with asyncio.timeout(20):
        while database.away:
            await asyncio.sleep(0.2)
            with suppress(DatabaseAway):
                assert await database.ask(get_user_model().objects.count) == 0
