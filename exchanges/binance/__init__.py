"""Binance spot: the card."""

from exchanges.binance import names, rest
from exchanges.binance.feed import BinanceFeed
from exchanges.contract import Card, Glance, Limit, Request, Socket
from exchanges.pictures import DEPTHS

CARD = Card(
    code="binance",
    title="Binance Spot",
    kind="exchange",
    rest_url="https://api.binance.com",
    sockets=(
        Socket(
            url="wss://stream.binance.com:9443/stream",
            streams=("trade", "ticker", "depth", "candle"),
            max_subscriptions=512,  # 1024 of their streams, and a ticker is made from two
            messages_per_s=4,  # 5, and our pongs count
            connects=Limit(300, 300, "connects"),
            lifetime_s=23 * 3600,  # closed after 24 h
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(6000, 60, "weight"), Limit(300_000, 300, "raw")),
    rest=rest,
    new_feed=lambda instruments, keys: BinanceFeed(instruments),
    candles_per_page=rest.PAGE,
    depth_limit=5000,
    all_tickers=True,
    trades_from_id=True,  # observed, in no document; where it is wrong, a gap is declared that was none
    probe=Request.get("/api/v3/ping"),
    glance=Glance(rest.GLANCE, rest.glance_request, rest.read_glance),
    notes=(
        "The exchange pings every 20 s and closes where no pong with the same payload comes within a minute: "
        "the socket library answers. It closes each connection after 24 h. Tickers of every market at once come from "
        "!miniTicker@arr each second; their best prices, in no stream of all markets, are asked for each 2 s."
    ),
)
