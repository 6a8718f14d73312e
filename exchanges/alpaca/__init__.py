"""Alpaca, stocks and crypto: the card."""

from exchanges.alpaca import names, rest
from exchanges.alpaca.feed import AlpacaFeed
from exchanges.contract import Card, Limit, Request, Socket
from exchanges.pictures import DEPTHS
from exchanges.symbols import Kind

STREAMS = (*DEPTHS, "trade", "ticker", "candle")


def _socket(path: str, kind: Kind) -> Socket:
    """Open to those with keys alone. An account has one connection on each path, so one takes all: what is beyond the
    plan (30 symbols) is asked by REST."""
    return Socket(
        url="", keyed_url=f"wss://stream.data.alpaca.markets{path}", streams=STREAMS, max_subscriptions=4000,
        messages_per_s=5,  # no rule in the documents
        connects=Limit(6, 60, "connects"),  # nor for this; a dead connection is counted for a while
        most_connections=1, kinds=(kind,),
    )  # fmt: skip


CARD = Card(
    code="alpaca",
    title="Alpaca",
    kind="broker",
    rest_url="https://data.alpaca.markets",
    # A trading host takes the keys of its own environment alone; every account has those of the paper one.
    hosts={names.TRADING: "https://paper-api.alpaca.markets"},
    sockets=(_socket("/v1beta3/crypto/us", "spot"), _socket("/v2/iex", "stock")),
    streams=STREAMS,
    intervals=names.INTERVALS,
    limits=(Limit(200, 60),),  # of the free plan
    rest=rest,
    new_feed=AlpacaFeed,
    candles_per_page=rest.PAGE,
    depth_limit=1000,  # a book comes whole; how many levels that are is in no document
    probe=Request.get(f"{rest.CRYPTO}/latest/trades", symbols="BTC/USD"),
    trades_from_time=True,
    key_names=(names.KEY_ID, names.SECRET),
    keyed_kinds=("stock",),
    open_lists=(rest.open_list(),),
    sign=names.signed,
    spelled=names.symbol_of,
    missing={
        "depth of stocks": "Alpaca has no order book of stocks",
        "stocks without keys": "none of them is listed or answered without keys",
        "anything without keys by WebSocket": "a connection takes nothing without a login; crypto is asked for by REST",
        "pairs that are not in its public list, without keys": "the listing is on the trading host, which takes keys",
        "candles above a minute by WebSocket": "sent for minutes, and for days without their end",
        "corrections, halts and price bands of stocks": "no event of ours; a corrected bar is told anew",
        "candles of 2h to 12h, 1w and 1M": "where they open is in no document",
        "quote volume of candles": "only a rounded average price is sent",
        "figures of 24 hours": "only the bar of the day is sent, which is no rolling window",
        "stocks traded over the counter": "their data is for partners of Alpaca alone",
        "the side of a stock's trade": "not sent",
        "options": "MessagePack alone, and a plan of its own",
    },
    notes=(
        "Where keys are set, crypto of Alpaca's own book (us) and stocks come by WebSocket, else crypto alone, polled. "
        "Stocks are those of IEX, a few per cent of the market, in history and live alike: that feed is open to every "
        "plan. A stock's day opens at midnight in New York, crypto's at midnight UTC (until "
        "July 2025 in Chicago; such days are left out). Keys are those of the paper account. An account has one "
        "connection. Neither trades nor books of crypto carry a number, so a frame that was lost cannot be seen."
    ),
)
