"""`manage.py sync`: metadata now."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from marketdata import cards
from marketdata.management.examples import ExampleCommand
from marketdata.sync import SyncFailed, sync

EXAMPLES = """
examples:
  manage.py sync                 all exchanges in use
  manage.py sync binance kraken  these

Exit codes: 0 all synced, 1 an exchange failed, 2 wrong usage.
"""


class Command(ExampleCommand):
    help = "Brings the metadata of exchanges up to date: their markets and intervals."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("exchanges", nargs="*", metavar="EXCHANGE", help=f"of {', '.join(cards.codes())}")

    def handle(self, *_: Any, exchanges: list[str], **__: Any) -> None:
        unknown = [code for code in exchanges if code not in cards.codes()]
        if unknown:
            raise CommandError(f"{unknown[0]!r} is no exchange in use: {', '.join(cards.codes())} are.", returncode=2)
        failed = [code for code in exchanges or cards.codes() if not self._sync(code)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(exchanges or cards.codes())} exchanges could not be synced.")

    def _sync(self, code: str) -> bool:
        try:
            new, changed, delisted = sync(code)
        except SyncFailed as error:
            self.stderr.write(str(error))
            return False
        self.stdout.write(f"{code}: {new} new, {changed} changed, {delisted} delisted")
        return True
