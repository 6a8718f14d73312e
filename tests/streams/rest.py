"""REST as a program asks it: the fixture `get`."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.streams.live import Web

Get = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def get(web: Web) -> AsyncIterator[Get]:
    """`status, body = await get("ticker/", symbol=…)`; numbers are Decimal."""
    async with httpx.AsyncClient(base_url=f"{web.url}/api/v1/", timeout=20, trust_env=False) as client:

        async def ask(path: str, **query: Any) -> tuple[int, Any]:
            answer = await client.get(path, params=query)
            return answer.status_code, json.loads(answer.text, parse_float=Decimal)

        yield ask
