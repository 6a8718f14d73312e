"""Redis as marketdata uses it: the connection of this process, and locks so that a thing is asked for once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import LockError
from redis.lock import Lock
from redis.retry import Retry


@cache
def redis() -> Redis:
    """One pool per process; answers are bytes. An absent Redis is noticed within seconds."""
    retry = Retry(ConstantBackoff(0.1), 2)
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, retry=retry)


@contextmanager
def held(name: str, ttl_s: float, wait_s: float = 0.0) -> Iterator[Lock | None]:
    """The lock while the block runs, or None where another had it for all of `wait_s`.

    It falls by itself `ttl_s` after the last `reacquire()`. What is done under it must bear being done twice.
    """
    lock = redis().lock(f"lock:{name}", timeout=ttl_s, thread_local=False)
    taken = lock.acquire(blocking=wait_s > 0, blocking_timeout=wait_s)
    try:
        yield lock if taken else None
    finally:
        if taken:
            _release(lock)


def first(name: str, ttl_s: float) -> bool:
    """Whether nobody called this with the same name in the last `ttl_s` seconds."""
    return bool(redis().set(f"lock:{name}", b"", nx=True, px=int(ttl_s * 1000)))


def is_held(name: str) -> bool:
    return bool(redis().exists(f"lock:{name}"))


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:
        pass  # it fell by itself, and another may hold it by now
