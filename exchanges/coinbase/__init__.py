"""Coinbase, Advanced Trade and Exchange: the card."""

from exchanges.coinbase import names, rest
from exchanges.coinbase.feed import CoinbaseFeed
from exchanges.contract import Card, Limit, Request, Socket
from exchanges.pictures import DEPTHS

# How many markets one connection takes is in no document; the most advice is to spread busy ones over several.
MARKETS = 200

CARD = Card(
    code="coinbase",
    title="Coinbase",
    kind="exchange",
    rest_url="https://api.coinbase.com",
    hosts={rest.EXCHANGE: "https://api.exchange.coinbase.com"},
    sockets=(
        Socket(  # Exchange: each match as it happens; a ticker with time, sizes and opening; spot alone
            url="wss://ws-feed.exchange.coinbase.com",
            streams=("trade", "ticker"),
            max_subscriptions=MARKETS,
            messages_per_s=20,  # 100 an address
            connects=Limit(8, 1, "connects"),
            kinds=("spot",),
        ),
        # Advanced Trade: every change of the whole book, numbered; all that there is of futures. That its trades and
        # tickers carry those too is seen in other clients, in no document: where it is wrong they are said not listed.
        Socket(
            url="wss://advanced-trade-ws.coinbase.com",
            streams=("depth", "candle", "trade", "ticker"),
            max_subscriptions=MARKETS,
            messages_per_s=2,  # 8 an address, whatever the number of its connections
            connects=Limit(2, 1, "connects"),  # 8, and each begins with some messages
            max_frame_bytes=64 * 2**20,  # a snapshot is the whole book
        ),
    ),
    streams=(*DEPTHS, "trade", "ticker", "candle"),
    intervals=names.INTERVALS,
    limits=(Limit(10, 1, "weight"),),  # of either host; of Advanced Trade an older page says so, the newest none
    rest=rest,
    new_feed=lambda instruments, keys: CoinbaseFeed(instruments),
    candles_per_page=rest.PAGE,
    depth_limit=rest.LEVELS,
    probe=Request.get("/api/v3/brokerage/time"),
    # Of spot, ids without a hole are observed, in no document: where it is wrong, a gap is declared that was none. Of
    # futures nothing is known of them: a repair has the newest thousand, and says incomplete where their ids jump.
    trades_from_id=True,
    trades_from_id_kinds=("spot",),  # of futures' ids nothing is known
    sign=rest.fresh,
    spelled=names.spelled,
    missing={
        "candles by WebSocket": "but for five minutes; the other intervals are polled by REST while somebody listens",
        "last quantity and opening in tickers of futures": "Advanced Trade's ticker has neither",
        "quote volume": "neither interface says it exactly",
        "how many matches a candle holds": "no interface says it",
        "BTC-USDC and the like": "another name of BTC-USD's book, whose data comes as BTC-USD; listed under that alone",
    },
    notes=(
        "Trades carry the maker's side on both interfaces, and are told with the taker's. Advanced Trade numbers the "
        "frames of a connection: a hole loses all its books, which are subscribed to anew. The Exchange's trades are "
        "proven by their ids and its heartbeats, those of futures by Advanced Trade's numbers."
    ),
)
