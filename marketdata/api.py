"""What all REST views share: how an answer is chosen, and the one shape of every error."""

import json
import logging
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.defaults import page_not_found
from django.views.defaults import server_error as page_server_error
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from marketdata.api_keys import hidden
from marketdata.pace import KeyPace, too_soon
from marketdata.permissions import ReadOpen
from marketdata.problems import Problem, listed
from marketdata.renderers import Json

log = logging.getLogger(__name__)

HTTP = {
    "bad_request": 400,
    "not_supported": 400,
    "unknown_stream": 400,
    "not_authenticated": 401,
    "forbidden": 403,
    "unknown_exchange": 404,
    "unknown_pair": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "too_many_subscriptions": 409,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
}
CODES: dict[type[Exception], str] = {
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    Http404: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    exceptions.APIException: "bad_request",
}
AWAY = (RedisError, OperationalError, InterfaceError, PoolTimeout)
AWAY_WORDS = "A store of the platform does not answer at the moment; try again soon."
FAULT = "Something went wrong on our side; it has been logged."


class Negotiation(DefaultContentNegotiation):
    """By `format`, else by Accept; what is not offered is refused with what is."""

    def filter_renderers(self, renderers: list[BaseRenderer], format: str) -> list[BaseRenderer]:
        offered = [renderer for renderer in renderers if renderer.format == format]
        if not offered:
            would = listed(renderer.format for renderer in renderers)
            raise Problem("bad_request", f"format: {format!r} came; {would} would do.", "format")
        return offered

    def select_renderer(self, request: Any, renderers: list[BaseRenderer], format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except exceptions.NotAcceptable:
            would = listed(renderer.media_type for renderer in renderers)
            came = request.headers.get("Accept", "")
            raise Problem("not_acceptable", f"Accept: {came!r} came; {would} would do.", "Accept") from None


class Api:
    """Put before a view of DRF or of another package, it makes the view one of ours."""

    renderer_classes = (Json,)
    parser_classes = (JSONParser,)
    permission_classes = (ReadOpen,)
    throttle_classes = (KeyPace,)
    content_negotiation_class = Negotiation

    def get_exception_handler(self) -> Any:
        return refusal

    def throttled(self, request: Any, wait: float) -> None:
        raise too_soon(request.auth, wait)


class ApiView(Api, APIView):
    """The base of our REST views."""


def refusal(error: Exception, context: dict[str, Any]) -> Response:
    """The answer to any error inside a view; one that nobody foresaw is logged with its traceback."""
    set_rollback()
    problem = _problem(error)
    if problem.code == "internal_error" or isinstance(error, AWAY):
        log.error("%s %s failed", context["request"].method, context["request"].path, exc_info=error)
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = Json(), Json.media_type  # an error is never a CSV
    return Response(body(problem), HTTP[problem.code], headers=_headers(error))


def body(problem: Problem) -> dict[str, Any]:
    """`{"error": {"code", "message", "field"}}`; `field` only where the error is about one.

    What came may be repeated in it, and may hold a key in the wrong place.
    """
    error = {"code": problem.code, "message": hidden(problem.message)}
    return {"error": error | ({"field": hidden(problem.field)} if problem.field else {})}


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: in our shape below /api/, else Django's page."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    return _plain(Problem("not_found", f"There is nothing at {request.path}; /api/docs/ says what there is."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: in our shape below /api/, else Django's page."""
    if not request.path.startswith("/api/"):
        return page_server_error(request)
    return _plain(Problem("internal_error", FAULT))


def _plain(problem: Problem) -> HttpResponse:
    return HttpResponse(json.dumps(body(problem)), status=HTTP[problem.code], content_type="application/json")


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        field, message = _first(error.detail)
        return Problem("bad_request", f"{field}: {message}" if field else message, field)
    if isinstance(error, AWAY):
        return Problem("unavailable", AWAY_WORDS)
    for kind, code in CODES.items():
        if isinstance(error, kind):
            _, words = _first(getattr(error, "detail", None) or _said(error, code))
            return Problem(code, words)
    return Problem("internal_error", FAULT)


def _said(error: Exception, code: str) -> str:
    return "There is nothing of this name." if code == "not_found" else str(error) or code.replace("_", " ")


def _first(detail: Any, field: str | None = None) -> tuple[str | None, str]:
    """The first message of DRF's nested lists and mappings, and the field it stands under."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        return _first(inner, None if name in {"non_field_errors", "detail"} else str(name))
    if isinstance(detail, list):
        return _first(detail[0], field)
    return field, str(detail)


def _headers(error: Exception) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if isinstance(error, exceptions.Throttled) and error.wait:
        headers["Retry-After"] = str(int(error.wait) + 1)
    if isinstance(error, Problem) and error.after_s is not None:
        headers["Retry-After"] = str(ceil(error.after_s))
    return headers
