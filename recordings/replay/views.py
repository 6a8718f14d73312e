"""REST: replays. Wiring only."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import filters
from marketdata.api import ApiView
from marketdata.filters import Query
from marketdata.problems import Problem
from marketdata.views import ERROR, ERRORS
from recordings.models import Replay
from recordings.replay import asking, rows, serializers
from recordings.replay.rows import ReplaysQuery
from streams.permissions import SignalOpen

TAG = ["recordings"]


class ReplaysView(ApiView):
    """A replay tells what was recorded to topics of its own (`replay-<id>.` in front), through the same feeds."""

    permission_classes = (SignalOpen,)

    @extend_schema(
        operation_id="replays",
        summary="Replays, the newest first",
        parameters=filters.parameters(ReplaysQuery),
        responses={200: serializers.Replays, **ERRORS},
        tags=TAG,
    )
    def get(self, request: Request) -> Response:
        return Response(rows.page(request, filters.query(ReplaysQuery, request.query_params)))

    @extend_schema(
        operation_id="begin_replay",
        summary="Replay recordings",
        request=serializers.ReplayAsked,
        responses={201: serializers.ReplayRow, **ERRORS, 409: ERROR, 503: ERROR},
        tags=TAG,
    )
    def post(self, request: Request) -> Response:
        row = asking.begin(filters.read(asking.ReplayBody, request.data), _user(request))
        where = request.build_absolute_uri(reverse("replay", args=[row.id]))
        return Response(rows.one(row), 201, headers={"Location": where})


class ReplayView(ApiView):
    """How far it is."""

    permission_classes = (SignalOpen,)

    @extend_schema(
        operation_id="replay",
        summary="One replay",
        parameters=filters.parameters(Query),
        responses={200: serializers.ReplayRow, **ERRORS},
        tags=TAG,
    )
    def get(self, request: Request, pk: str) -> Response:
        filters.query(Query, request.query_params)
        return Response(rows.one(_found(pk)))

    @extend_schema(
        operation_id="change_replay",
        summary="Pause it, let it go on, or change its speed",
        request=serializers.ReplayChange,
        responses={200: serializers.ReplayRow, **ERRORS},
        tags=TAG,
    )
    def patch(self, request: Request, pk: str) -> Response:
        return Response(rows.one(asking.change(_found(pk), filters.read(asking.ChangeBody, request.data))))

    @extend_schema(
        operation_id="stop_replay",
        summary="Stop it",
        request=None,
        responses={200: serializers.ReplayRow, **ERRORS},
        tags=TAG,
    )
    def delete(self, request: Request, pk: str) -> Response:
        filters.query(Query, request.query_params)
        return Response(rows.one(asking.stop(_found(pk))))


def _found(pk: str) -> Replay:
    found = Replay.objects.filter(pk=pk).first()
    if found is None:
        raise Problem("not_found", f"id: {pk} came; replays/ lists what would do.", "id")
    return found


def _user(request: Request) -> Any:
    return request.user if request.user.is_authenticated else None
