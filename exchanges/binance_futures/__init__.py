"""Binance USD-M Futures: the card."""

from exchanges.binance_futures import names, rest
from exchanges.binance_futures.feed import FuturesFeed
from exchanges.contract import Card, Glance, Limit, Request, Socket
from exchanges.pictures import DEPTHS

# Spot's limit; for futures none is stated, and to connect less often than allowed loses nothing.
CONNECTS = Limit(300, 300, "connects")
MESSAGES_PER_S = 8  # 10, and our pongs count
LIFETIME_S = 23 * 3600  # closed after 24 h

CARD = Card(
    code="binance_futures",
    title="Binance USD-M Futures",
    kind="exchange",
    rest_url="https://fapi.binance.com",
    sockets=(
        # A stream asked for on the wrong one of the two is acknowledged and stays silent.
        Socket(
            url="wss://fstream.binance.com/public/stream",
            streams=("depth",),
            max_subscriptions=1024,
            messages_per_s=MESSAGES_PER_S,
            connects=CONNECTS,
            lifetime_s=LIFETIME_S,
        ),
        Socket(
            url="wss://fstream.binance.com/market/stream",
            streams=("trade", "ticker", "candle"),
            max_subscriptions=1024,
            messages_per_s=MESSAGES_PER_S,
            connects=CONNECTS,
            lifetime_s=LIFETIME_S,
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(2400, 60, "weight"),),
    rest=rest,
    new_feed=lambda instruments, keys: FuturesFeed(instruments),
    candles_per_page=rest.PAGE,
    depth_limit=1000,
    all_tickers=True,
    trades_from_id=True,  # of the past 48 h (24 h by older text); what is older is said to be missing
    probe=Request.get("/fapi/v1/ping"),
    glance=Glance(1000, rest.glance_request, rest.read_glance),
    missing={
        "candle_1s": "taken off the exchange's list of intervals in 2026-07",
        "best prices in the ticker by REST": "ticker/24hr has none",
    },
    notes=(
        "Trades are aggregates: the fills of 100 ms at one price and side, retail liquidity included. Single matches "
        "come over a stream that is in no document, and again only with a key. Fills of the insurance fund and of "
        "forced deleveraging are in no trade. Best prices in tickers are asked for each 2 s, since the streams that "
        "have them are on the other connection. Order books hold 500 levels a side: a snapshot has 1000. Orders of "
        "retail liquidity (RPI) are in no book. The exchange pings each 3 minutes and waits 10 for the pong."
    ),
)
