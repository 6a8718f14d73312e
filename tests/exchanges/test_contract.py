"""What every card promises: addresses below a sandbox, a socket for each stream, requests that keep their spelling."""

import pytest

from exchanges.contract import Card, Request
from exchanges.intervals import INTERVALS
from exchanges.registry import cards

each_card = pytest.mark.parametrize("card", cards().values(), ids=cards().keys())


def test_a_request_leaves_out_what_is_absent_and_encodes_the_rest() -> None:
    request = Request.get("/api/v3/klines", 2, symbol="币USDT", startTime=None, limit=5)
    assert request.target == "/api/v3/klines?symbol=%E5%B8%81USDT&limit=5"
    assert (request.path, request.query) == ("/api/v3/klines", {"symbol": "币USDT", "limit": "5"})
    assert Request.get("/ping").target == "/ping"


@each_card
def test_every_stream_of_a_card_has_a_socket_that_carries_it(card: Card) -> None:
    for stream in card.stream_names():
        card.sockets[card.socket_of(stream)]


@each_card
def test_every_interval_of_a_card_is_one_of_ours(card: Card) -> None:
    assert set(card.intervals) <= set(INTERVALS)


@each_card
def test_a_sandbox_serves_every_address_of_a_card(card: Card) -> None:
    moved = card.at(f"http://127.0.0.1:7000/{card.code}")
    assert moved.rest_url.startswith(f"http://127.0.0.1:7000/{card.code}")
    polled = [not socket.url for socket in card.sockets]
    assert [not socket.url for socket in moved.sockets] == polled
    assert all(socket.url.startswith(f"ws://127.0.0.1:7000/{card.code}") for socket in moved.sockets if socket.url)
    assert all(url.startswith(f"http://127.0.0.1:7000/{card.code}") for url in moved.hosts.values())
    assert moved.rest is card.rest and moved.new_feed is card.new_feed
