"""`manage.py watch`: live events in the terminal."""

import asyncio
import os
import sys
from contextlib import aclosing
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from marketdata.management.examples import ExampleCommand
from streams import lines, watch

EXAMPLES = """
examples:
  manage.py watch BTC-USDT                                      trades of BTC-USDT on Binance
  manage.py watch binance.ticker.BTC-USDT binance.depth_5.ETH-USDT
  manage.py watch binance.candle_1m.BTC-USDT --json --count 3   three events as JSON, then the end
  manage.py watch BTC-USDT | jq .price                          piped, each line is an event's JSON as it was sent
  manage.py watch BTC-USDT --url wss://example.org --token "$TOKEN"

A topic is <exchange>.<stream>.<symbol>; a pair alone means binance.trade.<pair>. Any spelling of the pair will do.
A lost connection is opened again; what happened stands on stderr.

Exit codes: 0 after --count events, Ctrl-C or a closed pipe; 1 refused or unreachable; 2 wrong usage.
"""


class Command(ExampleCommand):
    help = "Shows live events in the terminal."
    examples = EXAMPLES
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("topics", nargs="+", metavar="TOPIC", help="<exchange>.<stream>.<symbol>, or a pair")
        parser.add_argument("--url", help="where the platform runs; without it, the one of this folder", metavar="URL")
        parser.add_argument("--token", help="an access token or API key, where reading is not open")
        parser.add_argument("--json", action="store_true", help="each event's JSON, also on a terminal")
        parser.add_argument("--count", type=int, metavar="N", help="end after N events (status lines do not count)")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            topics = [watch.topic(given) for given in options["topics"]]
            url = watch.stream_url(options["url"] or settings.WEB_URL)
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from None
        if options["count"] is not None and options["count"] < 1:
            raise CommandError(f"--count: {options['count']} came; a whole number from 1 would do.", returncode=2)
        as_json = options["json"] or not self.stdout.isatty()
        try:
            asyncio.run(self._show(url, topics, options["token"], as_json, options["count"]))
        except watch.Ended as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            pass
        except BrokenPipeError:
            # Python flushes once more at exit; there is nobody to read it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def _show(self, url: str, topics: list[str], token: str | None, as_json: bool, count: int | None) -> None:
        colour, left = self.style.ERROR("x") != "x", count
        async with aclosing(watch.events(url, topics, token, self._told)) as events:
            async for event, text in events:
                self.stdout.write(text if as_json else lines.line(event, colour))
                self.stdout.flush()
                if left is not None and event.get("seq") is not None:
                    left -= 1
                    if left == 0:
                        return

    def _told(self, words: str) -> None:
        self.stderr.write(words)
