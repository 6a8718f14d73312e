"""The shapes of what Binance USD-M Futures sends where they differ from spot's. Field names are theirs.

`st` tells USD-M from COIN-M; older recordings lack it.
Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams.
"""

from msgspec import Struct
from msgspec.json import Decoder

from exchanges.binance import frames as spot
from exchanges.binance.frames import Id, Levels, Market, Time
from exchanges.binance_futures.names import MATCHED, USD_M


class Match(spot.Match, tag_field="e", tag="trade"):
    """`@trade`, which is in no document"""

    X: str = MATCHED
    st: int = USD_M


class Aggregate(spot.Aggregate, tag_field="e", tag="aggTrade"):
    """`@aggTrade`: the fills of 100 ms at one price and side; `q` holds those of retail liquidity too, `nq` does not"""

    st: int = USD_M


class ShortDay(spot.ShortDay, tag_field="e", tag="24hrMiniTicker"):
    """`@miniTicker`"""

    st: int = USD_M


class Day(Struct, tag_field="e", tag="24hrTicker"):
    """`@ticker`: spot's without best prices"""

    E: Time
    s: Market
    c: str
    Q: str
    o: str
    h: str
    l: str  # noqa: E741
    v: str
    q: str
    st: int = USD_M


class Best(spot.Best, tag_field="e", tag="bookTicker"):
    """`@bookTicker`: with a type and times, unlike spot's; the oldest recordings have neither"""

    E: Time | None = None
    st: int = USD_M


class Kline(spot.Kline, tag_field="e", tag="kline"):
    """`@kline_<interval>`"""

    st: int = USD_M


class Diff(spot.Diff, tag_field="e", tag="depthUpdate"):
    """`@depth` and, by the name of its stream alone another thing, `@depth<n>`

    `pu` is the `u` of the diff before on this stream; ids are shared by all markets, so they jump.
    """

    pu: Id
    st: int = USD_M


class Snapshot(Struct):
    """The answer of `/fapi/v1/depth`"""

    lastUpdateId: Id
    bids: Levels
    asks: Levels
    E: Time | None = None


match = Decoder(Match).decode
aggregate = Decoder(Aggregate).decode
day = Decoder(Day).decode
short_day = Decoder(ShortDay).decode
days = Decoder(list[Day | ShortDay]).decode
best = Decoder(Best).decode
kline = Decoder(Kline).decode
diff = Decoder(Diff).decode
snapshot = Decoder(Snapshot).decode
