"""The parameters of a request as OKX reads and refuses them."""

from collections.abc import Mapping

from exchanges.okx import names
from exchanges.okx.sandbox_listings import Listing

KINDS = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")


class Wrong(Exception):
    """A refused request: OKX's code and words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Parameters:
    """The parameters that came; unknown ones are ignored."""

    def __init__(self, given: Mapping[str, str], listed: Mapping[str, Listing]) -> None:
        self._given = given
        self._listed = listed

    def text(self, name: str) -> str | None:
        return self._given.get(name) or None

    def needed(self, name: str) -> str:
        """One that must be there."""
        value = self.text(name)
        if value is None:
            raise Wrong("50014", f"Parameter {name} cannot be empty.")
        return value

    def market(self) -> Listing:
        name = self.needed("instId")
        if name not in self._listed:
            raise Wrong("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
        return self._listed[name]

    def kind(self) -> str:
        kind = self.needed("instType")
        if kind not in KINDS:
            raise Wrong("51000", "Parameter instType error")
        return kind

    def interval(self) -> str:
        """Our interval of the bar; those that open by Hong Kong's clock are not offered here."""
        bar = self.text("bar") or "1m"
        if bar not in names.OUR_INTERVALS:
            raise Wrong("51000", "Parameter bar error")
        return names.OUR_INTERVALS[bar]

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Wrong("51000", f"Parameter {name} error")
        return int(text)

    def count(self, name: str, default: int, most: int) -> int:
        """A number of rows or levels; more than the most is cut to it."""
        count = self.whole(name)
        if count == 0:
            raise Wrong("51000", f"Parameter {name} error")
        return default if count is None else min(count, most)
