"""Topics that are silent longer than usual: a look at their markets by REST tells the quiet ones from the lost ones.

One look at a time in a session, and no more of them than a small part of the request budget pays for; the longer a
market is known to be quiet, the less often it is looked at.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from exchanges.broken import BROKEN
from exchanges.client import Client
from exchanges.contract import Card, Request, Sight, Want
from exchanges.errors import ExchangeError, Refused, ServerFault, UnknownMarket, Unreachable
from exchanges.events import State, Status
from exchanges.symbols import Instrument, Instruments
from streams.numbering import Line, Numbering
from streams.rhythm import Rhythm, moved_on

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at the positions of the topics
CONFIRM_S = 2.0  # what the market did may still be on its way to us
AGAIN_S = 8.0  # between two looks at a market, where only their difference tells
SHARE = 0.05  # of the request budget that one session's looks may take
LEAST_S = 1.0  # between two of them
NEWEST = 10  # trades that are asked for where one would do: the order of a page is a matter of the source
LASTING = 3  # times found out, after which not the subscription is to blame but the connection

Tell = Callable[[Status], None]
Missed = Callable[[frozenset[Want], str], None]  # what is to be asked for anew, and in words that this has not helped


class Probes:
    """Those of one session; `missed` is told what was found out."""

    def __init__(
        self, card: Card, instruments: Instruments, numbering: Numbering, client: Client, tell: Tell, missed: Missed
    ) -> None:
        self._card, self._instruments, self._numbering, self._client = card, instruments, numbering, client
        self._tell, self._missed = tell, missed
        self._rhythms: dict[Want, Rhythm] = {}
        self._stale: set[Want] = set()
        self._evidence: dict[Want, float] = {}  # the market moved on without it, found out then
        self._task: asyncio.Task[None] | None = None
        self._together = True  # several markets are looked at by one request
        self._look_s = self._free_s = 0.0

    def begin(self, now_s: float) -> None:
        """A new connection: what was silent on the last one has another chance."""
        self.cancel()
        self._together = True
        self._stale.clear()
        self._evidence.clear()
        for rhythm in self._rhythms.values():
            rhythm.begin(now_s)

    def cancel(self) -> None:
        """The connection is gone."""
        if self._task:
            self._task.cancel()
            self._task = None

    def tick(self, now_s: float, waiting: Callable[[], Mapping[str, int]]) -> None:
        """`waiting`: the markets whose books wait for a snapshot; their silence is no news."""
        if now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        self._listen(now_s)
        self._confirm(now_s)
        if (self._task and not self._task.done()) or now_s < self._free_s:
            return
        suspects = self._suspects(now_s, waiting)
        if suspects:
            self._task = asyncio.create_task(self._look(suspects))

    def _listen(self, now_s: float) -> None:
        rhythms = self._rhythms
        lines = {(line.stream, line.symbol): line for line in self._numbering.lines}
        for want, line in lines.items():
            rhythm = rhythms.get(want)
            if rhythm is None:
                rhythm = rhythms[want] = Rhythm(now_s)
            mark = line.epoch, line.trade_id if line.stream == "trade" else line.seq
            if rhythm.heard(mark, now_s):
                self._evidence.pop(want, None)
                self._lives(line)
        if len(rhythms) > len(lines):
            self._rhythms = {want: rhythms[want] for want in lines}
            self._stale &= lines.keys()

    def _confirm(self, now_s: float) -> None:
        """What has still not come is lost."""
        for want in [want for want, at_s in self._evidence.items() if now_s - at_s >= CONFIRM_S]:
            del self._evidence[want]
            line = self._numbering.line(want)
            if line is None:
                continue
            rhythm = self._rhythms[want]
            detail = f"nothing for {now_s - rhythm.since_s:.0f} s{_usual(rhythm)}, while the market traded"
            rhythm.found_out(now_s)
            log.warning("%s: %s", line.topic, detail)
            lost = beside(want, self._rhythms)
            for each in lost:
                self._stale.add(each)
                self._say(self._numbering.line(each), "stale", detail)
            self._missed(lost, f"{line.topic} stays silent on it" if rhythm.missed >= LASTING else "")

    def _suspects(self, now_s: float, waiting: Callable[[], Mapping[str, int]]) -> list[Line]:
        """Those whose silence is due for a question, the oddest first."""
        known, due = self._instruments.by_symbol, []
        for line in self._numbering.lines:
            want = line.stream, line.symbol
            rhythm = self._rhythms[want]
            if now_s >= rhythm.due_s and (line.status == "live" or want in self._stale) and line.symbol in known:
                due.append((rhythm.oddity(now_s), line))
        bookless = waiting() if due else {}
        found = [row for row in due if not (row[1].stream.startswith("depth") and row[1].symbol in bookless)]
        return [line for _, line in sorted(found, key=lambda row: -row[0])]

    async def _look(self, lines: Sequence[Line]) -> None:
        glance = self._card.glance
        most = glance.most if glance and self._together else 1
        markets = list(dict.fromkeys(line.symbol for line in lines))[:most]
        lines = [line for line in lines if line.symbol in markets]
        try:
            found = await self._sights([self._instruments.by_symbol[symbol] for symbol in markets])
        except (Refused, UnknownMarket) as error:
            self._together &= len(markets) == 1  # one that is not listed spoils the look at the others
            if len(markets) == 1:
                self._unknown(lines, error)
        except (ExchangeError, *BROKEN) as error:
            self._unknown(lines, error)
        except Exception as error:  # a look that fails by an error of ours must not end all looks
            log.exception("%s: a look at %s failed", self._card.code, markets[0])
            self._unknown(lines, error)
        else:
            self._judge(lines, found)

    async def _sights(self, markets: Sequence[Instrument]) -> Mapping[str, Sight]:
        """By venue symbol; nothing where others need the budget more."""
        glance = self._card.glance
        request = glance.request(markets) if glance else self._card.rest.trades_request(markets[0], limit=NEWEST)
        self._free_s = time.monotonic() + pause_s(self._card, request)
        if not await self._client.spares(request.weight):
            return {}
        body = await self._client.fetch(request)
        if glance:
            return glance.read(body)
        trades = self._card.rest.read_trades(body, markets[0], time.time_ns())
        if not trades:
            return {markets[0].venue_symbol: Sight("")}
        newest = max(trades, key=lambda trade: (trade.trade_us or 0, trade.number or 0))
        place = newest.place if self._card.numbers_trades(markets[0]) else None
        return {markets[0].venue_symbol: Sight(newest.trade_id, _number(place), newest.trade_us)}

    def _judge(self, lines: Iterable[Line], found: Mapping[str, Sight]) -> None:
        now_s, now_us = time.monotonic(), time.time_ns() // 1000
        for line, rhythm in self._still_silent(lines, now_s):
            sight = found.get(line.venue_symbol)
            if sight is None:
                rhythm.ask_again(now_s + AGAIN_S)
                continue
            counted = line.stream == "trade" and self._card.numbers_trades(self._instruments.by_symbol[line.symbol])
            silent_us = now_us - int((now_s - rhythm.since_s) * 1e6)
            last_place = _number(line.trade_id if counted else None)
            moved = moved_on(rhythm, sight, last_place, line.time_us, silent_us)
            rhythm.seen = rhythm.seen or sight.mark
            if moved:
                self._evidence[line.stream, line.symbol] = now_s
                rhythm.ask_again(now_s + AGAIN_S)
            elif moved is None:
                rhythm.ask_again(now_s + AGAIN_S)
            else:
                rhythm.quiet(now_s)
                self._lives(line)

    def _unknown(self, lines: Iterable[Line], error: Exception) -> None:
        """Whether these are quiet or lost cannot be told now; of one with a rhythm that alone is odd."""
        now_s = time.monotonic()
        for line, rhythm in self._still_silent(lines, now_s):
            if isinstance(error, Unreachable | ServerFault) and rhythm.steady:
                self._stale.add((line.stream, line.symbol))
                silent_s = now_s - rhythm.since_s
                self._say(line, "stale", f"nothing for {silent_s:.0f} s{_usual(rhythm)}; nor can be asked why: {error}")
            rhythm.quiet(now_s)

    def _still_silent(self, lines: Iterable[Line], now_s: float) -> list[tuple[Line, Rhythm]]:
        """Those of them that said nothing meanwhile."""
        self._listen(now_s)
        rhythms = [(line, self._rhythms.get((line.stream, line.symbol))) for line in lines]
        return [(line, rhythm) for line, rhythm in rhythms if rhythm and now_s >= rhythm.due_s]

    def _say(self, line: Line | None, status: State, detail: str = "") -> None:
        if line:
            said = Status(
                symbol=line.symbol, venue_symbol=line.venue_symbol, received_ns=time.time_ns(), stream=line.stream,
                status=status, detail=detail,
            )  # fmt: skip
            self._tell(said)

    def _lives(self, line: Line) -> None:
        if (line.stream, line.symbol) in self._stale:
            self._stale.discard((line.stream, line.symbol))
            self._say(line, "live")


def pause_s(card: Card, request: Request) -> float:
    """Between this request and the next, so that they take SHARE of each limit."""
    costs = [(1 if limit.scope == "raw" else request.weight) * limit.window_s / limit.amount for limit in card.limits]
    return max(LEAST_S, *(cost / SHARE for cost in costs))


def beside(want: Want, wants: Iterable[Want]) -> frozenset[Want]:
    """The streams that hang on the same subscription: those of one book, or the one alone."""
    if not want[0].startswith("depth"):
        return frozenset({want})
    return frozenset(other for other in wants if other[1] == want[1] and other[0].startswith("depth"))


def _number(place: str | None) -> int | None:
    return int(place) if place is not None and place.isdigit() else None


def _usual(rhythm: Rhythm) -> str:
    return f", where {max(LOOK_S, rhythm.usual_s):.0f} s was the longest pause" if rhythm.usual_s else ""
