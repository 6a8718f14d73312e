"""Fixtures for the tests of forwarders."""

from collections.abc import Iterator

import pytest
from channels.layers import channel_layers
from redis import Redis

from tests.streams.forwarders.mock_kafka import MockKafka, mock_kafka


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """librdkafka's mock cluster in another process."""
    with mock_kafka() as mock:
        yield mock


@pytest.fixture(autouse=True)
def new_layer(clean_redis: Redis) -> None:
    channel_layers.backends.clear()
