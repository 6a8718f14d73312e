"""Names in Kafka: what each setting gives, and that foreign letters never make two names one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.forwarders.names import identity, kafka_topic, key, spelled
from streams.position import Position

FUND = "binance.trade.币安人生-USDT"


@pytest.mark.parametrize(
    ("topic", "per", "name"),
    [
        ("binance.trade.BTC-USDT", "exchange", "marketdata.binance"),
        ("binance.depth_5.BTC-USDT", "stream", "marketdata.binance.depth_5"),
        ("alpaca.trade.BRK.B", "topic", "marketdata.alpaca.trade.BRK.B"),
        ("okx.trade.BTC-USD-PERP_BTC", "topic", "marketdata.okx.trade.BTC-USD-PERP_BTC"),
        ("replay-7.binance.trade.BTC-USDT", "exchange", "marketdata.replay-7.binance"),
        (FUND, "exchange", "marketdata.binance"),
        (FUND, "topic", "marketdata.binance.trade._xe5b881e5ae89e4babae7949f_-USDT"),
    ],
)
def test_a_topic_is_named_as_the_setting_says(topic, per, name):
    assert kafka_topic(topic, per, "marketdata") == name


def test_the_key_is_the_symbol_in_its_own_letters():
    assert key(FUND) == "币安人生-USDT".encode()
    assert key("alpaca.trade.BRK.B") == b"BRK.B"


def test_the_id_is_the_position():
    assert identity("binance.trade.BTC-USDT", Position(17, 4)) == "binance.trade.BTC-USDT:17:4"


@given(st.text(min_size=1))
def test_every_spelling_is_allowed_and_can_be_read_back(text):
    there = spelled(text)
    assert re.fullmatch(r"[a-zA-Z0-9._-]+", there)
    assert re.sub("_x([0-9a-f]+)_", lambda found: bytes.fromhex(found[1]).decode(), there) == text


def test_names_that_are_too_long_are_cut_and_stay_apart():
    names = {kafka_topic(f"binance.trade.{'币' * 90}{end}", "topic", "marketdata") for end in "AB"}
    assert len(names) == 2
    assert all(len(name) == 249 for name in names)


def test_what_is_no_topic_is_refused():
    with pytest.raises(ValueError, match="not enough values"):
        kafka_topic("binance", "topic", "marketdata")
