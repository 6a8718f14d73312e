"""The connection to Redis that the streams use, one an event loop."""

import asyncio
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

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
            # Its next user notices that a restart has cut a connection; a Redis that is silent is not asked twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        )
        _clients[loop] = Redis.from_pool(pool)
    return _clients[loop]
