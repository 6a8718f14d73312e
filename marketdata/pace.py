"""How often a key may ask over REST: counted in Redis, for all web processes together."""

import logging
import time
from functools import cache
from math import ceil
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from marketdata.models import ApiKey
from marketdata.problems import Problem

log = logging.getLogger(__name__)

PATIENCE_S = 0.5  # every request of a key waits for the count
AGAIN_S = 1.0  # a Redis that did not answer is left alone for so long

# One number a key: the microsecond until which what was asked is paid for. A second's requests may come at once. In one
# step, since of two that read before either writes both would pass.
TAKE = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local step_us = 1000000 / tonumber(ARGV[1])
local paid_us = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now_us)
local early_us = paid_us - now_us - (1000000 - step_us)
if early_us > 0 then return math.ceil(early_us) end
redis.call('SET', KEYS[1], string.format('%d', math.floor(paid_us + step_us)), 'PX', 2000)
return 0
"""


class Pace:
    """As this process finds Redis."""

    def __init__(self) -> None:
        self._again_s = float("-inf")

    def wait_s(self, name: str, per_s: int) -> float:
        """0 where the request may be answered, and it is counted; else after how long it may come again.

        Where Redis does not answer it may be: what is stored is served all the same.
        """
        if time.monotonic() < self._again_s:
            return 0.0
        try:
            return int(_redis(settings.REDIS_URL).eval(TAKE, 1, f"pace:{name}", per_s)) / 1_000_000
        except RedisError as error:
            log.warning("Redis does not answer, so keys are not held to their requests a second: %s", error)
            self._again_s = time.monotonic() + AGAIN_S
            return 0.0


pace = Pace()


class KeyPace(BaseThrottle):
    """The throttle of all our views. DRF's own keeps its count in the cache, where two that come at once both pass."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self._wait_s = pace.wait_s(request.auth.pk, per_s(request.auth)) if isinstance(request.auth, ApiKey) else 0.0
        return not self._wait_s

    def wait(self) -> float:
        return self._wait_s


def per_s(key: ApiKey) -> int:
    """How many requests a second, and messages of the stream, may come of it."""
    return key.most_requests_s or settings.MOST_REQUESTS_S


def too_soon(key: ApiKey, wait_s: float) -> Problem:
    """The refusal of a request that came too soon."""
    said = f"the key {key.name!r} may send {per_s(key)} requests a second; try again in {ceil(wait_s * 100) / 100:g} s."
    return Problem("rate_limited", said, after_s=wait_s)


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0)
    )
