"""A signal as it comes in: kept, then told to the hold loops at once, then shown."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from redis.exceptions import RedisError
from rest_framework.request import Request

from marketdata.problems import Problem
from streams import demand, signal_rows, signals
from streams.connection import redis
from streams.signals import Signal, Told

AHEAD_S = 10  # by then every loop has read the row; without it a signal would wait for that


class Answer(NamedTuple):
    """To one signal its row, to a list the rows in its order; 201 where one is new."""

    body: Any
    status: int


def signalled(request: Request, user: Any, asked: Sequence[Signal], several: bool) -> Answer:
    """Keeps the signals and says how their topics are. Problem where Redis is away: they are kept nevertheless."""
    told = signals.sign(user, asked)
    rows = [one.row for one in told]
    new = [one.row for one in told if one.is_new]
    try:
        async_to_sync(_want)({topic for share in signals.shares(new).values() for topic in share.topics})
        if several:
            body: Any = {"results": signal_rows.rows(request, rows, signal_rows.SHOWN_OF_EACH), "next": None}
        else:
            body = signal_rows.rows(request, rows, signal_rows.SHOWN_OF_ONE)[0]
    except (RedisError, OSError, Problem) as error:
        raise Problem("unavailable", f"{_kept(told)}, though its streams wait for Redis: {error}") from None
    return Answer(body, 201 if new else 200)


def _kept(told: Sequence[Told]) -> str:
    return f"The signal is kept (id {', '.join(str(one.row.pk) for one in told)})"


async def _want(topics: Collection[str]) -> None:
    await demand.want(redis(), topics, AHEAD_S)
