"""Bitstamp spot: the card."""

from exchanges.bitstamp import names, rest
from exchanges.bitstamp.feed import BitstampFeed
from exchanges.contract import Card, Limit, Request, Socket
from exchanges.pictures import DEPTHS

NO_CHANNEL = "no channel carries it; it is asked for by REST"

CARD = Card(
    code="bitstamp",
    title="Bitstamp",
    kind="exchange",
    rest_url="https://www.bitstamp.net",
    sockets=(
        Socket(
            url="wss://ws.bitstamp.net",
            streams=("trade", "depth"),
            max_subscriptions=1024,  # with one more the connection is closed without a word
            messages_per_s=20,  # no rule in the documents
            connects=Limit(30, 60, "connects"),  # nor for this
            lifetime_s=89 * 86_400,  # closed after 90 days
        ),
        Socket(url="", streams=("ticker", "candle"), max_subscriptions=4000, messages_per_s=1),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(400, 1, "raw"), Limit(10_000, 600, "raw")),
    rest=rest,
    new_feed=lambda instruments, keys: BitstampFeed(instruments),
    candles_per_page=rest.PAGE,
    depth_limit=rest.SHOWN,
    probe=Request.get(f"{rest.API}/ticker/btcusd/"),
    missing={
        "ticker by WebSocket": NO_CHANNEL,
        "candles by WebSocket": NO_CHANNEL,
        "depth beyond 100 levels by WebSocket": "channels with updates carry nothing that would show a lost one",
        "trades older than an hour": "the documents offer a day at most, which is megabytes of a busy market",
        "candles of 8h, 1w and 1M": "not sent",
        "candles of 3d": "where they open is in no document",
        "trades of a candle, its quote volume": "not sent",
        "quantities of the best bid and ask, quote volume in the ticker": "not sent; the average price is rounded",
    },
    notes=(
        "Trades carry numbers of the whole exchange, so one of a market that was lost cannot be seen. Books are "
        "the best 100 levels, whole each time and only when they changed: a quiet market has none for some seconds "
        "after the beginning. Tickers of all markets come in one answer each 2 s; candles are asked for each 10 s, "
        "later where more than 40 series are wanted, and count as closed 10 s after their end. A market that is not "
        "in the listing would be acknowledged and stay silent, so it is not asked for. The perpetuals beside the spot "
        "markets are not read."
    ),
)
