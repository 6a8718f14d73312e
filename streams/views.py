"""REST: the newest state of one market, and how the streams are doing. Wiring only."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import cards, filters, markets
from marketdata.api import ApiView
from marketdata.filters import Query
from marketdata.views import ERROR
from streams import newest, serializers, status
from streams.queries import DepthQuery, MarketQuery, StatusQuery, TradesQuery


def described(name: str, summary: str, answer: Any, query: type[Query], *errors: int) -> Any:
    """The description of an endpoint; `errors` are the codes beyond those that every endpoint has."""
    responses = {200: answer, **dict.fromkeys((400, 401, 404, *errors), ERROR)}
    parameters = filters.parameters(query)
    return extend_schema(operation_id=name, summary=summary, parameters=parameters, responses=responses, tags=["live"])


class TickerView(ApiView):
    @described("ticker", "The last ticker of one market", serializers.TickerRow, MarketQuery, 429, 503)
    def get(self, request: Request) -> Response:
        asked = filters.query(MarketQuery, request.query_params)
        card = markets.exchange(asked.exchange)
        return Response(newest.ticker(card, markets.market(card, asked.symbol)))


class TradesView(ApiView):
    @described("trades", "The last trades of one market, oldest first", serializers.Trades, TradesQuery, 429, 503)
    def get(self, request: Request) -> Response:
        asked = filters.query(TradesQuery, request.query_params)
        card = markets.exchange(asked.exchange)
        return Response(newest.trades(card, markets.market(card, asked.symbol), asked.limit))


class DepthView(ApiView):
    @described("depth", "The order book of one market, best levels first", serializers.DepthRow, DepthQuery, 429, 503)
    def get(self, request: Request) -> Response:
        asked = filters.query(DepthQuery, request.query_params)
        card = markets.exchange(asked.exchange)
        return Response(newest.depth(card, markets.market(card, asked.symbol), asked.limit))


class StatusView(ApiView):
    @described("status", "How streams, exchanges and workers are doing", serializers.Status, StatusQuery, 503)
    def get(self, request: Request) -> Response:
        asked = filters.query(StatusQuery, request.query_params)
        return Response(status.of([markets.exchange(asked.exchange).code] if asked.exchange else cards.codes()))
