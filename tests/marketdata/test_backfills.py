"""Backfills: stopped and resumed without fetching twice, by task and by command."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from redis import Redis

from exchanges import intervals
from exchanges.errors import Unreachable
from marketdata import backfills, locks, markets, pull, tasks, times
from marketdata.cards import card
from marketdata.models import Backfill, Candle, Symbol
from tests.sandbox_server import SandboxServer

ROOT = Path(__file__).resolve().parents[2]
START_MS = times.parsed_ms("2024-03-01")
PAGES = 5
END_MS = START_MS + PAGES * 1000 * intervals.MINUTE_MS


@pytest.fixture
def backfill(exchange: SandboxServer, btc: Symbol) -> Backfill:
    return backfills.begin(btc, markets.interval(card("binance"), "1m"), START_MS, END_MS, "api")


def interrupted_after(pages: int) -> Callable[[Backfill], None]:
    def told(now: Backfill) -> None:
        if now.pages == pages:
            raise KeyboardInterrupt

    return told


def test_a_backfill_that_was_stopped_goes_on_without_fetching_twice(
    backfill: Backfill, asked: Callable[[], int]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        backfills.run(backfill, told=interrupted_after(2))
    assert (backfill.state, backfill.covered, Candle.objects.count()) == ("stopped", 4000, 2000)
    backfills.reopen(backfill)
    assert backfills.run(backfill) is False
    assert (backfill.state, backfill.covered, backfill.candles) == ("done", 10_000, 5000)
    assert Candle.objects.count() == 5000
    assert asked() == PAGES


def test_a_slice_ends_in_time_and_asks_for_another_turn(backfill: Backfill) -> None:
    assert backfills.run(backfill, slice_s=0) is True
    assert (backfill.state, backfill.pages) == ("running", 1)


def test_the_task_sends_the_next_slice_until_all_is_stored(
    backfill: Backfill, clean_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfills, "SLICE_S", 0)
    tasks.backfill(backfill.pk)
    assert clean_redis.llen("jobs") == 1
    for _ in range(PAGES - 1):
        tasks.backfill(backfill.pk)
    backfill.refresh_from_db()
    assert backfill.state == "done"
    assert clean_redis.llen("jobs") == PAGES - 1


def test_the_clock_sends_a_backfill_whose_task_was_lost_and_not_at_every_turn(
    backfill: Backfill, clean_redis: Redis
) -> None:
    tasks.pull_candles()
    assert clean_redis.llen("jobs") == 2  # the exchange's candles, and the backfill
    tasks.pull_candles()
    assert clean_redis.llen("jobs") == 3


def test_an_operator_stops_it_at_the_next_page(backfill: Backfill) -> None:
    def told(now: Backfill) -> None:
        if now.pages == 1:
            backfills.stop(Backfill.objects.get(pk=now.pk))

    backfills.run(backfill, told=told)
    assert (backfill.state, Candle.objects.count()) == ("stopped", 2000)


def test_two_processes_do_not_work_at_the_same_backfill(backfill: Backfill) -> None:
    with locks.held(backfills.name(backfill), ttl_s=10), pytest.raises(backfills.Busy):
        backfills.run(backfill)
    assert backfills.abandoned() == [backfill]


def test_an_exchange_that_is_away_leaves_it_open_with_the_reason(backfill: Backfill, settings: object) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(Unreachable):
        backfills.run(backfill)
    assert backfill.state == "waiting" and "cannot be reached" in backfill.error


@pytest.fixture
def broken_exchange(settings: object, clean_redis: Redis) -> Iterator[None]:
    """Answers each request for candles with three minutes, of which the second cannot be read."""
    row = [START_MS, "1", "2", "1", "2", "5", START_MS + 59_999, "10", 3, "0", "0", "0"]
    third = [START_MS + 120_000, *row[1:6], START_MS + 179_999, *row[7:]]
    body = json.dumps([row, [START_MS + 60_000, "one"], third]).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        settings.SANDBOX_URL = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()


def test_a_candle_that_cannot_be_read_stays_missing_and_the_others_are_stored(
    broken_exchange: None, btc: Symbol
) -> None:
    interval = markets.interval(card("binance"), "1m")
    backfill = backfills.begin(btc, interval, START_MS, START_MS + 180_000, "api")
    assert backfills.run(backfill) is False
    assert (backfill.state, backfill.error) == ("failed", "1 ranges could not be read from the exchange's answers")
    missing = pull.missing(btc, interval, START_MS, START_MS + 180_000)
    assert (missing, Candle.objects.count()) == ([(START_MS + 60_000, START_MS + 120_000)], 2)


def test_the_same_range_is_one_backfill_while_it_is_open(backfill: Backfill) -> None:
    again = backfills.begin(backfill.symbol, backfill.interval, START_MS - 1, END_MS - 1, "api")
    assert again == backfill
    backfills.run(backfill)
    assert backfills.begin(backfill.symbol, backfill.interval, START_MS, END_MS, "api") != backfill


def test_a_range_without_an_ended_candle_cannot_be_begun(backfill: Backfill) -> None:
    now_ms = times.now_ms()
    with pytest.raises(ValueError, match="no candle of this range has ended"):
        backfills.begin(backfill.symbol, backfill.interval, now_ms, now_ms + 10**7, "api")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["binanc", "BTC-USDT", "1m", "--start", "2024-01-01"], "'binanc' came; binance would do"),
        (["binance", "BTCUSD", "1m", "--start", "2024-01-01"], "'BTCUSD' came.*BTC-USDT.* would do"),
        (["binance", "BTC-USDT", "7m", "--start", "2024-01-01"], "'7m' came; Binance Spot offers 1s, 1m"),
        (["binance", "BTC-USDT", "1m", "--start", "1700000000"], "--start: '1700000000' came; milliseconds"),
        (["binance", "BTC-USDT", "1m", "--start", "2024-02-01", "--end", "2024-01-01"], "no candle of this range"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(words: list[str], sentence: str, btc: Symbol) -> None:
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("backfill", *words)
    assert refused.value.returncode == 2


def test_the_command_takes_any_spelling_and_says_what_it_did(exchange: SandboxServer, btc: Symbol) -> None:
    told = StringIO()
    call_command("backfill", "binance", "btc/usdt", "1h", "--start", "2024-03-01", "--end", "2024-03-03", stdout=told)
    assert told.getvalue() == "complete: 48 candles received in 1 requests\n"


def test_without_redis_the_command_says_so_in_one_sentence(btc: Symbol, settings: object) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9"
    locks.redis.cache_clear()
    try:
        with pytest.raises(CommandError, match="Redis does not answer .* REDIS_URL says where it is"):
            call_command("backfill", "binance", "BTC-USDT", "1h", "--start", "2024-03-01")
    finally:
        locks.redis.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_stops_the_command_with_130_and_the_same_command_completes_it(
    exchange: SandboxServer, btc: Symbol, asked: Callable[[], int]
) -> None:
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    environment = os.environ | {
        "DATABASE_URL": f"{url}/{database['NAME']}",
        "VENUES": "sandbox",
        "SANDBOX_URL": exchange.url,
    }
    words = ["manage.py", "backfill", "binance", "BTCUSDT", "1m", "--start", str(START_MS), "--end", str(END_MS)]
    command = [sys.executable, *words]
    exchange.fault("slow", delay_s=0.3)
    try:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as first:
            assert first.stderr is not None
            assert "0 %, 0 candles" in first.stderr.readline()
            assert "1000 candles" in first.stderr.readline()
            first.send_signal(signal.SIGINT)
            assert "the same command goes on from there" in first.stderr.read()
        assert first.returncode == 130
    finally:
        exchange.clear()
    assert Backfill.objects.get().state == "stopped"
    second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert (second.returncode, Candle.objects.count()) == (0, 5000)
    assert asked() <= PAGES + 1  # the one that was under way at the interruption
