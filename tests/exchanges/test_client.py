"""The HTTP client against a real server: what is tried again, what is waited for, and what every failure becomes."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from exchanges import client as module
from exchanges import registry
from exchanges.binance import CARD
from exchanges.budget import Budget
from exchanges.client import Client, pause_s
from exchanges.contract import Limit, Request
from exchanges.errors import (
    BadFrame,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
    Unreachable,
)
from tests.exchanges.http_server import Answer, Server, http_server

REQUEST = Request("/api/v3/time?apikey=secret", weight=5)
LIMITS = (Limit(6000, 3600), Limit(300_000, 3600, "raw"))  # windows that will not end during a test
BUSY = Answer(503, b"busy", {"Retry-After": "0"})


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own backoff is drawn from [0, backoff]: the smallest draw keeps the tests short."""
    monkeypatch.setattr(module.random, "uniform", lambda low, high: low)


@asynccontextmanager
async def client(redis: Redis, *answers: Answer, **options: Any) -> AsyncIterator[tuple[Client, Server, Budget]]:
    async with http_server(*answers) as server:
        budget = Budget(redis, "binance", LIMITS)
        async with Client(replace(CARD, rest_url=server.url), budget, **options) as made:
            yield made, server, budget


async def test_an_answer_is_its_body_and_costs_its_weight(async_redis: Redis) -> None:
    async with client(async_redis, Answer(body=b'{"serverTime":1}')) as (made, server, budget):
        assert await made.fetch(REQUEST) == b'{"serverTime":1}'
        assert server.asked[0].startswith("GET /api/v3/time?apikey=secret HTTP/1.1")
        assert [left for _, left in (await budget.left()).left] == [5995, 299_999]


async def test_a_request_may_have_a_body(async_redis: Redis) -> None:
    async with client(async_redis, Answer()) as (made, server, _):
        await made.fetch(Request("/info", method="POST", body='{"type":"meta"}'))
        assert server.asked[0].startswith("POST /info ")
        assert "Content-Type: application/json" in server.asked[0]


async def test_a_fault_of_the_server_is_tried_again_until_it_answers(async_redis: Redis) -> None:
    async with client(async_redis, Answer(502), BUSY, Answer(body=b"[1]")) as (made, server, budget):
        assert await made.fetch(REQUEST) == b"[1]"
        assert len(server.asked) == 3
        assert (await budget.left()).left[0][1] == 6000 - 3 * 5


async def test_a_fault_that_stays_is_told_after_some_attempts(async_redis: Redis) -> None:
    async with client(async_redis, Answer(500), attempts=3) as (made, server, _):
        with pytest.raises(ServerFault, match="HTTP 500"):
            await made.fetch(REQUEST)
        assert len(server.asked) == 3


async def test_what_the_exchange_asks_us_to_wait_is_waited(async_redis: Redis) -> None:
    async with client(async_redis, Answer(429, headers={"Retry-After": "1"}), Answer(body=b"[2]")) as (made, _, __):
        before_s = time.monotonic()
        assert await made.fetch(REQUEST) == b"[2]"
        assert time.monotonic() - before_s >= 1.0


@pytest.mark.parametrize("status", [429, 418])
async def test_a_ban_closes_the_door_for_all_workers(async_redis: Redis, status: int) -> None:
    async with client(async_redis, Answer(status, headers={"Retry-After": "300"})) as (made, server, budget):
        with pytest.raises(RateLimited) as caught:
            await made.fetch(REQUEST)
        assert caught.value.retry_after_s == 300
        with pytest.raises(RateLimited, match="budget"):
            await made.fetch(REQUEST)
        assert len(server.asked) == 1
        left = await budget.left()
        assert left.closed_s > 290 and left.why == f"HTTP {status}"


async def test_what_the_exchange_said_of_our_keys_is_remembered_until_it_takes_them(async_redis: Redis) -> None:
    async with http_server(Answer(401, b'{"message":"unauthorized"}'), Answer(body=b"{}")) as server:
        keys = {"ALPACA_KEY_ID": "wrong", "ALPACA_SECRET_KEY": "wrong"}
        card = replace(registry.card("alpaca"), rest_url=server.url, keys=keys)
        budget = Budget(async_redis, "alpaca", card.limits)
        async with Client(card, budget) as made:
            with pytest.raises(NotAuthenticated):
                await made.fetch(Request("/v2/x"))
            assert len(server.asked) == 1
            assert (await budget.left()).refused == "Alpaca: unauthorized (HTTP 401)"
            await made.fetch(Request("/v2/x"))
            assert (await budget.left()).refused == ""


async def test_the_weight_that_the_exchange_counts_reaches_the_budget(async_redis: Redis) -> None:
    async with client(async_redis, Answer(headers={"X-MBX-USED-WEIGHT-1M": "5000"})) as (made, _, budget):
        for _ in range(100):
            await made.fetch(REQUEST)
            if (await budget.left()).left[0][1] == 1000:
                break
            await asyncio.sleep(0.2)  # the first seconds of a window say nothing
        assert (await budget.left()).left[0][1] == 1000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}'), UnknownMarket),
        (Answer(400, b'{"code":-1100,"msg":"Illegal characters"}'), Refused),
        (Answer(451, b'{"code":0,"msg":"restricted location"}'), Forbidden),
        (Answer(301, b"", {"Location": "http://127.0.0.1:1/"}), Refused),
        (Answer(200, b"x" * 2000), BadFrame),
    ],
)
async def test_what_another_attempt_cannot_help_is_told_at_once(
    async_redis: Redis, answer: Answer, error: type[Exception]
) -> None:
    async with client(async_redis, answer, most_bytes=1000) as (made, server, _):
        with pytest.raises(error) as caught:
            await made.fetch(REQUEST)
        assert len(server.asked) == 1
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(cut=True)])
async def test_no_answer_or_half_of_one_is_unreachable(async_redis: Redis, answer: Answer) -> None:
    async with client(async_redis, answer, timeout_s=0.2, attempts=2) as (made, server, _):
        with pytest.raises(Unreachable) as caught:
            await made.fetch(REQUEST)
        assert len(server.asked) == 2
        assert "secret" not in str(caught.value)


async def test_a_broken_encoding_is_a_fault_of_the_server(async_redis: Redis) -> None:
    answer = Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    async with client(async_redis, answer, attempts=1) as (made, _, __):
        with pytest.raises(ServerFault, match="encoding"):
            await made.fetch(REQUEST)


async def test_nobody_there_is_unreachable(async_redis: Redis) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        card = replace(CARD, rest_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        async with Client(card, Budget(async_redis, "binance", card.limits), attempts=2) as made:
            with pytest.raises(Unreachable):
                await made.fetch(REQUEST)


async def test_no_key_reaches_the_log(async_redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with client(async_redis, Answer(502), Answer()) as (made, _, __):
            await made.fetch(REQUEST)
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("error", "attempt", "pause"),
    [
        (RateLimited("", 7.0), 0, 7.0),
        (ServerFault("", 2.0), 0, 2.0),
        (ServerFault(""), 3, 0.0),
        (Unreachable(""), 3, 0.0),
    ],
)
def test_what_the_exchange_asked_for_is_waited_whole_and_our_own_backoff_is_drawn(
    error: Exception, attempt: int, pause: float
) -> None:
    assert pause_s(error, attempt) == pause  # type: ignore[arg-type]


def test_what_cannot_be_helped_has_no_pause() -> None:
    assert pause_s(UnknownMarket("-1121"), 0) is None


async def test_a_request_that_may_be_left_undone_takes_no_more_than_half_of_what_lasts(async_redis: Redis) -> None:
    async with client(async_redis) as (made, _, budget):
        assert await made.spares(3000)
        assert not await made.spares(3001)
        await budget.take(2500)
        assert await made.spares(500)
        assert not await made.spares(501)
        await budget.close_until(1)
        assert not await made.spares(1)


async def test_a_limit_that_is_over_in_moments_is_waited_for(async_redis: Redis) -> None:
    card = replace(CARD, limits=(Limit(1, 1, "raw"),))
    async with Client(card, Budget(async_redis, "busy", card.limits)) as made:
        assert await made.spares(1)
