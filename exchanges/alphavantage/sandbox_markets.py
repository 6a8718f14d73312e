"""The markets as Alpha Vantage names them, from its side: shares and currencies over the invented ones."""

from collections.abc import Iterable

from exchanges.symbols import Instrument

PRICED_IN = "USDT"  # one of these is one dollar here
# Shares and a physical currency move as one of the invented markets does.
SHARES = {"IBM": "BTC", "AAPL": "ETH", "MSFT": "BNB", "NVDA": "SOL", "BRK-B": "BCH", "KO": "LTC"}
PHYSICAL = {"EUR": "XRP"}


class Markets:
    """Invented symbols by the name of a share or currency."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        listed = {one.base: one.symbol for one in instruments if one.quote == PRICED_IN and one.base.isascii()}
        self.digital = listed
        self.physical = {name: listed[base] for name, base in PHYSICAL.items() if base in listed}
        self.shares = {name: listed[base] for name, base in SHARES.items() if base in listed}
