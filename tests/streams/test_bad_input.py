"""A wrong key, a spent quota, a market that is gone, a stream that is not offered: each is told apart in the reply, in
the status events and in `status/`, and nothing is asked faster than the source allows."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from redis import Redis

from marketdata import instruments
from marketdata import sync as metadata
from streams import session
from tests.sandbox_server import SandboxServer, running
from tests.streams.heard import is_
from tests.streams.live import PATIENCE_S, Listener, Web, hold_loop
from tests.streams.rest import Get

Installed = Callable[..., SandboxServer]
MARKED = "k3y-that-nobody-may-see"
RIGHT = {
    "alpaca": {"ALPACA_KEY_ID": "right", "ALPACA_SECRET_KEY": "right"},
    "alphavantage": {"ALPHAVANTAGE_KEY": "premium"},
}


@pytest.fixture(scope="module")
def own() -> Any:
    """A sandbox whose counts and quotas no other test uses."""
    with running("--seed", "7", "--rate", "400", "--symbols", "6") as server:
        yield server


@pytest.fixture
def installed(listed: None, settings: Any, own: SandboxServer) -> Any:
    """An installation of one exchange, whose markets were read with the right keys; then it has the given ones."""

    def install(code: str, **keys: str) -> SandboxServer:
        settings.SANDBOX_URL, settings.EXCHANGES = own.url, (code,)
        settings.KEYS = {code: RIGHT.get(code, {})}
        metadata.sync(code)
        settings.KEYS = {code: keys}
        instruments._kept.clear()
        return own

    yield install
    own.clear()


def seen(server: SandboxServer, code: str) -> dict[str, int]:
    return server.get("/seen")[code]


async def row_of(get: Get, topic: str, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The topic's row of `status/` once it is `found`; `trouble` is its exchange's."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, status = await get("status/")
            rows = [row for row in status["streams"] if row["topic"] == topic]
            troubles = status["exchanges"][0]["troubles"]
            if rows and found({**rows[0], "troubles": troubles}):
                return {**rows[0], "troubles": troubles}
            await asyncio.sleep(0.1)


async def status_of(client: Listener, topic: str, word: str) -> dict[str, Any]:
    """The first such event, or the next one."""
    found = is_("status", topic, status=word)
    return next(filter(found, client.heard), None) or await client.until(found)


async def test_a_wrong_key_is_said_kept_and_not_tried_again_for_ten_minutes(
    web: Web, get: Get, installed: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    topic = "alpaca.trade.BTC-USD"
    server = await sync_to_async(installed)("alpaca", ALPACA_KEY_ID=MARKED, ALPACA_SECRET_KEY="wrong")
    before = seen(server, "alpaca")["connections"]
    caplog.set_level(logging.DEBUG)
    async with web.client() as client:
        await client.subscribe(topic)
        async with hold_loop():
            assert "code 402" in (await status_of(client, topic, "not_authenticated"))["detail"]
            again = await client.until(is_("status", topic, status="not_authenticated"))
            assert "code 402" in again["detail"] and "; tried again at " in again["detail"]
            row = await row_of(get, topic, lambda row: bool(row["troubles"]) and row["rate"] is not None)
            assert row["status"] == "not_authenticated" and "code 402" in row["detail"]
            assert row["troubles"][0]["state"] == "not_authenticated"
            assert "ALPACA_KEY_ID, ALPACA_SECRET_KEY and a restart would do" in row["troubles"][0]["detail"]
            _, answer = await get("exchanges/alpaca/")
        assert seen(server, "alpaca")["connections"] == before + 1
    heard = json.dumps([client.heard, row, answer], default=str)
    assert MARKED not in heard and MARKED not in caplog.text


async def test_a_mended_key_goes_on_after_a_restart(web: Web, get: Get, installed: Installed) -> None:
    topic = "alpaca.trade.BTC-USD"
    await sync_to_async(installed)("alpaca", **RIGHT["alpaca"])
    async with web.client() as client:
        await client.subscribe(topic)
        async with hold_loop():
            await client.until(is_("trade", topic))
            assert (await row_of(get, topic, lambda row: row["status"] == "live"))["troubles"] == []


async def test_an_account_whose_one_connection_is_taken_waits_half_a_minute(web: Web, installed: Installed) -> None:
    topic = "alpaca.trade.BTC-USD"
    server = await sync_to_async(installed)("alpaca", ALPACA_KEY_ID="busy", ALPACA_SECRET_KEY="right")
    before = seen(server, "alpaca")["connections"]
    async with web.client() as client:
        await client.subscribe(topic)
        async with hold_loop():
            said = await status_of(client, topic, "reconnecting")
            assert "code 406" in said["detail"] and "; tried again at " in said["detail"]
    assert seen(server, "alpaca")["connections"] == before + 1


async def test_wrong_keys_at_a_source_that_is_open_without_are_told_and_it_goes_on_without(
    web: Web, get: Get, installed: Installed
) -> None:
    topic = "deribit.ticker.BTC-USD-PERP_BTC"
    keys = {"DERIBIT_CLIENT_ID": "other", "DERIBIT_CLIENT_SECRET": MARKED}
    await sync_to_async(installed)("deribit", **keys)
    async with web.client() as client:
        await client.subscribe(topic)
        async with hold_loop():
            assert "13004" in (await status_of(client, topic, "not_authenticated"))["detail"]
            await client.until(is_("ticker", topic))
            row = await row_of(get, topic, lambda row: row["status"] == "live" and bool(row["troubles"]))
    assert row["troubles"][0]["state"] == "not_authenticated" and "13004" in row["troubles"][0]["detail"]
    assert MARKED not in json.dumps([client.heard, row], default=str)


@pytest.mark.parametrize(
    ("code", "keys", "wanted"),
    [
        ("alphavantage", {"ALPHAVANTAGE_KEY": f"premium-{MARKED}"}, ("ticker.AAPL", "candle_1d.AAPL")),
        ("coingecko", {"COINGECKO_DEMO_KEY": MARKED}, ("ticker.BTC-USD", "candle_30m.BTC-USD")),
    ],
)
async def test_a_spent_quota_is_told_with_its_end_and_costs_no_further_request(
    web: Web, get: Get, installed: Installed, clean_redis: Redis, caplog: pytest.LogCaptureFixture,
    code: str, keys: dict[str, str], wanted: tuple[str, str],
) -> None:  # fmt: skip
    first, second = (f"{code}.{topic}" for topic in wanted)
    server = await sync_to_async(installed)(code, **keys)
    server.fault("quota", exchange=code, seconds=600)
    before = seen(server, code)["requests"]
    caplog.set_level(logging.DEBUG)
    async with web.client() as client:
        await client.subscribe(first, second)
        async with hold_loop():
            for topic in (first, second):
                assert "; asked again at 20" in (await status_of(client, topic, "quota_spent"))["detail"]
            row = await row_of(get, second, lambda row: row["status"] == "quota_spent" and bool(row["troubles"]))
            [trouble] = row["troubles"]
            assert (
                trouble["state"] == "quota_spent" and "CoinGecko" in trouble["detail"] or "quota" in trouble["detail"]
            )
            assert 5.9 * 3600_000 < trouble["again_time"] - row_time(row) < 6.1 * 3600_000
            exchange, stream, symbol = first.split(".", 2)
            status, answer = await get("ticker/", exchange=exchange, symbol=symbol)
            assert (status, answer["error"]["code"], answer["error"]["field"]) == (429, "rate_limited", "exchange")
            assert f"exchange: {code!r} came" in answer["error"]["message"]
        async with hold_loop():  # another worker does not ask either
            await client.until(is_("status", first, status="quota_spent"))
        assert seen(server, code)["requests"] == before + 1
        server.clear()
        clean_redis.delete(f"budget:{{{code}}}:closed")  # as when its time is over
        async with hold_loop():
            await client.until(is_("status", first, status="live"))
    assert MARKED not in json.dumps([client.heard, row, answer], default=str) and MARKED not in caplog.text


def row_time(row: dict[str, Any]) -> int:
    """About now, in ms."""
    return int(row["epoch"])


async def test_a_banned_address_stays_away_with_all_its_connections(
    web: Web, get: Get, installed: Installed, own: SandboxServer
) -> None:
    topics = "binance.trade.BTC-USDT", "binance.ticker.ETH-USDT"
    await sync_to_async(installed)("binance")
    own.fault("refuse_connections", exchange="binance", status=418, seconds=600)
    before = seen(own, "binance")["connections"]
    async with web.client() as client:
        await client.subscribe(*topics)
        async with hold_loop(spread=2):
            for topic in topics:
                detail = (await status_of(client, topic, "quota_spent"))["detail"]
                assert "HTTP 418" in detail and "; tried again at " in detail
            row = await row_of(get, topics[0], lambda row: bool(row["troubles"]))
            assert row["troubles"][0]["state"] == "quota_spent" and "HTTP 418" in row["troubles"][0]["detail"]
        assert seen(own, "binance")["connections"] - before <= 2


async def test_a_book_whose_snapshot_a_ban_keeps_away_is_not_called_live(
    web: Web, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth, trade = "binance.depth.BTC-USDT", "binance.trade.BTC-USDT"
    server = await sync_to_async(installed)("binance")
    server.fault("status", exchange="binance", status=418, retry_after_s=600, path="/api/v3/depth", seconds=600)
    monkeypatch.setattr(session, "LIVE_AFTER_S", 0.0)
    async with web.client() as client:
        await client.subscribe(depth, trade)
        async with hold_loop():
            detail = (await status_of(client, depth, "quota_spent"))["detail"]
            assert "no snapshot of the order book: HTTP 418" in detail and "; tried again at " in detail
            await client.several(5, is_("trade", trade))
    told = [event["status"] for event in client.heard if is_("status", depth)(event)]
    assert "live" not in told[told.index("quota_spent") :]


async def test_a_delisted_market_says_so_to_all_and_goes_on_when_it_is_listed_again(
    web: Web, get: Get, installed: Installed
) -> None:
    topic, other = "binance.trade.SOL-USDT", "binance.trade.BTC-USDT"
    server = await sync_to_async(installed)("binance")
    async with web.client() as client, hold_loop():
        await client.subscribe(topic, other)
        await client.until(is_("trade", topic))
        server.fault("delist", exchange="binance", symbol="SOL-USDT")
        await sync_to_async(metadata.sync)("binance")
        said = await status_of(client, topic, "not_listed")
        assert said["detail"] == "binance no longer lists SOL-USDT"
        row = await row_of(get, topic, lambda row: row["status"] == "not_listed")
        assert row["detail"] == "binance does not list SOL-USDT"
        await client.subscribe(topic)
        reply = await client.until(lambda event: event.get("action") == "subscribe" and not event["result"])
        assert reply["error"]["code"] == "unknown_pair"
        assert "binance no longer lists SOL-USDT since 20" in reply["error"]["message"]
        for path in ("ticker/", "trades/", "depth/"):
            status, answer = await get(path, symbol="SOL-USDT")
            assert (status, answer["error"]["code"], answer["error"]["field"]) == (404, "unknown_pair", "symbol")
            assert answer["error"]["message"].startswith("symbol: 'SOL-USDT' came")
        await client.until(is_("trade", other))  # the others go on
        await sync_to_async(server.clear)()
        await sync_to_async(metadata.sync)("binance")
        await client.until(is_("trade", topic))


async def test_a_list_that_could_not_be_read_is_the_reason_of_a_refusal_at_once(
    web: Web, get: Get, installed: Installed, settings: Any
) -> None:
    server = await sync_to_async(installed)("binance")
    settings.EXCHANGES, settings.KEYS = ("alpaca",), {"alpaca": {"ALPACA_KEY_ID": MARKED, "ALPACA_SECRET_KEY": "wrong"}}
    with pytest.raises(metadata.SyncFailed):
        await sync_to_async(metadata.sync)("alpaca")
    assert await sync_to_async(metadata.due)() == []  # not at every turn of the clock
    requests = seen(server, "alpaca")["requests"]
    async with web.client() as client:
        await client.subscribe("alpaca.trade.BTC-USD")
        reply = await client.next(5)
    assert reply["error"]["code"] == "unavailable"
    assert "its list could not be read: Alpaca" in reply["error"]["message"]
    _, status = await get("status/")
    assert [trouble["state"] for trouble in status["exchanges"][0]["troubles"]] == ["not_authenticated"]
    assert seen(server, "alpaca")["requests"] == requests
    assert MARKED not in json.dumps([client.heard, status], default=str)


async def test_a_pin_of_a_stream_that_the_source_does_not_have_is_told_so(get: Get, clean_redis: Redis) -> None:
    clean_redis.zadd("demand", {"binance.candle_7m.BTC-USDT": 2_000_000_000_000})
    _, status = await get("status/")
    [row] = status["streams"]
    assert row["status"] == "not_supported"
    assert row["detail"].startswith("binance does not offer candle_7m; it offers ")
