"""What patterns mean now, kept in this process until an exchange's markets change."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from sys import intern
from threading import Lock

from exchanges.contract import Card
from exchanges.symbols import Instruments, Topic
from streams import patterns
from streams.patterns import Markets

# (pattern, exchange) pairs, far above what is in use: where they do not fit, all are expanded anew at each look. One
# caller may have 100 patterns for each exchange, which mean its 5,000 topics at most.
MOST_KEPT = 20_000


class Expansions:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[Instruments, tuple[str, ...]]] = OrderedDict()
        self._lock = Lock()

    def topics(self, found: Iterable[str], cards: Mapping[str, Card], markets: Markets, most: int) -> Iterator[str]:
        """The topics of these patterns in their order, `most` of each pattern and exchange; some come twice."""
        for pattern in found:
            if patterns.WILD not in pattern:
                yield pattern
                continue
            exchange = Topic.parse(pattern).exchange
            for code, card in cards.items():
                if patterns.fits(exchange, code):
                    yield from self._of(pattern, card, markets(code), most)

    def _of(self, pattern: str, card: Card, markets: Instruments, most: int) -> tuple[str, ...]:
        """Markets that have changed are another object."""
        with self._lock:
            known, topics = self._kept.get((pattern, card.code), (None, ()))
        if known is not markets:
            # One text for all patterns that mean a topic: there may be hundreds, each of thousands of topics.
            topics = tuple(map(intern, islice(patterns.expanded(pattern, card, markets), most)))
        with self._lock:
            self._kept[pattern, card.code] = markets, topics
            self._kept.move_to_end((pattern, card.code))
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return topics
