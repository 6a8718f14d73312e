"""Deribit: the card."""

from exchanges.contract import Card, Limit, Request, Socket
from exchanges.deribit import names, rest
from exchanges.deribit.feed import CLIENT_ID, CLIENT_SECRET, DeribitFeed
from exchanges.pictures import DEPTHS

CARD = Card(
    code="deribit",
    title="Deribit",
    kind="exchange",
    rest_url="https://www.deribit.com",
    sockets=(
        Socket(
            url="wss://www.deribit.com/ws/api/v2",
            streams=("trade", "ticker", "depth", "candle"),
            max_subscriptions=500,  # in one call; no document limits a connection, so we ask for no more on one
            messages_per_s=3,  # a subscription costs 3,000 of the 10,000 credits that each second gives
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    # Accounts have 20 requests a second. What an address has without a login is not published; half of that is ours.
    limits=(Limit(20, 2, "requests"),),
    rest=rest,
    new_feed=DeribitFeed,
    candles_per_page=rest.PAGE,
    depth_limit=rest.DEPTHS[-1],
    probe=Request.get(f"{rest.PUBLIC}get_time"),
    key_names=(CLIENT_ID, CLIENT_SECRET),
    spelled=names.symbol_of,
    missing={
        "trades from an id on": "history is served by a count of its own or by time",
        "every ticker at once": "a channel carries one market's ticker",
    },
    notes=(
        "At most 32 connections of one address, WebSocket and HTTP together, the 33rd gets HTTP 429. With keys the "
        "connection logs in and joins the `raw` channels, without them those of 100 ms. The exchange's test requests "
        "are answered. Every day at 08:00 UTC it settles, and what expired is listed no more."
    ),
)
