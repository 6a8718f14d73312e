"""Subscription signals over REST: what they start, where it is published, when they end, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rest_framework_simplejwt.tokens import AccessToken

from exchanges.symbols import Instrument
from marketdata import cards, ingest, instruments, times
from marketdata.models import Symbol
from streams import keys, markets, signals
from streams.hold import Holder, Sources
from streams.models import Subscription
from streams.spare import PINS
from tests.streams.heard import assert_unbroken, is_
from tests.streams.live import Web, hold_loop

TRADE, TICKER = "binance.trade.BTC-USDT", "binance.ticker.BTC-USDT"
BTC = {"exchange": "binance", "symbols": ["BTC-USDT"], "streams": ["trade"]}

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What the markets of another test's database meant."""
    signals._expansions._kept.clear()
    yield


@pytest.fixture
async def ask(web: Web) -> AsyncIterator[Ask]:
    """`status, body = await ask("POST", path="", body, token=…)` of subscriptions/."""
    async with httpx.AsyncClient(base_url=f"{web.url}/api/v1/subscriptions/", timeout=20, trust_env=False) as client:

        async def asked(method: str, body: Any = None, path: str = "", token: str = "") -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            given = {"content": json.dumps(body), "headers": {"Content-Type": "application/json", **headers}}
            answer = await client.request(method, path, **(given if body is not None else {"headers": headers}))
            return answer.status_code, answer.json()

        yield asked


@database_sync_to_async
def token(name: str, **rights: bool) -> str:
    user = get_user_model().objects.create_user(name, **rights)
    made = AccessToken.for_user(user)
    made.set_exp(lifetime=timedelta(hours=1))
    return str(made)


@pytest.fixture
async def signalled(listed: None) -> AsyncIterator[Holder]:
    """A hold loop that is told of pins and signals as a worker's is."""
    kept = markets.pins()
    async with hold_loop() as loop:
        loop.sources = Sources(loop.sources.cards, loop.sources.markets, kept.value, loop.sources.closed_candle)
        yield loop


async def until(found: Callable[[], Any], patience_s: float = 20) -> Any:
    async with asyncio.timeout(patience_s):
        while not (value := found()):
            await asyncio.sleep(0.02)
    return value


async def test_a_trade_is_byte_for_byte_the_same_on_the_websocket_pubsub_and_the_redis_stream(
    ask: Ask, web: Web, signalled: Holder, clean_redis: Redis, async_redis: AsyncRedis
) -> None:
    status, told = await ask("POST", BTC)
    assert status == 201
    [where] = told["topics"]
    assert (where["redis_channel"], where["redis_stream"], where["kafka_topic"]) == (TRADE, f"stream:{TRADE}", None)
    async with async_redis.pubsub(ignore_subscribe_messages=True) as channel, web.client() as client:
        await channel.subscribe(where["redis_channel"])
        published = await heard(channel, 10)
        await client.subscribe(where["topic"])
        texts = [text.encode() for text in [await client.socket.recv() for _ in range(30)]]
        published += await heard(channel, 25)
    entries = clean_redis.xrange(where["redis_stream"])
    kept = [text for _, fields in entries for text in fields[b"events"].split(b"\n")]
    on_all_three = set(texts) & set(published) & set(kept)
    assert len(on_all_three) >= 10
    assert {json.loads(text)["event"] for text in on_all_three} == {"trade"}
    counted = [text for text in published if b'"seq":null' not in text]
    assert counted == kept[kept.index(counted[0]) :][: len(counted)]  # in order, none missing, none twice


async def heard(channel: Any, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            message = await channel.get_message(timeout=5)
            found += [message["data"]] if message else []
    return found


async def test_a_signal_starts_a_stream_within_two_seconds_and_keeps_it(
    ask: Ask, signalled: Holder, clean_redis: Redis
) -> None:
    await until(lambda: signalled._counted)
    _, told = await ask("POST", BTC)
    assert told["topics"][0]["state"] == "starting"
    await until(lambda: clean_redis.xlen(f"stream:{TRADE}"), patience_s=2)
    status, told = await ask("GET", path=f"{told['id']}/")
    assert (status, told["topics"][0]["state"]) == (200, "live")
    clean_redis.delete(keys.DEMAND)  # what began it is long over
    await until(lambda: TRADE in signalled._publisher.channels.topics)
    before = clean_redis.xlen(f"stream:{TRADE}")
    await until(lambda: clean_redis.xlen(f"stream:{TRADE}") > before + 3)
    _, ended = await ask("DELETE", path=f"{told['id']}/")
    assert ended == {"ended": [told["id"]]}
    await until(lambda: clean_redis.hget(keys.latest(TRADE), "stopped") == b"1")


async def test_the_same_selection_is_the_same_signal_in_any_spelling(ask: Ask) -> None:
    first, told = await ask("POST", {**BTC, "lease_s": 60, "note": "risk"})
    again, same = await ask("POST", {"topics": ["binance.trade.btcusdt"], "lease_s": 600})
    assert (first, again, told["id"], told["note"]) == (201, 200, same["id"], same["note"])
    assert same["lease_end_time"] - told["lease_end_time"] >= 500_000
    lasting, told = await ask("POST", {"symbols": ["btc/usdt"], "streams": ["trade"]})
    assert (lasting, told["lease_s"], told["lease_end_time"]) == (200, None, None)
    assert await rows() == 1


async def test_a_list_begins_several_at_once_or_none(ask: Ask) -> None:
    status, told = await ask("POST", [BTC, {"topics": ["binance.ticker.*"]}])
    assert status == 201
    assert [one["selection"] for one in told["results"]] == [[TRADE], ["binance.ticker.*"]]
    status, told = await ask("POST", [{"topics": ["binance.trade.ETH-USDT"]}, {"topics": ["binance.trade.NONE-USDT"]}])
    assert (status, told["error"]["field"]) == (404, "1.topics")
    assert await rows() == 2


async def test_a_wildcard_follows_new_listings_and_leaves_what_is_delisted(ask: Ask) -> None:
    _, told = await ask("POST", {"topics": ["binance.ticker.*-USDT"]})
    before = {one["topic"] for one in told["topics"]}
    assert told["topic_count"] == len(before) > 3 and TICKER in before
    await listing("NEW-USDT", gone="BTC-USDT")
    _, told = await ask("GET", path=f"{told['id']}/")
    assert {one["topic"] for one in told["topics"]} == before - {TICKER} | {"binance.ticker.NEW-USDT"}
    assert await database_sync_to_async(signals.topics)() == {one["topic"] for one in told["topics"]}


@database_sync_to_async
def listing(symbol: str, gone: str) -> None:
    known = [one for one in instruments.load("binance").by_symbol.values() if one.symbol != gone]
    base, quote = symbol.split("-")
    new = Instrument(symbol=symbol, venue_symbol=base + quote, base=base, quote=quote, kind="spot")
    ingest.instruments("binance", [*known, new], times.now())
    assert Symbol.objects.get(symbol=gone).status == "delisted"


async def test_a_market_that_is_no_longer_listed_says_so_and_can_be_ended(ask: Ask) -> None:
    await ask("POST", BTC)
    await listing("NEW-USDT", gone="BTC-USDT")
    _, told = await ask("GET")
    assert [one["state"] for one in told["results"][0]["topics"]] == ["not_listed"]
    _, ended = await ask("DELETE", {"topics": [TRADE]})
    assert ended == {"ended": [told["results"][0]["id"]]}


async def test_ending_a_selection_twice_is_as_good_as_once(ask: Ask) -> None:
    _, told = await ask("POST", {**BTC, "lease_s": 9, "note": "x"})
    assert await ask("DELETE", {**BTC, "lease_s": 9, "note": "x"}) == (200, {"ended": [told["id"]]})
    assert await ask("DELETE", BTC) == (200, {"ended": []})
    assert await ask("DELETE", path=f"{told['id']}/") == (200, {"ended": []})
    assert (await ask("GET", path=f"{told['id']}/"))[0] == 404


async def test_a_signal_ends_with_its_lease(ask: Ask) -> None:
    _, told = await ask("POST", {**BTC, "lease_s": 1})
    await until_gone(told["id"], ask)
    assert await database_sync_to_async(signals.topics)() == set()
    status, again = await ask("POST", BTC)
    assert status == 201 and again["id"] != told["id"]
    assert await rows() == 1


async def until_gone(pk: int, ask: Ask) -> None:
    async with asyncio.timeout(10):
        while (await ask("GET", path=f"{pk}/"))[0] != 404:
            await asyncio.sleep(0.1)


async def test_each_sees_and_ends_the_own_signals_only_and_staff_all(ask: Ask) -> None:
    one, other, staff = await token("one"), await token("other"), await token("staff", is_staff=True)
    _, told = await ask("POST", BTC, token=one)
    status, theirs = await ask("POST", BTC, token=other)
    assert status == 201 and theirs["id"] != told["id"]
    assert told["owner"] == "one"
    for who, seen in ((one, [told["id"]]), (other, [theirs["id"]]), (staff, [theirs["id"], told["id"]]), ("", [])):
        assert [row["id"] for row in (await ask("GET", token=who))[1]["results"]] == seen
    assert (await ask("GET", path=f"{told['id']}/", token=other))[0] == 404
    assert await ask("DELETE", path=f"{told['id']}/", token=other) == (200, {"ended": []})
    assert await ask("DELETE", BTC, token=staff) == (200, {"ended": []})
    assert await ask("DELETE", path=f"{told['id']}/", token=staff) == (200, {"ended": [told["id"]]})


async def test_without_a_name_it_is_taken_where_reading_is_open_and_nowhere_else(ask: Ask, settings: Any) -> None:
    assert (await ask("POST", BTC))[1]["owner"] is None
    settings.OPEN_READ = False
    for method in ("POST", "GET", "DELETE"):
        status, refused = await ask(method, BTC)
        assert (status, refused["error"]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("body", "status", "field", "words"),
    [
        ({**BTC, "exchange": "binanec"}, 404, "exchange", "binance"),
        ({**BTC, "streams": ["trade", "trades"]}, 400, "streams", "nearest: trade"),
        ({**BTC, "streams": ["candle_3M"]}, 400, "streams", "candle_1m"),
        ({**BTC, "symbols": ["ETHUSDT", "BTCUSTD"]}, 404, "symbols", "nearest: BTC-USDT"),
        ({"topics": ["binance.trade.*-USTD"]}, 404, "topics", "nearest: *-USDT"),
        ({"topics": ["*.trades.BTC-USDT"]}, 400, "topics", "nearest: trade"),
        ({"topics": ["nonsense"]}, 400, "topics", "<exchange>.<stream>.<symbol>"),
        ({**BTC, "symbols": []}, 400, "symbols", "a list of 1 to 1000 markets"),
        ({"topics": []}, 400, "topics", "binance.ticker.*"),
        ({"topics": [7]}, 400, "topics", "a list of"),
        ({}, 400, "symbols", "is missing"),
        ([], 400, None, "1 to 100 signals"),
        ("everything", 400, None, "a JSON object would do"),
        ({"symbols": ["BTC-USDT"]}, 400, "streams", "is missing"),
        ({**BTC, "topics": [TRADE]}, 400, "topics", "either"),
        ({**BTC, "lease_s": 0}, 400, "lease_s", "from 1 to"),
        ({**BTC, "lease_s": -5}, 400, "lease_s", "from 1 to"),
        ({**BTC, "lease_s": True}, 400, "lease_s", "from 1 to"),
        ({**BTC, "lease_s": 10**12}, 400, "lease_s", "from 1 to"),
        ({**BTC, "note": "x" * 201}, 400, "note", "200 characters"),
        ({**BTC, "colour": "red"}, 400, "colour", "is not known"),
    ],
)
async def test_a_refusal_names_the_field_what_came_and_what_would_do(
    ask: Ask, body: Any, status: int, field: str | None, words: str
) -> None:
    answered, refused = await ask("POST", body)
    assert (answered, refused["error"].get("field")) == (status, field)
    assert words in refused["error"]["message"]
    assert await rows() == 0


@pytest.mark.parametrize(
    "body",
    [
        *(
            {"topics": [text]}
            for text in ("\ud800.trade.*", "binance.trade.\ud800", "binance.\x00.*", "*" * 200, "..", "🙂.🙂.🙂")
        ),
        *({**BTC, "symbols": [text]} for text in ("\ud800", "BTC\x00USDT", "(a+)+$", "'; --")),
        {**BTC, "note": "\x00"},
        {**BTC, "exchange": "replay-1.binance"},
        {**BTC, "topics": {"a": 1}},
        [[BTC]],
        [BTC, None],
        None,
    ],
)
async def test_nonsense_is_refused_by_every_method_and_nothing_is_kept(ask: Ask, body: Any) -> None:
    status, refused = await ask("POST", body)
    assert (400 <= status < 405, set(refused)) == (True, {"error"})
    status, _ = await ask("DELETE", body)
    assert status in {200, 400, 404}
    assert await rows() == 0


async def test_a_caller_may_not_signal_more_than_the_bound(ask: Ask, settings: Any) -> None:
    settings.MOST_SIGNALLED_TOPICS = 3
    status, _ = await ask("POST", {"symbols": ["BTC-USDT", "ETH-USDT"], "streams": ["trade"]})
    assert status == 201
    for body in (
        {"symbols": ["BTC-USDT", "ETH-USDT"], "streams": ["ticker"]},
        {"symbols": ["BTC-USDT", "ETH-USDT"], "streams": ["trade", "ticker"]},
        {"topics": ["binance.ticker.*"]},
    ):
        status, refused = await ask("POST", body)
        assert (status, refused["error"]["code"]) == (409, "too_many_subscriptions")
        assert "at most 3" in refused["error"]["message"]
    assert (await ask("POST", BTC))[0] == 201  # it adds nothing
    assert (await ask("POST", {"topics": [TICKER]}, token=await token("other")))[0] == 201
    assert await rows() == 3


async def test_what_grows_over_the_bound_by_itself_is_left_out_and_said_to_be(ask: Ask, settings: Any) -> None:
    _, told = await ask("POST", {"topics": ["binance.ticker.*"]})
    settings.MOST_SIGNALLED_TOPICS = told["topic_count"] - 2
    signals._expansions._kept.clear()
    _, fewer = await ask("GET", path=f"{told['id']}/")
    assert fewer["topic_count"] == told["topic_count"] - 2 and fewer["left_out"] >= 1
    assert len(await database_sync_to_async(signals.topics)()) == fewer["topic_count"]
    assert (await ask("POST", {"topics": ["binance.ticker.*"]}))[0] == 200


async def test_topics_and_signals_come_in_pages(ask: Ask) -> None:
    _, told = await ask("POST", {"topics": ["binance.ticker.*"]})
    _, page = await ask("GET", path=f"{told['id']}/?limit=3")
    found = page["topics"]
    async with httpx.AsyncClient(trust_env=False) as client:
        while page["next"]:
            page = (await client.get(page["next"])).json()
            found += page["topics"]
    assert [one["topic"] for one in found] == [one["topic"] for one in told["topics"]]
    await ask("POST", BTC)
    _, first = await ask("GET", path="?limit=1")
    async with httpx.AsyncClient(trust_env=False) as client:
        second = (await client.get(first["next"])).json()
    assert [first["results"][0]["selection"], second["results"][0]["selection"]] == [[TRADE], ["binance.ticker.*"]]
    assert second["next"] is None


async def test_with_a_kafka_the_answer_names_its_topic(ask: Ask, settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPICS = "127.0.0.1:9", "stream"
    _, told = await ask("POST", BTC)
    assert told["topics"][0]["kafka_topic"] == "marketdata.binance.trade"


async def test_two_who_send_the_same_at_the_same_moment_share_one_signal(ask: Ask) -> None:
    answers = await asyncio.gather(*[ask("POST", [BTC, {"topics": [TICKER]}][:: 1 - 2 * (n % 2)]) for n in range(6)])
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({one["id"] for _, told in answers for one in told["results"]}) == 2


async def test_signals_are_kept_for_a_start_without_a_database_and_none_that_have_ended(
    ask: Ask, clean_redis: Redis
) -> None:
    _, told = await ask("POST", BTC)
    assert await markets.pins().value() == {TRADE}
    await until(lambda: clean_redis.exists(keys.PINS))
    assert await PINS.kept() == {TRADE}
    await ask("DELETE", path=f"{told['id']}/")
    assert await markets.pins().value() == set()
    await until(lambda: clean_redis.get(keys.PINS) == b"\x90")


async def test_a_topic_of_an_exchange_that_is_no_longer_used_is_not_supported(ask: Ask, settings: Any) -> None:
    await ask("POST", BTC)
    settings.EXCHANGES = ("okx",)
    assert "binance" not in cards.codes()
    _, told = await ask("GET")
    assert [one["state"] for one in told["results"][0]["topics"]] == ["not_supported"]


async def test_what_is_signalled_and_listened_to_is_one_stream(
    ask: Ask, web: Web, signalled: Holder, clean_redis: Redis
) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        first = await client.until(is_("trade", TRADE))
        await ask("POST", BTC)
        await until(lambda: TRADE in signalled._publisher.channels.topics)
        await client.several(5, is_("trade", TRADE))
        assert {event["epoch"] for event in client.counted(TRADE)} == {first["epoch"]}


async def test_who_reads_pubsub_misses_nothing_and_hears_nothing_twice_when_a_stream_moves(
    listed: None, clean_redis: Redis, async_redis: AsyncRedis
) -> None:
    async with async_redis.pubsub(ignore_subscribe_messages=True) as channel, hold_loop(pins={TRADE}) as first:
        await channel.subscribe(TRADE)
        published = await heard(channel, 10)
        async with hold_loop(pins={TRADE}) as second:
            await until(lambda: second._counted)
            first.stop()
            await until(lambda: second._held and not first._held)
            published += await heard(channel, 60)
    counted = [json.loads(text) for text in published if b'"seq":null' not in text]
    assert_unbroken(counted)
    assert len({event["epoch"] for event in counted}) == 1


@database_sync_to_async
def rows() -> int:
    return Subscription.objects.count()
