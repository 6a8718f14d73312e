"""What a feed asks for by REST, for as long as its connection lasts."""

import asyncio
import time
from collections.abc import Callable, Iterable

from exchanges.client import Client
from exchanges.contract import Feed, Output, Request
from exchanges.errors import ExchangeError
from streams.tape import Taping


class Fetches:
    """One connection's. `act` takes what the feed makes of an answer, `failed` is told the error where there is none,
    and `broken` the error of a feed that could not read one: it would wait for ever."""

    def __init__(
        self,
        client: Client,
        feed: Feed,
        taping: Callable[[], Taping],
        act: Callable[[Iterable[Output]], None],
        failed: Callable[[ExchangeError], None],
        broken: Callable[[BaseException], None],
    ) -> None:
        self._client, self._feed, self._taping = client, feed, taping
        self._act, self._failed, self._broken = act, failed, broken
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, request: Request, patient: bool) -> None:
        """Asks; the answer comes later."""
        task = asyncio.create_task(self._fetch(request, patient))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Nobody waits for the answers any more."""
        for task in self._tasks:
            task.cancel()

    async def _fetch(self, request: Request, patient: bool) -> None:
        try:
            body = await (self._client.fetch_at_leisure(request) if patient else self._client.fetch(request))
        except ExchangeError as error:
            self._taping().failed(request, error)
            self._act(self._feed.failed(request, error, time.time_ns()))
            self._failed(error)
        else:
            received_ns = time.time_ns()
            self._taping().answered(request, body, received_ns)
            self._act(self._feed.answered(request, body, received_ns))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self._broken(task.exception())
