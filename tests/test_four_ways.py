"""A service signals for a topic; what a WebSocket client, Redis and Kafka get of it is byte for byte the same."""

from pathlib import Path

from dotenv import dotenv_values

from tests.config.test_up import Up
from tests.four_ways import PUBSUB, TRADES, four_ways
from tests.streams.forwarders.mock_kafka import mock_kafka

TOPIC = "kraken.trade.BTC-USDT"


async def test_a_signalled_trade_is_the_same_bytes_on_all_four_ways(installation_folder: Path) -> None:
    with mock_kafka() as kafka:
        options = {"EXCHANGES": "binance,kraken", "KAFKA_BOOTSTRAP_SERVERS": kafka.servers}
        up = Up(installation_folder, "--venues", "sandbox", **options)
        try:
            url = up.line(r"^ready: (http://127\.0\.0\.1:\d+)$")[1]
            told = dotenv_values(installation_folder / "up.env")
            result = await four_ways(url, str(told["REDIS_URL"]), kafka.servers, TOPIC)
        finally:
            up.end()
    [named] = result.answer["topics"]
    assert (named["redis_channel"], named["redis_stream"]) == (TOPIC, f"stream:{TOPIC}")
    assert named["kafka_topic"] == "marketdata.kraken"
    assert result.different == []
    assert len(result.common) >= TRADES
    assert [trade for trade in result.found[PUBSUB] if trade in set(result.common)] == result.common
