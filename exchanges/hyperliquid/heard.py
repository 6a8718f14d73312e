"""When the book of each wanted market was last heard: a silent one has lost its subscription. Pure."""

from collections.abc import Collection

SILENT_NS = 30_000_000_000  # whole books are sent every five seconds, fast ones twice a second


class Heard:
    """By venue symbol; 0 for a market that has not spoken yet and was not waited for."""

    def __init__(self) -> None:
        self._at_ns: dict[str, int] = {}

    def keep(self, markets: Collection[str]) -> None:
        """The markets wanted from now on."""
        self._at_ns = {market: self._at_ns.get(market, 0) for market in markets}

    def at(self, market: str, received_ns: int) -> None:
        if market in self._at_ns:
            self._at_ns[market] = received_ns

    def silent(self, now_ns: int) -> list[str]:
        """Those that have said nothing for too long; each is waited for anew from now on."""
        silent = []
        for market, at_ns in self._at_ns.items():
            if not at_ns or now_ns - at_ns >= SILENT_NS:
                self._at_ns[market] = now_ns
                silent += [market] if at_ns else []
        return silent
