"""Alpha Vantage: the card."""

from typing import cast

from exchanges.alphavantage import names, rest
from exchanges.alphavantage.feed import new_feed
from exchanges.contract import Card, Limit, Request, Rest, Socket

NO_TRADES = "it has series and quotes only, neither trades nor order books"
NO_SOCKET = "it has none; tickers and candles are asked for by REST"

CARD = Card(
    code="alphavantage",
    title="Alpha Vantage",
    kind="aggregator",
    rest_url="https://www.alphavantage.co",
    sockets=(Socket(url="", streams=("ticker", "candle"), max_subscriptions=4000, messages_per_s=1),),
    streams=("ticker", "candle"),
    intervals=names.INTERVALS,
    # The free plan. In windows of two seconds, as theirs may begin at another moment. When their day begins is not
    # told; where it is another than ours, they say that the quota is spent before we do.
    limits=(Limit(1, 2), Limit(25, 86_400)),
    rest=cast(Rest, rest),  # without requests for trades and order books, which is how it says that it has none
    new_feed=lambda instruments, keys: new_feed(instruments),
    candles_per_page=rest.PAGE,
    candles_kept=rest.PAGE,
    depth_limit=0,
    sync_every_s=7 * 86_400,  # the list of shares is one of the day's 25 requests
    probe=Request.get("/digital_currency_list/", 0),
    key_names=(names.KEY,),
    sign=names.signed,
    spelled=names.spelled,
    missing={
        "trade": NO_TRADES,
        "depth": NO_TRADES,
        "ticker by WebSocket": NO_SOCKET,
        "candles by WebSocket": NO_SOCKET,
        "anything without keys": "the examples of its documentation are all that it answers then",
        "candles older than the newest 100 by REST": "longer answers are for premium plans",
        "shares outside the United States in the list": "it holds none; their candles can be asked for by the spelling",
        "currencies in others than US dollars": "there is no list of pairs",
    },
    notes=(
        "Polled, without a socket, one market in each request. The free plan has 25 requests a day, one a second: a "
        "connection asks four at its beginning and one each three hours, in turn over what is wanted. Candles within "
        "a day need a premium plan: without one their topics stop and say so. A day of a share opens at midnight in "
        "New York, a week on Monday and a month on the first there; those of currencies in UTC. Shares' prices are "
        "raw, not adjusted for splits. A share's ticker has the figures of its latest trading day instead of the last "
        "24 hours, and no time. Without a key (ALPHAVANTAGE_KEY) the source answers the examples of its documentation "
        "only. Shares are named by their ticker, currencies as CRYPTO:BTC and FOREX:EUR, against the US dollar."
    ),
)
