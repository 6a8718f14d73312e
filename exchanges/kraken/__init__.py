"""Kraken spot: the card."""

from exchanges.contract import Card, Limit, Request, Socket
from exchanges.kraken import names, rest
from exchanges.kraken.feed import KrakenFeed
from exchanges.pictures import DEPTHS

CARD = Card(
    code="kraken",
    title="Kraken Spot",
    kind="exchange",
    rest_url="https://api.kraken.com",
    sockets=(
        Socket(
            url="wss://ws.kraken.com/v2",
            streams=("trade", "ticker", "depth", "candle"),
            max_subscriptions=400,  # none is documented; of the full order feed 200 markets may lie on a connection
            messages_per_s=5,  # 20 by word of their support; who sends more has messages dropped
            # 150 in any ten minutes, or a ban for ten more; half of it in each fixed window keeps that.
            connects=Limit(75, 600, "connects"),
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    # By address, some by address and pair; no figure is documented, but one a second is said to be inside.
    limits=(Limit(1, 1, "raw"),),
    rest=rest,
    new_feed=lambda instruments, keys: KrakenFeed(instruments),
    candles_per_page=rest.CANDLES,
    candles_kept=rest.CANDLES,
    depth_limit=rest.LEVELS,
    probe=Request.get("/0/public/Time"),
    trades_from_id=True,  # from the time of the one before on; the ids are the same as by WebSocket
    spelled=names.spelled,
    missing={
        "candle_1w": "their weeks are not documented to open on Monday; 1,440 minutes are the longest we take",
        "candles older than the newest 720 by REST": "OHLC keeps no more of each interval",
        "trades from an id by REST": "Trades starts from a time, which a repair takes in place of the id",
        "ticker of every market in one subscription": "each market has to be named",
        "perpetual and future": "Kraken Futures is another exchange with an API of its own",
    },
    notes=(
        "REST keeps only the newest 720 candles of each interval and rounds the quantities of its order book to three "
        "decimals. A book has 1,000 levels a side, each update proven by a checksum of the best ten; there is no "
        "sequence. A ticker's open is the last price less the change they send; its quote volume is not sent. "
        "We ping every 25 s, as a connection on which nothing is asked is closed after a minute."
    ),
)
