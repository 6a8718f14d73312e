"""What connections hear and say, for whoever records: put on a Redis Stream an exchange while somebody does.

Entries of `tape:<exchange>` have the fields `loop`, `number` (from 1, one more with each entry of the loop, the same
again where an entry is written twice) and `lines`: lines of a recording (docs/recordings.md) with line feeds between.
No stream waits for its tape: what waits here and what is kept there is bounded; what was dropped is said by a line.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from zlib import crc32

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.contract import Card, Keys, Request, Want
from exchanges.symbols import Instruments, Topic
from streams import keys
from streams.ending import heed

log = logging.getLogger(__name__)

LOOK_S = 1.0
PAUSE_S = 0.05  # between two flushes
RETRY_S = 0.5
PARTING_S = 1.0
ENTRY_BYTES = 256 * 1024
WAITING_BYTES = 32 * 2**20
ENTRIES_MIN = 64
EXPIRES_S = 120  # a tape that nobody writes goes
HIDDEN = "***"

_encode = msgspec.json.encode
_taped = """
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. redis.call('TIME')[1], '+inf')
"""


class Tape:
    """One a hold loop. `tape_bytes` is what an exchange's tape may take in Redis."""

    def __init__(self, redis: Redis, loop: str, tape_bytes: int) -> None:
        self._redis = redis
        self._loop = loop
        self._tape_bytes = tape_bytes
        self._connections = count(1)
        self._wanted: dict[str, set[str]] = {}  # topic -> the recordings that want it
        self._looked_s = float("-inf")
        self._waiting: dict[str, list[bytes]] = {}  # exchange -> lines
        self._pieces: dict[str, deque[bytes]] = {}  # exchange -> those lines as entries, the first being written
        self._size = 0  # of all these, in bytes
        self._dropped: Counter[tuple[str, str]] = Counter()  # (exchange, connection) -> lines
        self._numbers: Counter[str] = Counter()  # by exchange, of the last entry that was written
        self._mean: dict[str, float] = {}  # by exchange, bytes of an entry
        self._something = asyncio.Event()

    async def look(self) -> None:
        """Asks now and then what is to be recorded."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        wanted: dict[str, set[str]] = {}
        for member in await self._redis.eval(_taped, 1, keys.TAPED):
            recording, _, topic = member.decode().partition("|")
            wanted.setdefault(topic, set()).add(recording)
        self._wanted = wanted

    def recordings(self, exchange: str, wants: Collection[Want]) -> frozenset[str]:
        """Those that want something of it."""
        if not self._wanted:
            return frozenset()
        return frozenset().union(*(self._wanted.get(str(Topic(exchange, *want)), ()) for want in wants))

    def track(self, card: Card, shard: str, instruments: Instruments) -> "Track":
        """Of one shard."""
        return Track(self, card, shard, instruments, f"{crc32(self._loop.encode()):08x}", self._connections)

    def put(self, exchange: str, connection: str, line: bytes, note: bool = False) -> None:
        """One line; where lines were dropped before it, that comes first. Notes find room where frames do not: without
        them nobody would know the connection."""
        if self._size > WAITING_BYTES * (1 + note):
            self._dropped[exchange, connection] += 1
            return
        if self._dropped and (dropped := self._dropped.pop((exchange, connection), 0)):
            log.warning("%d lines of %s were not recorded: Redis was too slow", dropped, connection)
            said = {"note": "lost", "lines": dropped, "detail": "more came than could wait for Redis"}
            self._add(exchange, _line(connection, time.time_ns(), _encode(said).decode(), b"note"))
        self._add(exchange, line)

    def _add(self, exchange: str, line: bytes) -> None:
        self._waiting.setdefault(exchange, []).append(line)
        self._size += len(line)
        self._something.set()

    async def run(self) -> None:
        """Writes what waits, until cancelled."""
        while True:
            heed()
            await self._something.wait()
            self._something.clear()
            for exchange in list(self._waiting):
                await self._write(exchange)
            await asyncio.sleep(PAUSE_S)

    async def part(self) -> None:
        """The last that was said is written, where Redis takes it at once. After `run` has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING_S):
                for exchange in self._waiting.keys() | self._pieces.keys():
                    await self._write(exchange)

    async def _write(self, exchange: str) -> None:
        pieces = self._pieces.setdefault(exchange, deque())
        pieces.extend(_pieces(self._waiting.pop(exchange, ())))
        while pieces:
            await self._entry(exchange, pieces[0])
            piece = pieces.popleft()  # only now: who is cancelled before writes it again, under the same number
            self._size -= len(piece) - piece.count(b"\n")

    async def _entry(self, exchange: str, lines: bytes) -> None:
        mean = self._mean.get(exchange, len(lines))
        self._mean[exchange] = mean = mean + (len(lines) - mean) / 16
        fields: dict[str, Any] = {"loop": self._loop, "number": self._numbers[exchange] + 1, "lines": lines}
        most = max(ENTRIES_MIN, int(self._tape_bytes / max(mean, 1.0)))
        while True:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.xadd(keys.tape(exchange), fields, maxlen=most, approximate=True)
            pipeline.expire(keys.tape(exchange), EXPIRES_S)
            try:
                await pipeline.execute()
                break
            except (RedisError, OSError) as error:
                log.debug("%s: the tape waits: %s", exchange, error)
                await asyncio.sleep(RETRY_S)
        self._numbers[exchange] += 1


@dataclass(frozen=True)
class Track:
    """One shard's part of the tape."""

    tape: Tape
    card: Card
    shard: str
    instruments: Instruments
    loop: str
    connections: Iterator[int]

    def recordings(self, wants: Collection[Want]) -> frozenset[str]:
        """Those that want something of the shard."""
        return self.tape.recordings(self.card.code, wants)

    def begin(self, wants: Collection[Want], rehearsing: bool, joined: bool = False) -> "Taping":
        """Of a connection that begins, or that is heard from its middle (`joined`)."""
        recordings, code = self.recordings(wants), self.card.code
        if not recordings:
            return SILENT
        name = f"{code}-{self.shard}-{self.loop}-{next(self.connections)}"
        taping = Taping(self.tape, code, name, self.instruments, recordings, self.card.keys)
        socket = int(self.shard.partition("-")[0])
        keyed = bool(self.card.key_names) and self.card.keyed
        how = {"exchange": code, "socket": socket, "rehearsing": rehearsing, "joined": joined, "keyed": keyed}
        taping.note("opened", **how, recordings=sorted(recordings), **taping.described(wants))
        return taping

    def join(self, wants: Collection[Want], before: "Taping") -> "Taping":
        """Of a connection that is heard from its middle; what was heard of it `before` ends there."""
        before.note("silent")
        return self.begin(wants, rehearsing=False, joined=True)


class Taping:
    """One connection's lines; false where nobody records it."""

    def __init__(
        self,
        tape: Tape | None,
        exchange: str,
        connection: str,
        instruments: Instruments,
        recordings: frozenset[str],
        secrets: Keys,
    ) -> None:
        self._tape = tape
        self._exchange = exchange
        self._connection = connection
        self._instruments = instruments
        self.recordings = recordings
        self._secrets = [value for value in secrets.values() if value]

    def __bool__(self) -> bool:
        return bool(self.recordings)

    def heard(self, frame: str | bytes, received_ns: int) -> None:
        """A frame from the exchange."""
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        self._put(text, received_ns)

    def said(self, text: str) -> None:
        """What was sent, without the user's keys."""
        self._put(self._hidden(text), time.time_ns(), b"out")

    def answered(self, request: Request, body: bytes, received_ns: int) -> None:
        """The answer to what the feed has asked for; some hold the user's key."""
        self._put(self._hidden(body.decode("utf-8", "replace")), received_ns, rest=request.target)

    def failed(self, request: Request, error: Exception) -> None:
        """The feed has asked for something in vain."""
        self.note("failed", rest=request.target, detail=self._hidden(str(error)))

    def want(self, wants: Collection[Want]) -> None:
        """Other streams from now on."""
        if self:
            self.note("wants", **self.described(wants))

    def note(self, note: str, **members: Any) -> None:
        """What happens to the connection itself."""
        self._put(_encode({"note": note, **members}).decode(), time.time_ns(), b"note")

    def described(self, wants: Collection[Want]) -> dict[str, Any]:
        """The streams, and the markets that they are of."""
        known = self._instruments.by_symbol
        found = [known[symbol] for symbol in sorted({symbol for _, symbol in wants}) if symbol in known]
        return {"wants": sorted(wants), "instruments": found}

    def only(self, recordings: Collection[str]) -> None:
        """The others have ended."""
        self.recordings &= frozenset(recordings)

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _put(self, text: str, received_ns: int, direction: bytes = b"", rest: str = "") -> None:
        if self.recordings and self._tape:
            line = _line(self._connection, received_ns, text, direction, rest)
            self._tape.put(self._exchange, self._connection, line, direction == b"note")


SILENT = Taping(None, "", "", Instruments(), frozenset(), {})


def _line(connection: str, received_ns: int, text: str, direction: bytes = b"", rest: str = "") -> bytes:
    """The members in the order of contract and docs; nothing in it but the text needs escaping."""
    way = b',"direction":"%b"' % direction if direction else b',"rest":%b' % _encode(rest) if rest else b""
    return b'{"received_ns":%d,"connection":"%b"%b,"raw":%b}' % (received_ns, connection.encode(), way, _encode(text))


def _pieces(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Lines joined to entries of about ENTRY_BYTES."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= ENTRY_BYTES:
            yield b"\n".join(piece)
            piece, size = [], 0
    if piece:
        yield b"\n".join(piece)
