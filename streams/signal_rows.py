"""Signals as REST shows them: what was understood, when the lease ends, and where each topic is published."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from rest_framework.request import Request

from marketdata import pages, times
from marketdata.filters import PageQuery, limit
from streams import keys, signals, topic_states
from streams.forwarders import names
from streams.models import Subscription
from streams.signals import Share
from streams.topic_states import State

Row = dict[str, Any]

SHOWN_OF_ONE = 1_000  # topics
SHOWN_OF_EACH = 100  # topics, where an answer holds several signals


class SignalsQuery(PageQuery):
    """Pages of signals."""

    limit: int = limit(20, 100)


class SignalQuery(PageQuery):
    """Pages of one signal's topics."""

    limit: int = limit(SHOWN_OF_ONE, SHOWN_OF_ONE)


def page(request: Request, found: QuerySet[Subscription], asked: SignalsQuery) -> Row:
    """The newest first."""
    if asked.cursor is not None:
        found = found.filter(pk__lt=pages.position(asked.cursor, int)[0])
    some = list(found.select_related("owner").order_by("-id")[: asked.limit + 1])
    following = pages.following(request, some[asked.limit - 1].pk) if len(some) > asked.limit else None
    return {"results": rows(request, some[: asked.limit], SHOWN_OF_EACH), "next": following}


def one(request: Request, found: Subscription, asked: SignalQuery) -> Row:
    """One with a page of its topics."""
    after = None if asked.cursor is None else pages.position(asked.cursor, str)[0]
    return rows(request, [found], asked.limit, after)[0]


def rows(request: Request, found: Sequence[Subscription], shown: int, after: str | None = None) -> list[Row]:
    """Each with the first `shown` of its topics, in order of their names, after the topic `after`."""
    shares = signals.shares(found)
    parts = {row.pk: _part(shares[row.pk], shown, after) for row in found}
    topics = published({topic for part in parts.values() for topic in part[:shown]})
    return [_row(request, row, shares[row.pk], parts[row.pk], shown, topics) for row in found]


def published(topics: Collection[str]) -> dict[str, Row]:
    """By topic, how it is doing and where it is to be had. Problem where Redis does not answer."""
    states = topic_states.of(list(topics))
    return {topic: _topic(topic, states[topic]) for topic in sorted(topics)}


def _part(share: Share, shown: int, after: str | None) -> Sequence[str]:
    """One more than is shown, where there is one."""
    return sorted(topic for topic in share.topics if after is None or topic > after)[: shown + 1]


def _row(
    request: Request, row: Subscription, share: Share, part: Sequence[str], shown: int, topics: Mapping[str, Row]
) -> Row:
    following = None
    if len(part) > shown:
        where = f"{reverse('subscription', args=[row.pk])}?limit={shown}&cursor={pages.cursor(part[shown - 1])}"
        following = request.build_absolute_uri(where)
    return {
        "id": row.pk,
        "owner": row.owner.get_username() if row.owner else None,
        "selection": row.patterns,
        "note": row.note,
        "lease_s": row.lease_s,
        "lease_end_time": None if row.ends_time is None else times.to_ms(row.ends_time),
        "created_time": times.to_ms(row.created_time),
        "topic_count": len(share.topics),
        "left_out": share.left_out,
        "topics": [topics[topic] for topic in part[:shown]],
        "next": following,
    }


def _topic(topic: str, state: State) -> Row:
    return {
        "topic": topic,
        **state._asdict(),
        "redis_channel": topic,
        "redis_stream": keys.history(topic),
        "kafka_topic": _kafka_topic(topic),
    }


def _kafka_topic(topic: str) -> str | None:
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return None
    return names.kafka_topic(topic, settings.KAFKA_TOPICS, settings.KAFKA_PREFIX)
