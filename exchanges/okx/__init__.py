"""OKX: the card."""

from exchanges.contract import Card, Limit, Request, Socket
from exchanges.okx import names, rest
from exchanges.okx.feed import OkxFeed
from exchanges.pictures import DEPTHS

HOST = "wss://ws.okx.com:8443"
CONNECTS = Limit(3, 1, "connects")
# The exchange counts requests (480 an hour, which the feed keeps), not messages; this only spaces them out.
MESSAGES_PER_S = 10

CARD = Card(
    code="okx",
    title="OKX",
    kind="exchange",
    rest_url="https://openapi.okx.com",
    sockets=(
        # There is a limit of channels per connection (close codes 4008 and 4009), but no document has its number. It is
        # advised to keep below 30 books per connection; a quarter of the figure here is what a connection gets.
        Socket(
            url=f"{HOST}/ws/v5/public",
            streams=("depth",),
            max_subscriptions=116,
            messages_per_s=MESSAGES_PER_S,
            connects=CONNECTS,
        ),
        Socket(
            url=f"{HOST}/ws/v5/public",
            streams=("ticker",),
            max_subscriptions=800,
            messages_per_s=MESSAGES_PER_S,
            connects=CONNECTS,
        ),
        Socket(
            url=f"{HOST}/ws/v5/business",
            streams=("trade", "candle"),
            max_subscriptions=800,
            messages_per_s=MESSAGES_PER_S,
            connects=CONNECTS,
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(40, 2, "weight"),),
    rest=rest,
    new_feed=lambda instruments, keys: OkxFeed(instruments),
    candles_per_page=rest.PAGE,
    depth_limit=rest.FULL_LEVELS,
    settle_s=300,  # how soon the history has a candle is in no document
    trades_from_id=True,  # that ids run without a hole is in no document; where it is wrong, a repair says incomplete
    probe=Request.get("/api/v5/public/time", rest.PER_10),
    spelled=names.spelled,
    named_lists=rest.named_lists,
    missing={
        "event contracts": "listed per series, and no market in the sense of our symbols",
        "quote_volume_24h of derivatives": "the ticker has contracts and base units only",
        "candle_8h, candle_3d": "no such bar, and one whose first day is in no document",
    },
    notes=(
        "Trades are each match by itself (`trades-all`, without login). Books have 400 levels a side and no RPI "
        "orders, which trades, tickers and candles include: a trade may print inside the spread."
    ),
)
