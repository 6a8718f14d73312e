"""Subscription signals: what services asked to run, as it is kept, and what of it runs within a caller's bound."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from hashlib import sha256
from itertools import groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from marketdata import cards, instruments, times
from marketdata.problems import Problem
from streams.expansions import Expansions
from streams.models import Subscription
from streams.patterns import WILD

MOST_SIGNALS = 1_000  # of one caller
MOST_WILDCARDS = 100  # of one caller: each is expanded anew whenever a market is listed
NAMED_OFTEN = 2  # so often, on average, a topic may stand in signals of one caller: all of them are read each second
TURN = 0x51674E41  # of the locks that take callers' signals one after the other

_expansions = Expansions()


class Signal(NamedTuple):
    """What is asked for: patterns as understood, sorted."""

    patterns: Sequence[str]
    lease_s: int | None = None
    note: str | None = None  # None: as it was

    @property
    def digest(self) -> str:
        return digest(self.patterns)


class Told(NamedTuple):
    row: Subscription
    is_new: bool


class Share(NamedTuple):
    """What runs of one signal, and how many of its topics are over its caller's bound."""

    topics: Sequence[str]
    left_out: int = 0


def digest(found: Iterable[str]) -> str:
    """The same for the same selection."""
    return sha256("\n".join(sorted(found)).encode(errors="replace")).hexdigest()


def active() -> QuerySet[Subscription]:
    """Those whose lease has not ended."""
    return Subscription.objects.filter(Q(ends_time=None) | Q(ends_time__gt=times.now()))


def of(user: Any) -> QuerySet[Subscription]:
    """Those that the user may see and end: the caller's own, for staff all."""
    return active() if user is not None and user.is_staff else own(user)


def own(user: Any) -> QuerySet[Subscription]:
    """The caller's own; nobody's where nobody said who it is."""
    return active().filter(owner=user)


def topics() -> set[str]:
    """What all signals together want to run now."""
    rows = active().order_by("owner_id", "id").values_list("owner_id", "pk", "patterns")
    markets = cache(instruments.current)
    found: set[str] = set()
    for _, own in groupby(rows, key=lambda row: row[0]):
        shares = _shares(((pk, patterns) for _, pk, patterns in own), markets)
        found.update(*(share.topics for share in shares.values()))
    return found


def shares(rows: Iterable[Subscription]) -> dict[int, Share]:
    """What runs of each signal, by its id."""
    markets, found = cache(instruments.current), {}
    for owner_id in {row.owner_id for row in rows}:
        found |= _shares(_patterns(owner_id), markets)
    return found


def sign(owner: Any, asked: Sequence[Signal]) -> list[Told]:
    """Makes or renews the caller's signals, all or none. Problem where they are too many."""
    owner_id = None if owner is None else owner.pk
    with transaction.atomic():
        _take_turns(owner_id)
        now = times.now()
        Subscription.objects.filter(owner_id=owner_id, ends_time__lte=now).delete()
        check(owner, asked)
        return [_renewed(owner_id, signal, now) for signal in asked]


def check(owner: Any, asked: Sequence[Signal]) -> None:
    """Problem where these would be too many for one caller. What grew by itself, as where markets were listed, is no
    reason to refuse what adds nothing."""
    before = dict(own(owner).values_list("digest", "patterns"))
    after = before | {signal.digest: list(signal.patterns) for signal in asked}
    counts = {
        "signals": (MOST_SIGNALS, len(before), len(after)),
        "wildcards": (MOST_WILDCARDS, _wildcards(before), _wildcards(after)),
        "names": (NAMED_OFTEN * settings.MOST_SIGNALLED_TOPICS, _names(before), _names(after)),
        "topics": (settings.MOST_SIGNALLED_TOPICS, _count(before), _count(after)),
    }
    for what, (most, had, has) in counts.items():
        if has > most and has > had:
            would = f"at most {most} of one caller would do: end others by DELETE subscriptions/, or ask for less"
            raise Problem("too_many_subscriptions", f"{has} {what} of all your signals together came; {would}.")


def end(found: QuerySet[Subscription]) -> list[int]:
    """Ends these; their ids."""
    ids = sorted(found.values_list("pk", flat=True))
    Subscription.objects.filter(pk__in=ids).delete()
    return ids


def _renewed(owner_id: int | None, signal: Signal, now: Any) -> Told:
    ends = None if signal.lease_s is None else now + timedelta(seconds=signal.lease_s)
    changes = {"lease_s": signal.lease_s, "ends_time": ends}
    if signal.note is not None:
        changes["note"] = signal.note
    same = {"owner_id": owner_id, "digest": signal.digest}
    made = {"patterns": sorted(signal.patterns)}
    return Told(*Subscription.objects.update_or_create(changes, {**changes, **made}, **same))


def _patterns(owner_id: int | None) -> Iterable[tuple[int, list[str]]]:
    """The oldest signal first: what runs stays where another is too many."""
    return active().filter(owner_id=owner_id).order_by("id").values_list("pk", "patterns")


def _shares(rows: Iterable[tuple[int, list[str]]], markets: Any) -> dict[int, Share]:
    most, known, taken = settings.MOST_SIGNALLED_TOPICS, cards.cards(), set[str]()
    found = {}
    for pk, patterns in rows:
        own = dict.fromkeys(_expansions.topics(patterns, known, markets, most + 1))
        runs = []
        for topic in own:
            if topic in taken or len(taken) < most:
                taken.add(topic)
                runs.append(topic)
        found[pk] = Share(runs, len(own) - len(runs))
    return found


def _wildcards(found: Mapping[str, list[str]]) -> int:
    return len({pattern for patterns in found.values() for pattern in patterns if WILD in pattern})


def _names(found: Mapping[str, list[str]]) -> int:
    return sum(map(len, found.values()))


def _count(found: Mapping[str, list[str]]) -> int:
    """Exact up to a little over the bound."""
    known, markets = cards.cards(), cache(instruments.current)
    patterns = {pattern for some in found.values() for pattern in some}
    return len(set(_expansions.topics(patterns, known, markets, settings.MOST_SIGNALLED_TOPICS + 1)))


def _take_turns(owner_id: int | None) -> None:
    """Two requests of one caller do not count past each other, nor wait for each other in a circle."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [TURN, (owner_id or 0) % 2**31])
