"""A replay that somebody asks for: what may be asked, and the row that is made of it. A Problem says what would do."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from asgiref.sync import async_to_sync
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError
from pydantic import Field
from redis.exceptions import RedisError

from exchanges import registry
from marketdata.filters import Asked, would_do
from marketdata.problems import Problem, listed, one_of
from recordings import folder
from recordings.models import Recording, Replay
from recordings.replay import clock, extent, faults, live
from recordings.replay.extent import Extent
from recordings.replay.faults import Fault
from streams import replays
from streams.connection import redis

MOST = 20  # recordings of one replay
MOST_OPEN = 20
NAMED = 5
SHOWN_S = 600  # so long before a process has taken it its topics can be subscribed
SEED_MOST = 2**53

Id = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[^\x00]*$")]


class FaultBody(Asked):
    """One kind of fault."""

    fault: str
    rate: Annotated[str, Field(max_length=20)] | float | int
    ms: int | None = None


class ReplayBody(Asked):
    """What is to be replayed, and how."""

    recordings: list[Id] = Field(
        min_length=1, max_length=MOST, description=f"a list of 1 to {MOST} ids, as recordings/ lists them,"
    )
    speed: str | int | float = would_do(f"{clock.WOULD_DO}, as a text or a number,", "1")
    paused: bool = would_do("true or false", False)
    original: bool = would_do("true or false", False)
    candles: bool = would_do("true or false", False)
    kafka: bool = would_do("true or false", False)
    faults: list[FaultBody] = Field([], max_length=10, description='a list such as [{"fault": "drop", "rate": "0.01"}]')
    seed: int = Field(0, ge=0, lt=SEED_MOST, description="a whole number from 0")


class ChangeBody(Asked):
    """What of a running replay is to be another."""

    paused: bool | None = would_do("true or false")
    speed: str | int | float | None = would_do(f"{clock.WOULD_DO}, as a text or a number,")


def begin(body: ReplayBody, user: Any) -> Replay:
    """The row; a process takes it in a moment."""
    opened = Replay.objects.filter(state__in=Replay.ACTIVE, files=[]).count()
    if opened >= MOST_OPEN:
        words = f"{opened} replays are open, and no more can be; replays/?state=playing lists which could be stopped"
        raise Problem("too_many_subscriptions", f"{words}.")
    paths = [_folder(recording) for recording in body.recordings]
    row = Replay(
        recordings=body.recordings,
        speed=speed(body.speed),
        faults=[str(fault) for fault in _faults(body.faults)],
        asked_by=user,
        **{name: getattr(body, name) for name in ("paused", "original", "candles", "kafka", "seed")},
    )
    fill(row, paths)
    row.save()
    show(row)
    send()
    return row


def change(row: Replay, body: ChangeBody) -> Replay:
    """At another speed, paused, or going on."""
    if not row.active:
        raise Problem("bad_request", f"replay {row.id} is {row.state}; one that runs would do.", "id")
    if body.speed is not None:
        row.speed = speed(body.speed)
    if body.paused is not None:
        row.paused = body.paused
    row.save(update_fields=["speed", "paused"])
    return row


def stop(row: Replay) -> Replay:
    """Ends it; its process says so to those who listen."""
    found = Replay.objects.filter(pk=row.pk, state__in=Replay.ACTIVE)
    found.update(state=Replay.State.STOPPED, detail="somebody stopped it", finished_time=timezone.now())
    row.refresh_from_db()
    _redis(lambda: replays.hide(redis(), row.id))
    return row


def fill(row: Replay, paths: Sequence[Path]) -> Extent:
    """What the row says of what is there to be replayed."""
    try:
        found = extent.of(paths, whole=row.original)
    except OSError as error:
        raise Problem("bad_request", f"{error.filename}: {error.strerror or error}.", "recordings") from None
    if not found.lines:
        raise Problem("bad_request", "recordings: no line of a recording is in them; others would do.", "recordings")
    if row.original:
        _refuse_live(found.topics)
    row.first_ns, row.last_ns = found.first_ns, found.last_ns
    row.topics = dict.fromkeys(sorted(found.topics), 0)
    return found


def show(row: Replay) -> None:
    """Its topics can be subscribed from now on. Problem where Redis does not answer."""
    topics = () if row.original else [f"replay-{row.id}.{topic}" for topic in row.topics]

    _redis(lambda: replays.show(redis(), row.id, topics, row.state, SHOWN_S))


def _redis(say: Callable[[], Awaitable[None]]) -> None:
    async def said() -> None:
        await say()

    try:
        async_to_sync(said)()
    except (RedisError, OSError) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None


def send() -> None:
    """A process need not wait for the clock."""
    try:
        current_app.send_task("recordings.replay", expires=4)
    except OperationalError:
        pass  # the clock sends it again


def speed(asked: str | float) -> str:
    """As it is kept."""
    try:
        factor = clock.speed(str(asked))
    except ValueError as error:
        raise Problem("bad_request", f"speed: {error}.", "speed") from None
    return clock.MAX if factor is None else f"{factor:.10g}"


def exchange(asked: str) -> str:
    """Of frames that no note names."""
    if asked not in registry.cards():
        raise Problem("unknown_exchange", f"exchange: {asked!r} came; {listed(registry.cards())} would do.", "exchange")
    return asked


def _faults(asked: Sequence[FaultBody]) -> list[Fault]:
    found = []
    for place, one in enumerate(asked):
        try:
            found.append(Fault.of(one.fault, float(str(one.rate)), one.ms))
        except ValueError:
            would = f"one of {listed(faults.KINDS)}, with a rate above 0 and at most 1, and ms where it lasts"
            came = one.model_dump(exclude_none=True)
            raise Problem("bad_request", f"faults.{place}: {came} came; {would} would do.", "faults") from None
    return found


def _folder(recording: str) -> Path:
    row = Recording.objects.filter(pk=recording).first()
    if row is None:
        known = Recording.objects.values_list("id", flat=True)[:100]
        would = one_of(known, recording) if known else "there are none yet: POST recordings/ makes one, which"
        raise Problem("not_found", f"recordings: {recording!r} came; {would} would do.", "recordings")
    found = folder.of(recording)
    if not found.is_dir():
        came = f"recordings: of {recording!r} nothing was written yet, or its files are not on this machine"
        raise Problem("bad_request", f"{came}; one with frames would do.", "recordings")
    return found


def _refuse_live(topics: frozenset[str]) -> None:
    for other in Replay.objects.filter(original=True, state__in=Replay.ACTIVE):
        if both := sorted(topics & other.topics.keys()):
            came = f"original: replay {other.id} tells {both[0]}, or is about to"
            raise Problem("bad_request", f"{came}; topics of its own (original false) would do.", "original")
    running = live.of(topics)
    if running:
        more = f" and {len(running) - NAMED} more" if len(running) > NAMED else ""
        came = f"original: {', '.join(running[:NAMED])}{more} run now, or are pinned"
        raise Problem("bad_request", f"{came}; topics of its own (original false) would do.", "original")
