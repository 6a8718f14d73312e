"""Keyset pages: a cursor says where the page before ended, so rows that come or go elsewhere move nothing."""

import base64
import binascii
import json
from typing import Any

from django.http import QueryDict
from rest_framework.request import Request

from marketdata import times
from marketdata.problems import Problem


def cursor(*position: str | int) -> str:
    """The position, opaque."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def position(text: str, *kinds: type) -> list[Any]:
    """What cursor() was given; Problem where it was not made by it for this endpoint."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds) or not all(map(_fits, values)):
        raise Problem("bad_request", f"cursor: {text!r} came; the `next` of a page holds one that would do.", "cursor")
    return values


def _fits(value: str | int) -> bool:
    return value.isprintable() if isinstance(value, str) else 0 <= value <= times.LATEST_MS


def following(request: Request, *at: str | int) -> str:
    """The address of the page that goes on at the position."""
    query: QueryDict = request.query_params.copy()
    query["cursor"] = cursor(*at)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
