"""Whether a web process lives, and whether it can do its work. Open to all, so no detail: that is in the log."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from marketdata.locks import redis
from marketdata.models import Exchange

log = logging.getLogger(__name__)

# The first needs the tables too: a process before its migrations is not ready.
NEEDED: dict[str, Callable[[], object]] = {
    "database": lambda: Exchange.objects.exists(),
    "redis": lambda: redis().ping(),
}


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; it asks no store, so that a lost store restarts nothing."""
    return JsonResponse({"status": "live"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 where every store answers, else 503; each store says `ok` or `unavailable`."""
    stores = {name: _state(name, probe) for name, probe in NEEDED.items()}
    whole = all(state == "ok" for state in stores.values())
    return JsonResponse({"status": "ready" if whole else "unavailable", **stores}, status=200 if whole else 503)


def _state(name: str, probe: Callable[[], object]) -> str:
    try:
        probe()
    except (DatabaseError, PoolTimeout, RedisError, OSError) as error:
        log.warning("%s does not answer: %s", name, error)
        return "unavailable"
    return "ok"
