"""REST: recordings. Wiring only."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import filters
from marketdata.api import ApiView
from marketdata.filters import Query
from marketdata.problems import Problem
from marketdata.views import ERROR, ERRORS
from recordings import rows, serializers, starting, wishes
from recordings.models import Recording
from recordings.rows import RecordingsQuery
from recordings.starting import RemovalQuery
from streams.permissions import SignalOpen

TAG = ["recordings"]


class RecordingsView(ApiView):
    """A recording holds what exchanges sent, as received; docs/recordings.md says how to read and replay it."""

    permission_classes = (SignalOpen,)

    @extend_schema(
        operation_id="recordings",
        summary="Recordings, the newest first",
        parameters=filters.parameters(RecordingsQuery),
        responses={200: serializers.Recordings, **ERRORS},
        tags=TAG,
    )
    def get(self, request: Request) -> Response:
        return Response(rows.page(request, filters.query(RecordingsQuery, request.query_params)))

    @extend_schema(
        operation_id="record",
        summary="Record what exchanges send from now on",
        request=serializers.RecordingAsked,
        responses={201: serializers.RecordingRow, **ERRORS, 409: ERROR, 503: ERROR},
        tags=TAG,
    )
    def post(self, request: Request) -> Response:
        row = starting.start(filters.read(wishes.RecordingBody, request.data), _user(request))
        where = request.build_absolute_uri(reverse("recording", args=[row.id]))
        return Response(rows.one(row), 201, headers={"Location": where})


class RecordingView(ApiView):
    """How far it is, and its files."""

    permission_classes = (SignalOpen,)

    @extend_schema(
        operation_id="recording",
        summary="One recording and its files",
        parameters=filters.parameters(Query),
        responses={200: serializers.RecordingWhole, **ERRORS},
        tags=TAG,
    )
    def get(self, request: Request, pk: str) -> Response:
        filters.query(Query, request.query_params)
        return Response(rows.whole(_found(pk)))

    @extend_schema(
        operation_id="stop_recording",
        summary="Stop it; with remove=true, it and its files go",
        parameters=[OpenApiParameter("remove", bool, description="true: its files go too", default=False)],
        responses={200: serializers.RecordingRow, 204: OpenApiResponse(None, "It is gone."), **ERRORS, 503: ERROR},
        tags=TAG,
    )
    def delete(self, request: Request, pk: str) -> Response:
        asked = filters.query(RemovalQuery, request.query_params)
        row = starting.stop(_found(pk))
        if asked.remove:
            starting.remove(row)
            return Response(status=204)
        return Response(rows.one(row))


def _found(pk: str) -> Recording:
    found = Recording.objects.filter(pk=pk).first()
    if found is None:
        raise Problem("not_found", f"id: {pk} came; recordings/ lists what would do.", "id")
    return found


def _user(request: Request) -> Any:
    return request.user if request.user.is_authenticated else None
