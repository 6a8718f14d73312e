"""Which recordings the database asks for, and how they are said to be doing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone

from recordings.models import Recording
from recordings.sink import Written
from recordings.take import Take

PINNED = "pinned markets"


@dataclass(frozen=True)
class Asked:
    """An active row. `until_ns` is None where it ends only when somebody says so."""

    id: str
    topics: frozenset[str]
    started_ns: int
    until_ns: int | None
    pinned: bool


def active() -> list[Asked]:
    """All that are to be recorded now; those that are new begin now."""
    rows = list(Recording.objects.filter(state__in=Recording.ACTIVE))
    for row in rows:
        if row.started_time is None:
            row.started_time = timezone.now()
            Recording.objects.filter(pk=row.pk, started_time=None).update(started_time=row.started_time)
    return [_asked(row) for row in rows]


def known(ids: Iterable[str]) -> set[str]:
    """Those that still have a row: of others, the files are to go too."""
    return set(Recording.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))


def follow_pins(topics: set[str]) -> None:
    """One active recording has these topics; without topics there is none."""
    found = Recording.objects.filter(pinned=True, state__in=Recording.ACTIVE).first()
    if found is None and topics:
        Recording.objects.create(name=PINNED, topics=sorted(topics), pinned=True)
    elif found and not topics:
        Recording.objects.filter(pk=found.pk).update(state=Recording.State.STOPPED, finished_time=timezone.now())
    elif found and set(found.topics) != topics:
        Recording.objects.filter(pk=found.pk).update(topics=sorted(topics))


def report(take: Take) -> None:
    """How it is doing. One that somebody has stopped meanwhile stays so."""
    if not take.opened and take.failing_ns is None:
        return
    row = Recording.objects.filter(pk=take.recording)
    if take.opened:
        row.update(**_counts(take.written))
    failing = _time(take.failing_ns)
    row.filter(state__in=Recording.ACTIVE).update(state=take.state.value, detail=take.detail, failing_time=failing)


def ended(take: Take) -> None:
    """It is over."""
    row = Recording.objects.filter(pk=take.recording)
    counts = _counts(take.written) if take.opened else {}
    row.update(**counts, detail="" if take.whole else f"not written to its end: {take.detail}")
    row.filter(state__in=Recording.ACTIVE).update(
        state=Recording.State.DONE if take.whole else Recording.State.STOPPED, finished_time=timezone.now()
    )


def _asked(row: Recording) -> Asked:
    assert row.started_time is not None
    started_ns = _ns(row.started_time)
    until_ns = None if row.duration_s is None else started_ns + row.duration_s * 1_000_000_000
    return Asked(row.id, frozenset(row.topics), started_ns, until_ns, row.pinned)


def _counts(written: Written) -> dict[str, int | None]:
    tally = written.tally
    counts = {name: getattr(tally, name) for name in ("frames", "lines", "first_ns", "last_ns", "lost")}
    return {**counts, "bytes": written.bytes, "segments": written.segments}


def _ns(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000_000 + time.microsecond * 1_000


def _time(at_ns: int | None) -> datetime | None:
    return None if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC)
