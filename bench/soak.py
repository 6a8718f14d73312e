"""One or more clients on a running platform for minutes: is any event missing, any book crossed, does any process grow?

    python -m bench.soak --url http://127.0.0.1:8000 --pid <of manage.py up> --seconds 600
    python -m bench.soak --exchanges binance,okx --clients 20

Each client subscribes, on one connection, to trade, ticker, depth and candle_1m (the shortest candle where there is no
such) of every market of the exchanges. Printed are events by exchange and second, gaps by reason, what status/ says,
and each minute what every process of the group has in memory (RSS, MB). Exit code 1 where a trade or depth seq was
missing, or a book was wrong, at any client. Loopback only; it ends by itself.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from bench.listener import Listener
from bench.processes import Use, uses
from bench.table import show

STREAMS = ("trade", "ticker", "depth")
CANDLE = "candle_1m"
EVENTS = ("trade", "ticker", "depth", "candle")
MARK_S = 60.0
SETTLING_S = 15.0  # until all topics have said their newest state; what comes then counts as events a second
PAGE = 1000


def asked(url: str, path: str, **query: Any) -> Any:
    with urlopen(f"{url}/api/v1/{path}/?{urlencode(query)}", timeout=30) as answer:
        return json.load(answer)


def topics(url: str, only: Collection[str]) -> list[str]:
    """Of every exchange, or of those named, and every market that is traded."""
    found = []
    for card in asked(url, "exchanges")["results"]:
        if only and card["code"] not in only:
            continue
        candles = [stream for stream in card["streams"] if stream.startswith("candle_")]
        candle = CANDLE if CANDLE in candles else candles[0]
        streams = [stream for stream in card["streams"] if stream in (*STREAMS, candle)]
        rows = asked(url, "symbols", exchange=card["code"], status="trading", limit=PAGE)["results"]
        found += [f"{card['code']}.{stream}.{row['symbol']}" for row in rows for stream in streams]
    return found


async def soak(url: str, pid: int | None, clients: int, seconds: float, only: Collection[str]) -> int:
    wanted = await asyncio.to_thread(topics, url, only)
    print(f"{clients} clients, each on {len(wanted)} topics by one connection, for {seconds:g} s", flush=True)
    listeners = [Listener(f"ws://{urlsplit(url).netloc}/stream/", wanted) for _ in range(clients)]
    running = asyncio.gather(*(each.run(seconds) for each in listeners))
    await asyncio.wait([running], timeout=SETTLING_S)
    for each in listeners:
        each.settled()
    began_s = time.monotonic()
    marks = await _marks(listeners, [*([pid] if pid else []), os.getpid()], running)
    lasted_s = time.monotonic() - began_s
    await running
    _print_events(listeners[0], lasted_s)
    _print_processes(marks, lasted_s)
    print(_state(await asyncio.to_thread(asked, url, "status")))
    return _print_faults(listeners)


async def _marks(
    listeners: Sequence[Listener], groups: Sequence[int], running: asyncio.Future[Any]
) -> list[dict[str, Use]]:
    """What every process uses, now and each minute until the listeners end."""
    marks: list[dict[str, Use]] = []
    while True:
        marks.append({process: use for group in groups for process, use in uses(group).items()})
        events = listeners[0].received.total()
        print(f"mark {len(marks)}: {events} events since the first mark, {faults(listeners)} faults", flush=True)
        if running.done():
            return marks
        await asyncio.wait([running], timeout=MARK_S)


def faults(listeners: Iterable[Listener]) -> int:
    return sum(len(each.faults) for each in listeners)


def _print_events(first: Listener, seconds: float) -> None:
    exchanges = sorted({exchange for exchange, _ in first.received})
    rows = []
    for exchange in exchanges:
        rates = [first.received[exchange, event] / seconds for event in EVENTS]
        rows.append([exchange, *(f"{rate:,.1f}" for rate in (*rates, sum(rates)))])
    rows.append(["all", *["" for _ in EVENTS], f"{first.received.total() / seconds:,.1f}"])
    show(["events/s of the first client", *EVENTS, "together"], rows)
    print(f"replies: {dict(first.replies)}")
    print(f"statuses: {_counted(first.statuses)}")
    print(f"gaps: {_counted(first.gaps)}")
    delays_ms = sorted(first.delays_ms) or [0]
    p50, p99 = (delays_ms[len(delays_ms) * share // 100] for share in (50, 99))
    print(f"ms from an exchange's frame to the client: {p50} (half), {p99} (99 %), {delays_ms[-1]} (most)")


def _counted(counter: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{exchange} {what} {count}" for (exchange, what), count in sorted(counter.items())) or "none"


def _print_processes(marks: list[dict[str, Use]], seconds: float) -> None:
    rows = []
    for process in dict.fromkeys(name for mark in marks for name in mark):
        seen = [mark[process] for mark in marks if process in mark]
        share = (seen[-1].cpu_s - seen[0].cpu_s) / seconds
        rows.append([process, f"{share:.0%}", " ".join(str(use.rss_mb) for use in seen)])
    show(["process", "of a core", "RSS in MB at each mark"], rows)


def _state(status: Any) -> str:
    """What status/ says of all streams."""
    states = Counter(f"{row['exchange']} {row['status']}" for row in status["streams"])
    gaps = Counter({row["exchange"]: 0 for row in status["streams"]})
    for row in status["streams"]:
        gaps[row["exchange"]] += row["gaps"]
    rejected = {row["exchange"]: row["rejected"] for row in status["exchanges"]}
    broken = {row["exchange"] for row in status["exchanges"] if row["connected"] != row["connections"]}
    said = {row["detail"] for row in status["streams"] if row["status"] != "live"}
    return (
        f"status/ at the end: {dict(sorted(states.items()))}; gaps {dict(gaps)}; rejected {rejected}; "
        f"not wholly connected {sorted(broken)}; details {sorted(said)[:10]}"
    )


def _print_faults(listeners: Iterable[Listener]) -> int:
    found = [fault for each in listeners for fault in each.faults]
    checked = sum(each.books_checked for each in listeners)
    print(f"books looked at: {checked}", f"faults (holes, wrong books, ends): {len(found)}", *found[:30], sep="\n")
    return 1 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--pid", type=int, help="of `manage.py up`: what its processes use is shown")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--exchanges", default="", help="codes with commas between; default: all")
    given = parser.parse_args()
    if urlsplit(given.url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        parser.error(f"--url: {given.url} came; an address of this machine would do")
    only = [code for code in given.exchanges.split(",") if code]
    sys.exit(asyncio.run(soak(given.url, given.pid, given.clients, given.seconds, only)))


if __name__ == "__main__":
    main()
