"""CoinGecko: the card."""

from typing import cast

from exchanges.coingecko import names, rest
from exchanges.coingecko.feed import new_feed
from exchanges.contract import Card, Limit, Request, Rest, Socket

NO_TRADES = "its prices are an index over many exchanges, which has neither trades nor an order book"
NO_SOCKET = "its WebSocket is for paid plans; tickers and candles are asked for by REST"
MONTH = Limit(10_000, 30 * 86_400)

CARD = Card(
    code="coingecko",
    title="CoinGecko",
    kind="aggregator",
    rest_url="https://api.coingecko.com/api/v3",
    sockets=(Socket(url="", streams=("ticker", "candle"), max_subscriptions=4000, messages_per_s=1),),
    streams=("ticker", "candle"),
    intervals=names.INTERVALS,
    # Without a key about 5 to 15 a minute, with one 30 or 100 by different pages, 10,000 a month: the least of each.
    limits=(Limit(5, 60), MONTH),
    keyed_limits=(Limit(30, 60), MONTH),
    rest=cast(Rest, rest),  # without requests for trades and order books, which is how it says that it has none
    new_feed=lambda instruments, keys: new_feed(instruments),
    candles_per_page=min(names.KEPT.values()),
    candles_kept=min(names.KEPT.values()),
    depth_limit=0,
    settle_s=1_200,  # a candle may be published 15 minutes late
    sync_every_s=86_400,  # each list costs credits of the month
    probe=Request.get("/ping"),
    key_names=(names.KEY,),
    sign=names.signed,
    missing={
        "trade": NO_TRADES,
        "depth": NO_TRADES,
        "ticker by WebSocket": NO_SOCKET,
        "candles by WebSocket": NO_SOCKET,
        "candles of other intervals": "1h and 1d are for paid plans; rows of four days are no interval of ours",
        "candles older than a day (30m) or 30 days (4h)": "longer spans come in rows of four days",
        "volume of a candle": "not sent; the volumes of market_chart are of the last 24 hours at each point",
        "coins below the 500 largest": "each page of the list costs a credit of the month",
    },
    notes=(
        "Polled, without a socket. One request brings the tickers of 100 coins, one the candles of one coin. The free "
        "plan's 10,000 requests a month allow a connection one each ten minutes, after five at once at its beginning: "
        "a ticker is up to ten minutes old, and older the more candle topics are wanted beside it. All prices are in "
        "US dollars, an index by volume over many exchanges. A candle counts as closed when a later one is there, or "
        "15 minutes after its end, as answers are kept for so long. The key is optional. CoinGecko asks that it be "
        "named as the source."
    ),
)
