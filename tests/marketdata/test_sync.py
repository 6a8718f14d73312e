"""Metadata from the exchange into the database, by command and by the clock."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from redis import Redis

from exchanges.registry import card
from exchanges.symbols import Instrument
from marketdata import ingest, instruments, sync, times
from marketdata.models import Exchange, Symbol
from tests.marketdata.conftest import instrument
from tests.sandbox_server import SandboxServer

NOWHERE = "http://127.0.0.1:9"


def test_the_command_says_what_is_new_and_then_that_nothing_is(db: None, exchange: SandboxServer) -> None:
    listed = len(exchange.get("/binance/api/v3/exchangeInfo")["symbols"])
    first, second = StringIO(), StringIO()
    call_command("sync", "binance", stdout=first)
    call_command("sync", stdout=second)
    assert first.getvalue() == f"binance: {listed} new, 0 changed, 0 delisted\n"
    assert second.getvalue() == "binance: 0 new, 0 changed, 0 delisted\n"
    assert instruments.load("binance").find("btc/usdt").venue_symbol == "BTCUSDT"


def test_an_exchange_that_cannot_be_reached_is_a_sentence_and_stays_as_it_was(
    binance: Exchange, settings: object, clean_redis: Redis
) -> None:
    settings.SANDBOX_URL = NOWHERE
    told = StringIO()
    with pytest.raises(CommandError, match="1 of 1 exchanges could not be synced") as failed:
        call_command("sync", "binance", stderr=told)
    assert failed.value.returncode == 1
    assert "Binance Spot could not be synced: binance cannot be reached" in told.getvalue()
    binance.refresh_from_db()
    assert "cannot be reached" in binance.last_error and binance.last_sync_time is None
    assert Symbol.objects.filter(status="trading").count() == 2


def test_the_command_refuses_an_exchange_that_it_does_not_know(db: None) -> None:
    with pytest.raises(CommandError, match="'binanc' is no exchange in use: binance") as refused:
        call_command("sync", "binanc")
    assert refused.value.returncode == 2


def test_an_exchange_is_due_when_never_synced_or_long_ago_and_never_when_switched_off(db: None) -> None:
    assert sync.due() == sync.due(only_new=True) == ["binance"]
    ingest.sync_succeeded("binance", times.now())
    assert sync.due() == []
    ingest.sync_succeeded("binance", times.now() - timedelta(minutes=10))
    assert (sync.due(), sync.due(only_new=True)) == (["binance"], [])
    Exchange.objects.update(enabled=False)
    assert sync.due() == []


def test_without_keys_the_markets_are_those_that_the_source_tells_everybody_and_nothing_is_delisted(
    db: None, exchange: SandboxServer, settings: object, clean_redis: Redis
) -> None:
    settings.EXCHANGES, settings.KEYS = ("alpaca",), {}
    ingest.exchange(card("alpaca"))
    apple = Instrument(symbol="AAPL", venue_symbol="AAPL", base="AAPL", quote="USD", kind="stock")
    ingest.instruments("alpaca", [apple], times.now())
    exchange.fault("status", exchange="alpaca", status=401, path="/v2/assets", count=1)
    assert sync.sync("alpaca").new > 0
    known = instruments.load("alpaca")
    assert known.find("BTC/USD").symbol == "BTC-USD" and known.find("AAPL").status == "trading"
    settings.KEYS = {"alpaca": {"ALPACA_KEY_ID": "wrong", "ALPACA_SECRET_KEY": "wrong"}}
    with pytest.raises(sync.SyncFailed, match="401"):
        sync.sync("alpaca")


def test_a_list_with_rows_that_could_not_be_read_delists_nothing(binance: Exchange) -> None:
    counts = ingest.instruments("binance", [instrument("SOL")], times.now(), complete=False)
    assert counts == ingest.Counts(new=1)
    assert not Symbol.objects.filter(status="delisted").exists()
