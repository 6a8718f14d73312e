"""`manage.py normalize`: raw payloads of an exchange to events."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exchanges import registry
from exchanges.contract import Card
from exchanges.errors import BadFrame, ExchangeError
from exchanges.events import Rejected
from exchanges.symbols import Instrument, Instruments
from marketdata.normalize import KINDS, Recording, body_texts, rejected_text
from marketdata.text_lines import text_lines
from marketdata.zstd_frames import Damage, is_zstd

EXAMPLE = """
examples:
  manage.py normalize binance recording.jsonl.zst
  manage.py normalize binance recording.jsonl --instruments exchangeInfo.json --book 5
  curl -s 'https://…/klines?symbol=BTCUSDT&interval=1m' | \\
    manage.py normalize binance --kind candles --symbol BTCUSDT --interval 1m

Frames: JSON lines {"received_ns": 1700000000000000000, "raw": "<frame text>"}; `received` in unix seconds is read too,
and received_time is 0 where a line has neither. A line with "rest": "<path?query>" is the answer to that request.
With another --kind the input is one REST body, and counts as frame 1.

Exit codes: 0 read (broken frames are told as `rejected` lines), 1 nothing could be read, 2 wrong usage.
"""
PROGRESS_AFTER_S = 2.0


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the examples."""


class Command(BaseCommand):
    help = "Turns raw payloads of an exchange into events, one JSON text a line on stdout."
    requires_system_checks: list[str] = []

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        parser = super().create_parser(*args, epilog=EXAMPLE, formatter_class=Formatter, **options)
        parser.parse_args = parser.parse_intermixed_args  # FILE may stand behind the options too
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("exchange", choices=sorted(registry.cards()), metavar="EXCHANGE")
        parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: stdin")
        parser.add_argument("--kind", choices=KINDS, default="frames", help="what the input is (default: frames)")
        parser.add_argument(
            "--instruments", action="append", default=[], metavar="FILE",
            help="the exchange's answer that lists its markets, for our spelling; may be given several times",
        )  # fmt: skip
        parser.add_argument("--symbol", help="the market of a REST body; of frames, only this market's events")
        parser.add_argument("--interval", help="the interval of a candles body; of frames, only candles of it")
        parser.add_argument("--book", type=_levels, metavar="N", help="also the best N levels after each frame")

    def handle(self, *_: Any, exchange: str, file: str, kind: str, **options: Any) -> None:
        card = registry.card(exchange)
        instruments = self._instruments(card, options["instruments"])
        market = _market(card, instruments, options["symbol"])
        _check(card, kind, market, options["interval"], options["book"])
        try:
            with _opened(file) as source:
                if kind == "frames":
                    recording = Recording(card, instruments, market, options["interval"], options["book"])
                    self._frames(recording, self._lines(file, source))
                else:
                    self._body(card, kind, source.read(), market, options["interval"])
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has had enough; what Python flushes at its end must go somewhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            raise CommandError("stopped", returncode=130) from None

    def _lines(self, file: str, source: BinaryIO) -> Iterator[bytes]:
        """The file's lines; of one that is zstd, those that are whole."""
        if file == "-":
            yield from source
        elif not is_zstd(source.read(4)):
            source.seek(0)
            yield from _with_progress(source, Path(file).stat().st_size, self.stderr)
        else:
            for found in text_lines(Path(file)):
                if isinstance(found, Damage):
                    place = f"{found.bytes} bytes at {found.offset}"
                    self.stderr.write(f"{found.file}: {place} cannot be read: {found.reason}")
                else:
                    yield found.text

    def _frames(self, recording: Recording, lines: Iterable[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            self._write(recording.line(number, line))
        self._write(recording.finish())
        for symbol, count in recording.waiting().items():
            frames = "1 depth frame waits" if count == 1 else f"{count} depth frames wait"
            self.stderr.write(f"{symbol}: {frames} for a snapshot that the input does not hold")
        if not recording.read:
            raise CommandError("nothing could be read: no line of the input is a line of a recording")

    def _body(self, card: Card, kind: str, body: bytes, market: Instrument | None, interval: str | None) -> None:
        read = 0
        try:
            for text in body_texts(card, kind, body, market, interval, time.time_ns() // 1_000_000):
                self._write([text])
                read += not text.startswith('{"event":"rejected"')
        except ExchangeError as error:
            self._write([rejected_text(1, str(error))])
            raise CommandError(f"nothing could be read: {error}") from None
        if not read:
            raise CommandError(f"nothing could be read: there are no {kind} in the input")

    def _write(self, texts: Iterable[str]) -> None:
        if text := "\n".join(texts):
            self.stdout.write(text)

    def _instruments(self, card: Card, files: list[str]) -> Instruments:
        found: list[Instrument] = []
        for file in files:
            rejected: list[Rejected] = []
            try:
                with _opened(file) as source:
                    found += card.rest.read_instruments(source.read(), rejected)
            except BadFrame as error:
                raise CommandError(f"--instruments {file} holds no instruments: {error}", returncode=2) from None
            if rejected:
                self.stderr.write(f"{file}: {len(rejected)} rows are broken, the first: {rejected[0].reason}")
        return Instruments(found)


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CommandError(f"nothing could be read: {file}: {error.strerror}") from None


def _levels(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"a count of levels from 1 to 1000, not {text!r}")
    return int(text)


def _market(card: Card, instruments: Instruments, symbol: str | None) -> Instrument | None:
    """The market that --symbol means; by its spelling alone where no instruments are given."""
    if symbol is None:
        return None
    if not len(instruments):
        spelled = (card.spelled(symbol) if card.spelled else None) or symbol
        return Instrument(symbol=spelled, venue_symbol=symbol, base="", quote="", kind="spot")
    if found := instruments.find(symbol):
        return found
    near = ", ".join(instruments.nearest(symbol)) or "none looks like it"
    raise CommandError(f"--symbol {symbol} is not in the instruments; nearest: {near}", returncode=2)


def _check(card: Card, kind: str, market: Instrument | None, interval: str | None, book: int | None) -> None:
    if kind not in ("frames", "instruments") and market is None:
        raise CommandError(f"--kind {kind} needs --symbol: the body does not name its market", returncode=2)
    if kind == "candles" and interval is None:
        raise CommandError("--kind candles needs --interval: the body does not name it", returncode=2)
    if interval is not None and interval not in card.intervals:
        raise CommandError(f"--interval {interval} is none of {', '.join(card.intervals)}", returncode=2)
    if book is not None and kind != "frames":
        raise CommandError("--book goes with --kind frames", returncode=2)


def _with_progress(source: BinaryIO, size: int | None, stderr: Any) -> Iterator[bytes]:
    """The lines; on a terminal the part that is read, once it takes longer."""
    if size is None or not stderr.isatty():
        yield from source
        return
    done, told_s = 0, time.monotonic() + PROGRESS_AFTER_S - 0.2
    for line in source:
        yield line
        done += len(line)
        if time.monotonic() - told_s >= 0.2:
            told_s = time.monotonic()
            filled = 30 * done // size
            stderr.write(f"\r[{'#' * filled}{' ' * (30 - filled)}] {100 * done // size:3}%", ending="")
    stderr.write("\r" + " " * 40 + "\r", ending="")
