"""The HTTP client of one exchange: one request in, one body or one of our errors out, within the shared budget."""

import asyncio
import logging
import random
from types import TracebackType
from typing import Self

import httpx

from exchanges.budget import Budget
from exchanges.contract import Card, Request
from exchanges.errors import (
    BadFrame,
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    QuotaSpent,
    RateLimited,
    Reconnect,
    Refused,
    Retry,
    ServerFault,
    Unreachable,
    verdict,
)

ATTEMPTS = 4
LASTING_S = 30  # a limit's window that is not over in moments
LEISURE_S = (1.0, 3.0)  # between two looks whether there is enough of the budget
PATIENCE_S = 60.0  # a longer wait is the caller's decision
MOST_BYTES = 64 * 2**20
TOTAL = 6  # times the timeout: what one answer may take in all, so that a trickle ends too
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
USER_AGENT = "market-data-platform"

# Both write whole addresses into the log, and some exchanges take a key there.
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)


class Client:
    """`async with Client(card, budget) as client: body = await client.fetch(request)`."""

    def __init__(
        self,
        card: Card,
        budget: Budget,
        *,
        timeout_s: float = 10,
        attempts: int = ATTEMPTS,
        patience_s: float = PATIENCE_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._card, self._budget = card, budget
        self._timeout_s, self._attempts = timeout_s, attempts
        self._patience_s, self._most_bytes = patience_s, most_bytes
        self._accepted = False  # the exchange took our keys, and that was told
        self._http = httpx.AsyncClient(timeout=timeout_s, headers={"User-Agent": USER_AGENT})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def fetch(self, request: Request) -> bytes:
        """The body of the answer. Raises one of exchanges.errors, after further attempts where these could help."""
        attempt = 0
        while True:
            try:
                return await self._once(request)
            except ExchangeError as error:
                attempt += 1
                wait_s = pause_s(error, attempt - 1)
                if wait_s is None or wait_s > self._patience_s or attempt >= self._attempts:
                    raise
            await asyncio.sleep(wait_s)

    async def fetch_at_leisure(self, request: Request) -> bytes:
        """The same, but only once it takes nothing away from what is urgent."""
        while True:
            if await self.spares(request.weight):
                return await self.fetch(request)
            await asyncio.sleep(random.uniform(*LEISURE_S))

    async def spares(self, weight: int) -> bool:
        """Whether a request that could as well be left undone takes nothing away: of every limit that is not over in
        moments half is left."""
        left = await self._budget.left()
        lasting = [(limit, rest) for limit, rest in left.left if limit.window_s >= LASTING_S]
        return left.closed_s == 0 and all(rest - weight >= limit.amount / 2 for limit, rest in lasting)

    async def _once(self, request: Request) -> bytes:
        taken_ms = await self._budget.take(request.weight, self._patience_s)
        try:
            response, body = await self._answer(request)
        except Unreachable as unreached:
            if isinstance(unreached.__cause__, UNSENT):
                await self._budget.give_back(request.weight, taken_ms)
            raise
        used = self._card.rest.used_weight(response.headers)
        if used is not None:
            await self._budget.used(used, taken_ms)
        error = self._card.rest.read_error(response.status_code, response.headers, body)
        if isinstance(error, RateLimited):
            await self._budget.close_until(error.retry_after_s, str(error))
        await self._judged(error)
        if error is None and not response.is_success:
            error = Refused(f"HTTP {response.status_code}")
        if error is not None:
            raise error
        return body

    async def _judged(self, error: Exception | None) -> None:
        """What the exchange thinks of our keys; an answer says that they are right where there are any."""
        if isinstance(error, NotAuthenticated):
            await self._budget.refused(str(error))
            self._accepted = False
        elif error is None and self._card.keys and not self._accepted:
            await self._budget.accepted()
            self._accepted = True

    async def _answer(self, request: Request) -> tuple[httpx.Response, bytes]:
        signed = self._card.sign(request, self._card.keys)
        headers = (
            dict(signed.headers) if request.body is None else {**signed.headers, "Content-Type": "application/json"}
        )
        url = self._card.address(request) + signed.target
        try:
            async with (
                asyncio.timeout(self._timeout_s * TOTAL),
                self._http.stream(request.method, url, content=request.body, headers=headers) as response,
            ):
                return response, await self._body(request, response)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise Unreachable(f"{self._card.code} did not answer {request.path} in time") from error
        except httpx.DecodingError as error:
            raise ServerFault(f"{self._card.code} answered {request.path} with a broken encoding") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Unreachable(f"{self._card.code} cannot be reached: {type(error).__name__}") from error

    async def _body(self, request: Request, response: httpx.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._most_bytes:
                raise BadFrame(f"the answer to {request.path} is longer than {self._most_bytes} bytes", "size")
        return bytes(body)


def pause_s(error: ExchangeError, attempt: int) -> float | None:
    """How long to wait before the next attempt; None where none can help.

    Full jitter over our own backoff; what the exchange asked for is waited out whole.
    """
    what = verdict(error, attempt)
    if not isinstance(what, Retry | Reconnect) or isinstance(error, Forbidden):
        return None
    asked_s = error.retry_after_s if isinstance(error, RateLimited | QuotaSpent | ServerFault) else None
    if asked_s is not None:
        return what.after_s
    return random.uniform(0, what.after_s)
