"""A client of `/stream/` for people and scripts: connects, subscribes, hands over each event, connects again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from exchanges.symbols import Topic

SHORTHAND = "binance.trade."  # what a pair alone means
OPEN_S = 5.0
CLOSE_S = 0.2  # events that are not read any more stand before the server's goodbye
RETRY_S = (0.5, 1.0, 2.0, 5.0)
FINAL = {4401, 4403}  # close codes after which another attempt cannot help
AGAIN = {"unavailable", "rate_limited"}  # refusals that another attempt may turn

Event = dict[str, Any]  # numbers are the text that was sent


class Ended(Exception):
    """One sentence: why nothing more can come."""


def topic(given: str) -> str:
    """The topic in full; a pair alone means its trades on Binance. ValueError where it can be neither."""
    full = given if given.count(".") >= 2 else SHORTHAND + given
    return str(Topic.parse(full))


def stream_url(url: str) -> str:
    """The WebSocket's address for what the user gave: http or ws, with or without the path. ValueError for others."""
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname or parts.port == 0:  # asking for the port reads it
        raise ValueError(f"{url!r} is no address such as ws://127.0.0.1:8000")
    return urlunsplit((scheme, parts.netloc, parts.path.strip("/") and parts.path or "/stream/", parts.query, ""))


def exact(text: str) -> Event:
    """A message with its numbers as the text that was sent."""
    return json.loads(text, parse_float=str, parse_int=str)  # type: ignore[no-any-return]


async def events(
    url: str, topics: Sequence[str], token: str | None, told: Callable[[str], None]
) -> AsyncIterator[tuple[Event, str]]:
    """Each event with its text, across reconnects; `told` hears what happens meanwhile. Ended where nothing can come.

    Only the first attempt must succeed; later ones are repeated for as long as it takes.
    """
    reached, attempt = False, 0
    while True:
        try:
            async with _connected(url, token) as socket:
                await socket.send(json.dumps({"action": "subscribe", "topics": list(topics)}))
                async for text in socket:
                    event = exact(str(text))
                    if "event" in event:
                        reached, attempt = True, 0
                        yield event, str(text)
                    else:
                        _judge(event, reached)
        except (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage) as error:
            lost = _reason(error, url, reached)
        else:
            lost = _closed(socket)
        wait_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
        attempt += 1
        told(f"{lost}; again in {wait_s:g} s")
        await asyncio.sleep(wait_s)


def _connected(url: str, token: str | None) -> connect:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return connect(
        url,
        additional_headers=headers,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        max_size=None,
        compression=None,
        proxy=None,
    )


def _judge(reply: Event, reached: bool) -> None:
    """Goes on after a reply that grants, or that a reconnect may turn."""
    if reply.get("result") is not False:
        return
    error = reply["error"]
    if not (reached and error["code"] in AGAIN):
        raise Ended(f"{reply.get('subscription') or 'refused'}: {error['message']} ({error['code']})")
    raise ConnectionResetError(error["message"])


def _reason(error: Exception, url: str, reached: bool) -> str:
    """What happened in words, or Ended where it was the first attempt or another cannot help."""
    if isinstance(error, ConnectionClosed) and error.rcvd:
        words = f"the server closed the connection ({error.rcvd.code} {error.rcvd.reason})".replace(" )", ")")
        if error.rcvd.code in FINAL:
            raise Ended(words)
        return words
    if isinstance(error, InvalidStatus):
        words = f"{url} answered HTTP {error.response.status_code}, not a WebSocket"
        if not reached or error.response.status_code < 500:  # a proxy says 5xx while the server behind it restarts
            raise Ended(words)
        return words
    if isinstance(error, ConnectionClosed):
        return "the connection was lost"
    words = f"{url} cannot be reached: {str(error) or type(error).__name__}"
    if not reached:
        raise Ended(words)
    return words


def _closed(socket: ClientConnection) -> str:
    if socket.close_code in FINAL:
        raise Ended(f"the server closed the connection ({socket.close_code} {socket.close_reason})")
    return f"the server closed the connection ({socket.close_code})"
