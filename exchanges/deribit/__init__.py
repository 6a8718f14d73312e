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
            # What an address has without a login is not published: read as one pool for all its connections, each of
            # which opens with a subscription and a heartbeat.
            connects=Limit(2, 1, "connects"),
            most_connections=16,  # sessions of one key; an address has 32, requests by HTTP among them
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
    trades_from_id=True,  # by `trade_seq`, which runs without a hole per market
    probe=Request.get(f"{rest.PUBLIC}get_time"),
    key_names=(CLIENT_ID, CLIENT_SECRET),
    spelled=names.symbol_of,
    missing={
        "every ticker at once": "a channel carries one market's ticker",
    },
    notes=(
        "Trades are counted per market (trade_seq): a hole is a loss, and history is served from a count on. "
        "At most 32 connections of one address, WebSocket and HTTP together, the 33rd gets HTTP 429. With keys the "
        "connection logs in and joins the `raw` channels, without them those of 100 ms. The exchange's test requests "
        "are answered. Every day at 08:00 UTC it settles, and what expired is listed no more."
    ),
)
