"""The parameters of a request as Binance reads and refuses them."""

import json
import re
from collections.abc import Collection, Mapping

from exchanges.intervals import INTERVALS

_symbol = re.compile(r"[\w\-.]{1,50}").fullmatch
_whole = re.compile(r"[0-9]{1,20}").fullmatch
SYMBOL_RANGE = "^[\\\\w\\\\-._&&[^a-z]]{1,50}$".replace("\\\\", "\\")


class Wrong(Exception):
    """A refused request: Binance's code and words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Parameters:
    """The parameters that came; one that the endpoint does not know is refused."""

    def __init__(self, given: Mapping[str, str], known: Collection[str]) -> None:
        self._given = given
        if not given.keys() <= set(known):
            read = len(given.keys() & set(known))
            raise Wrong(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(given)}'."
            )

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str) -> str:
        """One that must be there."""
        if not self._given.get(name):
            raise Wrong(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return self._given[name]

    def symbol(self) -> str:
        """The name in the parameter `symbol`."""
        return _named("symbol", self.text("symbol"))

    def symbols(self) -> list[str] | None:
        """The names in `symbols`; None where it did not come."""
        if "symbols" not in self._given:
            return None
        if "symbol" in self._given:
            raise Wrong(-1128, "Combination of optional parameters invalid.")
        try:
            names = json.loads(self._given["symbols"])
        except ValueError:
            names = None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Wrong(
                -1100,
                "Illegal characters found in parameter 'symbols'; legal range is "
                r"""'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'.""",
            )
        return [_named("symbols", name) for name in names]

    def whole(self, name: str) -> int | None:
        """A whole number; None where it did not come."""
        text = self._given.get(name)
        if text is None:
            return None
        if not _whole(text):
            raise Wrong(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(text)

    def time_ms(self, name: str) -> int | None:
        """A time; more than 14 digits are microseconds."""
        time = self.whole(name)
        return time // 1000 if time is not None and time >= 10**14 else time

    def limit(self, default: int, most: int) -> int:
        """The number of rows; one above the most is cut to it."""
        limit = self.whole("limit")
        if limit == 0:
            raise Wrong(-1130, "Data sent for parameter 'limit' is not valid.")
        return default if limit is None else min(limit, most)

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        value = self._given.get(name, default)
        if value not in choices:
            raise Wrong(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value

    def interval(self) -> str:
        interval = self.text("interval")
        if interval not in INTERVALS:
            raise Wrong(-1120, "Invalid interval.")
        return interval


def _named(parameter: str, name: str) -> str:
    if not _symbol(name) or re.search("[a-z]", name):
        raise Wrong(-1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{SYMBOL_RANGE}'.")
    return name
