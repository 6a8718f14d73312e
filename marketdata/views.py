"""REST: exchanges, symbols, intervals, candles, backfills, tokens. Wiring only."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView

from marketdata import cards, cold, filters, history, lists, markets, pages, rows, serializers, times
from marketdata.api import Api, ApiView
from marketdata.filters import BackfillBody, BackfillQuery, CandleQuery, IntervalQuery, Query, SymbolQuery
from marketdata.models import Backfill, Exchange
from marketdata.problems import Problem
from marketdata.renderers import CandlesArrow, CandlesCsv, CandlesParquet, Json

ERROR = OpenApiResponse(serializers.Error, "An error; `code` is for programs, `message` for people.")
ERRORS = dict.fromkeys((400, 401, 404), ERROR)
TAG = ["history"]


def described(name: str, summary: str, answer: Any, query: type[Query]) -> Any:
    """The description of a reading endpoint; `name` is the operation's."""
    parameters, responses = filters.parameters(query), {200: answer, **ERRORS}
    return extend_schema(operation_id=name, summary=summary, parameters=parameters, responses=responses, tags=TAG)


class ExchangesView(ApiView):
    """What each offers, its limits, and how its connections are doing."""

    @described("exchanges", "All exchanges in use", serializers.Exchanges, Query)
    def get(self, request: Request) -> Response:
        filters.query(Query, request.query_params)
        known = Exchange.objects.in_bulk()
        found = [rows.exchange(card, known.get(code)) for code, card in cards.cards().items()]
        return Response({"results": found, "next": None})


class ExchangeView(ApiView):
    """What it offers, its limits, and how its connections are doing."""

    @described("exchange", "One exchange", serializers.ExchangeRow, Query)
    def get(self, request: Request, code: str) -> Response:
        filters.query(Query, request.query_params)
        return Response(rows.exchange(markets.exchange(code), Exchange.objects.filter(code=code).first()))


class SymbolsView(ApiView):
    """In order of exchange and symbol. A delisted market stays in the list, with status `delisted`."""

    @described("symbols", "Markets, with every increment and contract fact", serializers.Symbols, SymbolQuery)
    def get(self, request: Request) -> Response:
        return Response(lists.symbols(request, filters.query(SymbolQuery, request.query_params)))


class IntervalsView(ApiView):
    """Our names and the exchange's."""

    @described("intervals", "The candle intervals of each exchange", serializers.Intervals, IntervalQuery)
    def get(self, request: Request) -> Response:
        return Response(lists.intervals(filters.query(IntervalQuery, request.query_params)))


class CandlesView(ApiView):
    """Closed candles only; the running one is on the stream. A page is as long as `limit`; `next` (also a Link header)
    leads to the one that follows. `coverage` says of the page's range what is complete, what is known to have no
    trades, and what is missing because the exchange did not answer.
    """

    renderer_classes = (Json, CandlesCsv, CandlesArrow, CandlesParquet)

    @extend_schema(
        operation_id="candles",
        summary="Candles of one market; what is not stored is fetched from the exchange",
        parameters=filters.parameters(CandleQuery),
        responses={
            (200, "application/json"): serializers.Candles,
            (200, "text/csv"): str,
            (200, "application/vnd.apache.arrow.stream"): bytes,
            (200, "application/vnd.apache.parquet"): bytes,
            (202, "application/json"): OpenApiResponse(
                serializers.BackfillRow, "The range is too long to wait for: this backfill was started."
            ),
            **{(code, "application/json"): ERROR for code in (400, 401, 404, 406, 429, 503)},
        },
        tags=TAG,
    )
    def get(self, request: Request) -> Response:
        asked = filters.query(CandleQuery, request.query_params)
        card = markets.exchange(asked.exchange)
        symbol, interval = markets.market(card, asked.symbol), markets.interval(card, asked.interval)
        window = history.window(asked, times.now_ms())
        backfill = cold.fetched(symbol, interval, *window, asked_by=_user(request))
        if backfill:
            return _started(request, backfill)
        page = history.page(symbol, interval, window, asked.order, asked.limit)
        cold.refuse_nothing(symbol, interval, page)
        following = None if page.next_ms is None else pages.following(request, page.next_ms)
        return Response(history.body(symbol, interval, page, following), headers=history.headers(page, following))


class BackfillsView(ApiView):
    """A backfill fetches and stores a range of candles; what is stored already is not fetched again."""

    @described("backfills", "Backfills, the newest first", serializers.Backfills, BackfillQuery)
    def get(self, request: Request) -> Response:
        return Response(lists.backfills(request, filters.query(BackfillQuery, request.query_params)))

    @extend_schema(
        operation_id="ask_for_history",
        summary="Ask for history",
        request=serializers.BackfillAsked,
        responses={202: serializers.BackfillRow, **ERRORS},
        tags=TAG,
    )
    def post(self, request: Request) -> Response:
        asked = filters.read(BackfillBody, request.data)
        card = markets.exchange(asked.exchange)
        of = markets.market(card, asked.symbol), markets.interval(card, asked.interval)
        backfill = cold.started(*of, asked.start, asked.end or times.now_ms(), _user(request))
        return _started(request, backfill)


class BackfillView(ApiView):
    """How far it is."""

    @described("backfill", "The progress of one backfill", serializers.BackfillRow, Query)
    def get(self, request: Request, pk: int) -> Response:
        filters.query(Query, request.query_params)
        found = Backfill.objects.select_related("symbol", "interval").filter(pk=pk).first()
        if found is None:
            raise Problem("not_found", f"id: {pk} came; backfills/ lists what would do.", "id")
        return Response(rows.backfill(found))


@extend_schema(tags=["token"], summary="An access and a refresh token", responses={200: serializers.Token, 401: ERROR})
class TokenView(Api, TokenObtainPairView):
    """Send the access token as `Authorization: Bearer <access>`."""

    permission_classes = ()
    parser_classes = (JSONParser, FormParser)


@extend_schema(tags=["token"], summary="A new access token", responses={200: serializers.Refreshed, 401: ERROR})
class TokenRefresh(Api, TokenRefreshView):
    """From a refresh token."""

    permission_classes = ()
    parser_classes = (JSONParser, FormParser)


@extend_schema(
    tags=["token"], summary="Whether a token is valid", responses={200: OpenApiResponse(None, "It is."), 401: ERROR}
)
class TokenVerify(Api, TokenVerifyView):
    """Either kind."""

    permission_classes = ()
    parser_classes = (JSONParser, FormParser)


def _user(request: Request) -> Any:
    return request.user if request.user.is_authenticated else None


def _started(request: Request, backfill: Backfill) -> Response:
    request.accepted_renderer, request.accepted_media_type = Json(), Json.media_type
    where = request.build_absolute_uri(reverse("backfill", args=[backfill.pk]))
    return Response(rows.backfill(backfill), 202, headers={"Location": where, "Retry-After": "5"})
