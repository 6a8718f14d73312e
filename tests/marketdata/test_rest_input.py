"""Whatever comes, REST answers in its shape and never with a fault of its own."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata.pages import cursor
from tests.marketdata.test_rest import V1

NAMES = ["exchange", "symbol", "interval", "start", "end", "limit", "order", "cursor", "numbers", "format", "search"]
PATHS = ["symbols/", "candles/", "backfills/", "intervals/", "exchanges/", "backfills/7/"]
words = st.text(max_size=12) | st.sampled_from(
    ["BTC-USDT", "1m", "2024-01-01", "csv", "desc", "binance", "\x00", "1" * 30]
)
cursors = st.lists(st.integers() | st.text(max_size=5), max_size=3).map(lambda values: cursor(*values))
given_values = st.dictionaries(st.sampled_from(NAMES), words | cursors, max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | words, lambda inner: st.lists(inner, max_size=3)
)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def reader(client: Client, binance: object, exchange: object) -> Client:
    client.force_login(User.objects.create_user("ann"))
    return client


@given(path=st.sampled_from(PATHS), query=given_values)
@many
def test_no_query_is_a_fault_of_ours(path: str, query: dict[str, str], reader: Client) -> None:
    if path == "candles/":
        query = {"symbol": "BTC-USDT", "interval": "1d"} | query
    answer = reader.get(V1 + path, query)
    assert answer.status_code in {200, 202, 400, 404}, answer.content
    if answer.status_code >= 400:
        assert set(json.loads(answer.content)["error"]) <= {"code", "message", "field"}


@given(body=st.dictionaries(st.sampled_from([*NAMES, "x"]), json_values, max_size=6) | json_values)
@many
def test_no_body_is_a_fault_of_ours(body: object, reader: Client) -> None:
    answer = reader.post(V1 + "backfills/", json.dumps(body), "application/json")
    assert answer.status_code in {202, 400, 404}, answer.content


@pytest.mark.parametrize("path", [*PATHS[:5], "exchanges/binance/"])
def test_head_and_options_are_answered(path: str, reader: Client) -> None:
    query = {"symbol": "BTC-USDT", "interval": "1d", "limit": 1} if path == "candles/" else {}
    assert reader.head(V1 + path, query).status_code == 200
    options = reader.options(V1 + path)
    assert (options.status_code, options["Content-Type"]) == (200, "application/json")
