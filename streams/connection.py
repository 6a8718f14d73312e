"""The connection to Redis that the streams use, one an event loop."""

import asyncio
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()

TIMEOUT_S = 5.0
CONNECTIONS = 50


def redis() -> Redis:
    """The client of the running loop; it waits for a free connection rather than opening ever more."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        pool = BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        _clients[loop] = Redis.from_pool(pool)
    return _clients[loop]
