"""What the live REST endpoints take."""

from marketdata.filters import Code, Market, Query, limit


class MarketQuery(Query):
    exchange: Code = "binance"
    symbol: Market


class TradesQuery(MarketQuery):
    limit: int = limit(50, 1000)


class DepthQuery(MarketQuery):
    limit: int = limit(20, 1000)


class StatusQuery(Query):
    exchange: Code | None = None
