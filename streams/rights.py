"""Whether those who listen still may: asked now and then, of all of a process at once."""

import asyncio
import logging
from collections.abc import Callable

from django.conf import settings

from streams import access
from streams.access import Access
from streams.database import DatabaseAway

log = logging.getLogger(__name__)

CHECK_S = 30.0

_watched: dict[Callable[[], None], Access] = {}
_checking: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


def watch(end: Callable[[], None], granted: Access) -> None:
    """`end` is called once whoever has this access may no longer listen. A later access takes the place of this one.

    Where reading is open users and sessions prove nothing; a key still does, since it may have more than others.
    """
    _watched.pop(end, None)
    if granted.key_id or ((granted.user_id or granted.session) and not settings.OPEN_READ):
        _watched[end] = granted
        loop = asyncio.get_running_loop()
        if loop not in _checking or _checking[loop].done():
            _checking[loop] = loop.create_task(_check())


def forget(end: Callable[[], None]) -> None:
    """The client is gone."""
    _watched.pop(end, None)


async def _check() -> None:
    """For as long as somebody is watched."""
    while _watched:
        await asyncio.sleep(CHECK_S)
        watched = list(_watched.items())
        try:
            gone = await access.ended([granted for _, granted in watched])
        except DatabaseAway:  # who could listen before goes on
            continue
        for number in gone:
            end, granted = watched[number]
            if _watched.get(end) is granted:
                log.info("%s may no longer listen", granted.user)
                forget(end)
                end()
