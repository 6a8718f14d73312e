"""`manage.py backfill`: the history of one market, with its progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from exchanges.errors import ExchangeError
from marketdata import backfills, cards, markets, times
from marketdata.backfills import PARTS
from marketdata.management.examples import ExampleCommand
from marketdata.models import Backfill
from marketdata.problems import Problem

EXAMPLES = """
examples:
  manage.py backfill binance BTC-USDT 1m --start 2024-01-01
  manage.py backfill binance btcusdt 1h --start 2024-01-01 --end 2024-02-01T12:00Z

What is stored already is not fetched again: after an interruption the same command goes on where it was stopped.
Exit codes: 0 all of the range is stored, 1 the exchange failed, 2 wrong usage, 130 stopped by Ctrl-C.
"""
REFUSED, INTERRUPTED = 2, 130


class Command(ExampleCommand):
    help = "Fetches and stores the candles of one market and range."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("exchange", metavar="EXCHANGE", help=f"of {', '.join(cards.codes())}")
        parser.add_argument("symbol", metavar="SYMBOL", help="in any spelling: BTC-USDT, btc/usdt, BTCUSDT")
        parser.add_argument("interval", metavar="INTERVAL", help="such as 1m, 1h, 1d")
        parser.add_argument("--start", required=True, metavar="TIME", help=times.WOULD_DO)
        parser.add_argument("--end", metavar="TIME", help="the first moment that is not wanted any more; default: now")

    def handle(
        self, *_: Any, exchange: str, symbol: str, interval: str, start: str, end: str | None, **__: Any
    ) -> None:
        try:
            backfill = self._begin(exchange, symbol, interval, start, end)
        except Problem as problem:
            raise CommandError(problem.message, returncode=REFUSED) from None
        try:
            with _shown(backfill) as told:
                backfills.run(backfill, told=told)
        except KeyboardInterrupt:
            message = f"Stopped at {_percent(backfill)}; the same command goes on from there."
            raise CommandError(message, returncode=INTERRUPTED) from None
        except (ExchangeError, backfills.Busy) as error:
            raise CommandError(f"Not complete ({_percent(backfill)}): {error}") from None
        if backfill.state != Backfill.State.DONE:
            raise CommandError(f"Not complete ({_percent(backfill)}): {backfill.error or backfill.state}")
        self.stdout.write(f"complete: {backfill.candles} candles received in {backfill.pages} requests")

    def _begin(self, exchange: str, spelling: str, interval: str, start: str, end: str | None) -> Backfill:
        card = markets.exchange(exchange)
        of = markets.market(card, spelling), markets.interval(card, interval)
        start_ms = _time_ms("--start", start)
        end_ms = times.now_ms() if end is None else _time_ms("--end", end)
        try:
            return backfills.begin(*of, start_ms, end_ms, "command")
        except ValueError as error:
            raise Problem("bad_request", f"--start {start} --end {end or 'now'}: {error}.") from None


def _time_ms(option: str, text: str) -> int:
    try:
        return times.parsed_ms(text)
    except ValueError as error:
        raise Problem("bad_request", f"{option}: {text!r} came; {error} would do.") from None


def _percent(backfill: Backfill) -> str:
    return f"{backfill.covered * 100 // PARTS} %"


@contextmanager
def _shown(backfill: Backfill) -> Iterator[Callable[[Backfill], None]]:
    """A bar on a terminal; elsewhere a line for each tenth."""
    if sys.stderr.isatty():
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True)) as bar:
            row = bar.add_task(f"{backfill.symbol} {backfill.interval.code}", total=PARTS)
            yield lambda now: bar.update(row, completed=now.covered)
    else:
        yield _Lines(backfill)


class _Lines:
    """Progress as plain lines on stderr."""

    def __init__(self, backfill: Backfill) -> None:
        self._name = f"{backfill.symbol} {backfill.interval.code}"
        self._tenth = -1

    def __call__(self, now: Backfill) -> None:
        tenth = now.covered * 10 // PARTS
        if tenth > self._tenth:
            self._tenth = tenth
            sys.stderr.write(f"{self._name}: {_percent(now)}, {now.candles} candles\n")
