"""Hyperliquid: the card."""

from exchanges.contract import Card, Limit, Socket
from exchanges.hyperliquid import names, rest
from exchanges.hyperliquid.feed import CONNECTIONS, SHARE, new_feed

URL = "wss://api.hyperliquid.xyz/ws"
# All limits are an address's, over all its connections: 10 at once, 30 new ones, 2000 messages a minute and 1000
# subscriptions. Six connections share them evenly; what is beyond is told as used up.
FAST = 2
MESSAGES_PER_S = 5

CARD = Card(
    code="hyperliquid",
    title="Hyperliquid",
    kind="exchange",
    rest_url="https://api.hyperliquid.xyz",
    sockets=(
        # Fast books come under the same name as whole ones, so they have connections of their own.
        Socket(
            url=URL, streams=("depth_5",), max_subscriptions=SHARE, messages_per_s=MESSAGES_PER_S,
            connects=Limit(10, 60, "connects"), most_connections=FAST,
        ),
        Socket(
            url=URL, streams=("trade", "ticker", "depth", "candle"), max_subscriptions=SHARE,
            messages_per_s=MESSAGES_PER_S, connects=Limit(20, 60, "connects"), most_connections=CONNECTIONS - FAST,
        ),
    ),
    streams=("depth", "depth_5", "depth_10", "depth_20", "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(1200, 60),),
    rest=rest,
    new_feed=new_feed,
    candles_per_page=rest.PAGE,
    depth_limit=rest.LEVELS,
    probe=rest.info("l2Book", rest.LIGHT, coin="BTC"),
    candles_kept=rest.KEPT,
    spelled=names.symbol_of,
    missing={
        "depth_50": "books have twenty levels a side",
        "trades from an id on": "ids are hashes, and no call serves more than the newest ten",
        "last and best prices by REST ticker": "the calls for a market's state do not say them",
        "high and low of 24 hours": "no channel and no call says them",
        "every ticker at once": "the channels for all markets carry mid and mark prices, none of a trade or an offer",
        "quote volume of candles": "no channel and no call says it",
        "markets of builders and outcomes": "each builder's exchange is a listing of its own; not asked for",
    },
    notes=(
        "One wrong coin and the exchange closes the whole connection: only markets of its own listing are asked for, "
        "and one that was unanswered when a connection ended is asked for alone. Whole books come every five seconds "
        "with twenty levels (depth, depth_10, depth_20), fast ones twice a second with five (depth_5). A ticker is "
        "made of the market's state, its best offers and its trades. A lost trade cannot be seen by its id; after a "
        "new connection the exchange repeats the last trades, which bridges a short gap. An address has 1000 "
        "subscriptions (a ticker takes three, its trades among them); what is beyond them says quota_spent."
    ),
)  # fmt: skip
