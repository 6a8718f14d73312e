"""Replays as REST shows them."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from exchanges.symbols import REPLAY
from marketdata import pages, times
from marketdata.filters import PageQuery, would_do
from marketdata.problems import Problem, listed
from recordings.models import Replay

Row = dict[str, Any]
STATES = [state.value for state in Replay.State]
AS_THEY_ARE = (
    "id", "recordings", "state", "detail", "speed", "paused", "original", "candles", "kafka", "faults", "seed", "lines",
    "events", "gaps", "rejected", "kinds", "hits", "damage", "hash",
)  # fmt: skip


class ReplaysQuery(PageQuery):
    """Pages of replays."""

    state: str | None = would_do(listed(STATES))


def page(request: Request, asked: ReplaysQuery) -> Row:
    """The newest first."""
    found: QuerySet[Replay] = Replay.objects.order_by("-created_time", "-id")
    if asked.state:
        if asked.state not in STATES:
            raise Problem("bad_request", f"state: {asked.state!r} came; {listed(STATES)} would do.", "state")
        found = found.filter(state=asked.state)
    if asked.cursor is not None:
        created_text, id_ = pages.position(asked.cursor, str, str)
        created = _moment(created_text)
        found = found.filter(created_time__lte=created).exclude(created_time=created, id__gte=id_)
    rows = list(found[: asked.limit + 1])
    last = rows[asked.limit - 1] if len(rows) > asked.limit else None
    following = pages.following(request, last.created_time.isoformat(), last.id) if last else None
    return {"results": [one(row) for row in rows[: asked.limit]], "next": following}


def one(row: Replay) -> Row:
    """Times in ms; `position_time` is the recorded one."""
    front = "" if row.original else f"{REPLAY}{row.id}."
    return {
        **{name: getattr(row, name) for name in AS_THEY_ARE},
        "topics": [{"topic": f"{front}{topic}", "events": count} for topic, count in sorted(row.topics.items())],
        "created_time": times.to_ms(row.created_time),
        "started_time": _ms(row.started_time),
        "finished_time": _ms(row.finished_time),
        **{f"{name}_time": _of_ns(getattr(row, f"{name}_ns")) for name in ("first", "last", "position")},
    }


def _of_ns(at_ns: int | None) -> int | None:
    return None if at_ns is None else at_ns // 1_000_000


def _ms(time: datetime | None) -> int | None:
    return None if time is None else times.to_ms(time)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Problem("bad_request", "cursor: the `next` of a page holds one that would do.", "cursor") from None
