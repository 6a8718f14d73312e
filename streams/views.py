"""REST: the newest state of one market, how the streams are doing, and signals. Wiring only."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import cards, filters, markets
from marketdata.api import ApiView
from marketdata.filters import Query
from marketdata.problems import Problem
from marketdata.views import ERROR
from streams import newest, selections, serializers, signal_rows, signalling, signals, status
from streams.permissions import SignalOpen
from streams.queries import DepthQuery, MarketQuery, StatusQuery, TradesQuery
from streams.signal_rows import SignalQuery, SignalsQuery


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


class SubscriptionsView(ApiView):
    """A signal starts streams, keeps them until told otherwise, or until its lease ends, and says where they are
    published. In `topics` a `*` stands for any letters, and follows what is listed."""

    permission_classes = (SignalOpen,)

    @described("subscriptions", "Your signals, the newest first", serializers.Subscriptions, SignalsQuery, 503)
    def get(self, request: Request) -> Response:
        asked = filters.query(SignalsQuery, request.query_params)
        return Response(signal_rows.page(request, signals.of(_user(request)), asked))

    @extend_schema(
        operation_id="subscribe",
        summary="Signal what is to run: one selection, or a list of several; the same again renews its lease",
        request=serializers.SIGNALS,
        responses={
            200: OpenApiResponse(serializers.SUBSCRIPTIONS, "All were there before; their leases are renewed."),
            201: OpenApiResponse(serializers.SUBSCRIPTIONS, "Begun; of a list, at least one was."),
            **dict.fromkeys((400, 401, 404, 409, 503), ERROR),
        },
        tags=["live"],
    )
    def post(self, request: Request) -> Response:
        several = isinstance(request.data, list)
        return Response(*signalling.signalled(request, _user(request), selections.asked(request.data), several))

    @extend_schema(
        operation_id="unsubscribe",
        summary="End the signals of these selections, as they were sent; those that are not there are as good as ended",
        request=serializers.SIGNALS,
        responses={200: serializers.Ended, **dict.fromkeys((400, 401, 503), ERROR)},
        tags=["live"],
    )
    def delete(self, request: Request) -> Response:
        digests = selections.ended(request.data)
        own = signals.own(_user(request)).filter(digest__in=digests)
        return Response({"ended": signals.end(own)})


class SubscriptionView(ApiView):
    """One signal, with pages of its topics."""

    permission_classes = (SignalOpen,)

    @described("subscription", "One signal and its topics", serializers.SubscriptionRow, SignalQuery, 503)
    def get(self, request: Request, pk: int) -> Response:
        asked = filters.query(SignalQuery, request.query_params)
        found = signals.of(_user(request)).select_related("owner").filter(pk=pk).first()
        if found is None:
            raise Problem("not_found", f"id: {pk} came; subscriptions/ lists what would do.", "id")
        return Response(signal_rows.one(request, found, asked))

    @extend_schema(
        operation_id="end_subscription",
        summary="End one signal; one that is not there is as good as ended",
        responses={200: serializers.Ended, **dict.fromkeys((401, 503), ERROR)},
        tags=["live"],
    )
    def delete(self, request: Request, pk: int) -> Response:
        return Response({"ended": signals.end(signals.of(_user(request)).filter(pk=pk))})


def _user(request: Request) -> Any:
    return request.user if request.user.is_authenticated else None
