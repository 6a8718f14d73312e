"""Recordings as REST shows them."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import QuerySet
from rest_framework.request import Request

from marketdata import pages, times
from marketdata.filters import PageQuery, would_do
from marketdata.problems import Problem, listed
from recordings import folder
from recordings.models import Recording

Row = dict[str, Any]
COUNTS = ("frames", "lines", "bytes", "segments", "lost")
STATES = [state.value for state in Recording.State]


class RecordingsQuery(PageQuery):
    """Pages of recordings."""

    state: str | None = would_do(listed(STATES))


def page(request: Request, asked: RecordingsQuery) -> Row:
    """The newest first."""
    found: QuerySet[Recording] = Recording.objects.order_by("-created_time", "-id")
    if asked.state:
        if asked.state not in STATES:
            raise Problem("bad_request", f"state: {asked.state!r} came; {listed(STATES)} would do.", "state")
        found = found.filter(state=asked.state)
    if asked.cursor is not None:
        created_us, id_ = pages.position(asked.cursor, str, str)
        created = _moment(created_us)
        found = found.filter(created_time__lte=created).exclude(created_time=created, id__gte=id_)
    rows = list(found[: asked.limit + 1])
    last = rows[asked.limit - 1] if len(rows) > asked.limit else None
    following = pages.following(request, last.created_time.isoformat(), last.id) if last else None
    return {"results": [one(row) for row in rows[: asked.limit]], "next": following}


def one(row: Recording) -> Row:
    """Times in ms; `recorded_ms` is from its first line to its last."""
    recorded_ms = None if row.first_ns is None or row.last_ns is None else (row.last_ns - row.first_ns) // 1_000_000
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "detail": row.detail,
        "exchanges": row.exchanges,
        "topics": row.topics,
        "pinned": row.pinned,
        "duration_s": row.duration_s,
        "created_time": _ms(row.created_time),
        "started_time": _ms(row.started_time),
        "until_time": _until_ms(row),
        "failing_time": _ms(row.failing_time),
        "finished_time": _ms(row.finished_time),
        "first_time": None if row.first_ns is None else row.first_ns // 1_000_000,
        "last_time": None if row.last_ns is None else row.last_ns // 1_000_000,
        "recorded_ms": recorded_ms,
        **{name: getattr(row, name) for name in COUNTS},
    }


def whole(row: Recording) -> Row:
    """With its files, as the index in its folder has them; null where that is not to be read from here."""
    index = folder.index_of(row.id)
    return {**one(row), "files": None if index is None else msgspec.to_builtins(index.segments)}


def _until_ms(row: Recording) -> int | None:
    if row.duration_s is None or row.started_time is None:
        return None
    return _ms(row.started_time + timedelta(seconds=row.duration_s))


def _ms(time: datetime | None) -> int | None:
    return None if time is None else times.to_ms(time)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Problem("bad_request", "cursor: the `next` of a page holds one that would do.", "cursor") from None
