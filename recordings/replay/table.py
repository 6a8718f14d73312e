"""Replays in the database: which are to be played, and how they are said to be doing."""

import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from recordings import folder
from recordings.models import Replay
from recordings.replay import clock, extent
from recordings.replay.faults import Fault
from recordings.replay.script import Progress, Script

GONE_S = 30  # a command that has said nothing for so long was killed
MS_NS = 1_000_000
KILLED = "its command was killed"


def active() -> list[Replay]:
    """Those that processes of the platform are to play. Those of commands that were killed end here."""
    heard = timezone.now() - timedelta(seconds=GONE_S)
    theirs = Replay.objects.filter(state__in=Replay.ACTIVE).exclude(files=[])
    theirs.filter(heard_time__lt=heard).update(state=Replay.State.STOPPED, detail=KILLED, finished_time=timezone.now())
    return list(Replay.objects.filter(state__in=Replay.ACTIVE, files=[]))


def anything() -> bool:
    """Whether there is something to play."""
    return Replay.objects.filter(state__in=Replay.ACTIVE, files=[]).exists()


def script(row: Replay) -> Script:
    """What is to be played, from where it was told."""
    return Script(
        replay=row.id,
        paths=[Path(file) for file in row.files] or [folder.of(one) for one in row.recordings],
        exchange=row.exchange or None,
        speed=clock.speed(row.speed),
        paused=row.paused,
        faults=[Fault.parse(text) for text in row.faults],
        seed=row.seed,
        original=row.original,
        kafka=row.kafka,
        topics=frozenset(row.topics),
        position_ns=row.position_ns or 0,
        later_ns=row.later_ns,
    )


def begun(row: Replay, epoch: int) -> None:
    """A process is about to play it. On original topics its epochs are above that one, the highest till now."""
    if row.started_time is not None:
        return
    row.started_time = timezone.now()
    if row.original:
        begins_ms = _begin_ns(row) // MS_NS
        row.later_ns = (max(time.time_ns() // MS_NS, epoch + 1) - begins_ms) * MS_NS
    row.save(update_fields=["started_time", "later_ns"])


def _begin_ns(row: Replay) -> int:
    try:
        return extent.begin_ns(script(row).paths) or 0
    except OSError:  # whoever plays it says so
        return 0


def report(replay: str, progress: Progress) -> Replay | None:
    """How far it is; the row as somebody may have changed it meanwhile, None where it is gone or over."""
    Replay.objects.filter(pk=replay, state__in=Replay.ACTIVE).update(**_values(progress))
    return Replay.objects.filter(pk=replay, state__in=Replay.ACTIVE).first()


def ended(replay: str, progress: Progress) -> None:
    """It is over. One that somebody has stopped meanwhile stays so."""
    values = _values(progress)
    state, detail = values.pop("state"), values.pop("detail")
    row = Replay.objects.filter(pk=replay)
    row.update(**values, finished_time=timezone.now())
    row.filter(state__in=Replay.ACTIVE).update(state=state, detail=detail)


def _values(progress: Progress) -> dict[str, object]:
    values: dict[str, object] = {**asdict(progress), "heard_time": timezone.now()}
    unread = [name for name in ("first_ns", "position_ns") if values[name] is None]
    return {name: value for name, value in values.items() if name not in unread}
