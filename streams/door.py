"""The way in to a source: within its limit of new connections, and what it says where it lets nobody in."""

import logging
from contextlib import suppress

from websockets.http11 import Response

from exchanges.budget import Budget
from exchanges.contract import Card
from exchanges.errors import NotAuthenticated, RateLimited, Unreachable
from exchanges.events import State
from streams import handshake
from streams.ending import Ended

log = logging.getLogger(__name__)

PATIENCE_S = 5.0  # a longer wait for the limit of new connections is told


class Door:
    """One session's. `connects` is the exchange's limit of new connections, shared by all workers."""

    def __init__(self, card: Card, connects: Budget) -> None:
        self._card = card
        self._connects = connects
        self.keys_refused = ""  # what the exchange said of our keys, where that was no good
        self.turned_away = ""  # why it takes no new connection now

    async def pass_through(self) -> None:
        """Returns when a connection may be opened; Ended where that takes too long."""
        try:
            await self._connects.take(patience_s=PATIENCE_S)
        except RateLimited as error:
            raise Ended("disconnect", f"no new connection: {error}", error.retry_after_s, "quota_spent") from None
        except Unreachable as error:  # one connection too many is less than a stream that stays away
            log.warning("%s: connecting uncounted: %s", self._card.code, error)

    def opened(self) -> None:
        """The exchange has let us in."""
        self.keys_refused = self.turned_away = ""

    async def refused(self, response: Response) -> Ended:
        """The handshake was refused. A limit of the exchange holds for all workers."""
        said = handshake.error(self._card, response)
        after_s = handshake.away_s(said)
        status: State = "reconnecting"
        if isinstance(said, NotAuthenticated):
            status, self.keys_refused = "not_authenticated", str(said)
        elif isinstance(said, RateLimited):
            status = "quota_spent"
            with suppress(Unreachable):
                await self._connects.close_until(after_s, str(said))
        return Ended("disconnect", f"the connection was refused: {said}", after_s, status)
