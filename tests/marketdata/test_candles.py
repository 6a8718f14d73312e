"""GET candles/: pages, coverage, formats, and what is not stored yet."""

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import Client
from redis import Redis

from exchanges.events import Candle as CandleEvent
from exchanges.intervals import MINUTE_MS
from marketdata import backfills, columns, ingest, serializers, times
from marketdata.models import Backfill, Candle, Symbol
from tests.marketdata.conftest import START_MS
from tests.sandbox_server import SandboxServer

CANDLES = "/api/v1/candles/"
COLD_MS = times.parsed_ms("2024-02-01")
LONG = "12345678901234567890123456789012345.6789"  # more than decimal128(38, 18) holds
LONGER = "1" * 60 + ".5"  # more than decimal256(76, 38) holds


@pytest.fixture
def ask(client: Client, settings: object) -> Callable[..., Any]:
    """The answer to a GET of candles of BTC-USDT, 1m."""
    settings.OPEN_READ = True
    return lambda **query: client.get(CANDLES, {"symbol": "BTCUSDT", "interval": "1m"} | query)


def read(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content, parse_float=Decimal)


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


@pytest.fixture
def stored(minutes: ingest.Series, candle: Callable[..., CandleEvent]) -> list[int]:
    """Minutes 0 to 9 without 4, all known; the openings that are there."""
    numbers = [number for number in range(10) if number != 4]
    made = [candle(number, open=f"{number}.5", trades=None) for number in numbers]
    ingest.candles(minutes, made, "backfill", [ingest_range(0, 10)])
    return [at(number) for number in numbers]


def ingest_range(first: int, last: int) -> Any:
    from_ms, to_ms = at(first), at(last)
    return backfills.coverage.Range(from_ms, to_ms, "complete")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_hold_each_candle_once_in_order_and_speak_for_the_whole_range(
    order: str, ask: Any, client: Client, stored: list[int]
) -> None:
    page = read(ask(start=at(0), end=at(10), order=order, limit=4))
    opens, coverage = [row["open_time"] for row in page["results"]], page["coverage"]
    while page["next"]:
        page = read(client.get(page["next"]))
        opens += [row["open_time"] for row in page["results"]]
        coverage += page["coverage"]
    assert opens == (stored if order == "asc" else stored[::-1])
    spans = sorted((one["start_time"], one["end_time"]) for one in coverage)
    assert (spans[0][0], spans[-1][1]) == (at(0), at(10))
    assert all(one[1] == other[0] for one, other in zip(spans, spans[1:], strict=False))
    assert [one["start_time"] for one in coverage if one["state"] == "empty"] == [at(4)]


def test_a_candle_has_the_fields_of_the_contract(ask: Any, stored: list[int]) -> None:
    row = read(ask(start=at(0), end=at(1)))["results"][0]
    assert set(row) == set(serializers.CandleRow().fields) == set(columns.CANDLE)
    assert (row["open"], row["trades"], row["closed"], row["close_time"]) == (Decimal("0.5"), None, True, at(1) - 1)


def test_all_formats_hold_the_same_values(ask: Any, stored: list[int], candle: Any, minutes: ingest.Series) -> None:
    ingest.candles(minutes, [candle(4, low=None, volume="0.000000000000000001", trades=3)], "backfill")
    asked = {"start": at(0), "end": at(10)}
    rows = read(ask(**asked))["results"]
    lines = list(csv.DictReader(io.StringIO(ask(**asked, format="csv").content.decode())))
    assert [_from_csv(line) for line in lines] == rows
    arrow = pa.ipc.open_stream(ask(**asked, format="arrow").content).read_all()
    parquet = pq.read_table(io.BytesIO(ask(**asked, format="parquet").content))
    assert [_from_arrow(row) for row in arrow.to_pylist()] == rows
    assert parquet.equals(arrow)
    assert arrow.schema.field("open_time").type == pa.timestamp("us", tz="UTC")
    assert arrow.schema.field("open").type == pa.decimal128(38, 18)


def _from_csv(line: dict[str, str]) -> dict[str, Any]:
    reads = {"text": str, "time": int, "exact": Decimal, "count": int, "flag": "true".__eq__}
    return {name: reads[kind](line[name]) if line[name] else None for name, kind in columns.CANDLE.items()}


def _from_arrow(row: dict[str, Any]) -> dict[str, Any]:
    return {name: times.to_ms(value) if isinstance(value, datetime) else value for name, value in row.items()}


@pytest.mark.parametrize(
    ("value", "kind"),
    [(LONG, pa.decimal256(76, 38)), (LONGER, pa.string()), ("0." + "0" * 30 + "1", pa.decimal256(76, 38))],
)
def test_a_column_widens_rather_than_round(
    value: str, kind: Any, ask: Any, candle: Any, minutes: ingest.Series
) -> None:
    ingest.candles(minutes, [candle(0, volume=value)], "backfill")
    asked = {"start": at(0), "end": at(1), "format": "arrow"}
    table = pa.ipc.open_stream(ask(**asked).content).read_all()
    assert table.schema.field("volume").type == kind
    assert Decimal(table.to_pylist()[0]["volume"]) == Decimal(value)
    text = pa.ipc.open_stream(ask(**asked, numbers="text").content).read_all()
    assert text.to_pylist()[0]["volume"] == value


def test_formats_without_an_envelope_say_in_headers_what_follows(ask: Any, client: Client, stored: list[int]) -> None:
    answer = ask(start=at(0), end=at(10), limit=4, format="csv")
    assert answer["X-Coverage"] == "complete"
    following = answer["Link"].split(">")[0][1:]
    assert client.get(following).content.splitlines()[1].startswith(b"binance,BTC-USDT,BTCUSDT,1m,%d" % stored[4])


def test_times_are_milliseconds_or_iso(ask: Any, stored: list[int]) -> None:
    iso = datetime.fromtimestamp(at(2) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert read(ask(start=iso, end=at(3)))["results"] == read(ask(start=at(2), end=at(3)))["results"] != []


def test_a_delisted_market_keeps_its_candles(ask: Any, stored: list[int], btc: Symbol) -> None:
    Symbol.objects.filter(pk=btc.pk).update(status="delisted")
    assert len(read(ask(start=at(0), end=at(10)))["results"]) == 9


def test_cold_candles_are_fetched_served_and_kept(ask: Any, exchange: SandboxServer, btc: Symbol, asked: Any) -> None:
    query = {"start": COLD_MS, "end": COLD_MS + 1500 * MINUTE_MS, "limit": 2000}
    first, second = read(ask(**query)), read(ask(**query))
    assert first == second
    assert len(first["results"]) == 1500
    assert first["coverage"] == [{"start_time": COLD_MS, "end_time": COLD_MS + 1500 * MINUTE_MS, "state": "complete"}]
    assert asked() == 2


def test_without_a_range_the_newest_candles_come(ask: Any, exchange: SandboxServer, btc: Symbol) -> None:
    now_ms = times.now_ms()
    opens = [row["open_time"] for row in read(ask(limit=5))["results"]]
    newest_ms = now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
    assert len(opens) >= 4 and opens[-1] >= newest_ms - MINUTE_MS


@pytest.mark.django_db(transaction=True)
def test_readers_of_the_same_cold_range_cause_one_fetch(
    exchange: SandboxServer, btc: Symbol, settings: object, asked: Any
) -> None:
    settings.OPEN_READ = True
    query = {"symbol": "BTCUSDT", "interval": "1m", "start": COLD_MS, "end": COLD_MS + 3000 * MINUTE_MS, "limit": 5000}

    def reader(_: int) -> bytes:
        try:
            return Client().get(CANDLES, query).content
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as readers:
        answers = list(readers.map(reader, range(4)))
    assert len(set(answers)) == 1
    assert len(json.loads(answers[0])["results"]) == 3000
    assert (asked(), Candle.objects.count()) == (3, 3000)


def test_a_range_too_long_to_wait_for_is_answered_with_a_backfill(
    ask: Any, client: Client, exchange: SandboxServer, btc: Symbol, asked: Any, clean_redis: Redis
) -> None:
    answer = ask(start="2024-02-01", end="2024-02-09", format="csv")
    assert (answer.status_code, answer["Content-Type"]) == (202, "application/json")
    assert set(answer.json()) == set(serializers.BackfillRow().fields)
    assert client.get(answer["Location"]).json() == answer.json()
    assert ask(start="2024-02-01", end="2024-02-09").json()["id"] == answer.json()["id"]
    assert asked() == 0
    assert clean_redis.llen("jobs") == 2
    while Backfill.objects.get().state != "done":
        backfills.run(Backfill.objects.get())
    assert len(read(ask(start="2024-02-01", end="2024-02-09", limit=10))["results"]) == 10


def test_an_exchange_that_is_away_leaves_the_range_missing_and_says_so(
    ask: Any, settings: object, stored: list[int], clean_redis: Redis
) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    page = read(ask(start=at(8), end=at(12)))
    assert [(one["state"], one["end_time"]) for one in page["coverage"]] == [("complete", at(10)), ("missing", at(12))]
    assert ask(start=at(8), end=at(12))["X-Coverage"] == "missing"
    nothing = ask(start=at(10), end=at(12))
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (503, "unavailable")
