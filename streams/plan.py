"""Which connection carries what; pure. A symbol's streams of one socket stay together, since they share its book."""

from collections import Counter
from collections.abc import Collection, Mapping

from exchanges.contract import Card, Want

Plan = dict[str, frozenset[Want]]  # shard (`<index of the card's socket>-<number>`) -> what it carries
SHARE = 4  # of the exchange's limit per connection we use a quarter: a ticker or a reconnect may cost several


def plan(current: Mapping[str, Collection[Want]], wanted: Collection[Want], card: Card, spread: int) -> Plan:
    """The new plan: what runs stays where it is, what is new goes to the emptiest shard.

    Up to `spread` shards a socket are opened before any is shared, so that the load lies on all cores; never more than
    the source takes, and of a polled source one, since one request may serve many topics.
    """
    rows = sorted(set(wanted))
    homes = {(_socket(shard), symbol): shard for shard, wants in current.items() for _, symbol in wants}
    weights = Counter((card.socket_of(stream, symbol), symbol) for stream, symbol in rows)
    carried = {unit: home for unit, home in homes.items() if unit in weights}
    load = Counter(dict.fromkeys(carried.values(), 0))
    for unit, home in carried.items():
        load[home] += weights[unit]
    for unit in weights:
        if unit not in carried:
            carried[unit] = _place(unit, weights[unit], load, card, spread)
            load[carried[unit]] += weights[unit]
    shards: dict[str, set[Want]] = {}
    for stream, symbol in rows:
        shards.setdefault(carried[card.socket_of(stream, symbol), symbol], set()).add((stream, symbol))
    return {shard: frozenset(wants) for shard, wants in sorted(shards.items())}


def _place(unit: tuple[int, str], weight: int, load: Counter[str], card: Card, spread: int) -> str:
    index, socket = unit[0], card.sockets[unit[0]]
    most = 1 if not socket.url else socket.most_connections or len(load) + 1
    limit = max(1, socket.max_subscriptions // (SHARE if most > 1 else 1))
    open_here = [shard for shard in load if _socket(shard) == index]
    roomy = [shard for shard in open_here if load[shard] + weight <= limit]
    if len(open_here) >= most or (roomy and len(open_here) >= spread):
        return min(roomy or open_here, key=lambda shard: (load[shard], shard))
    numbers = {int(shard.partition("-")[2]) for shard in open_here}
    return f"{index}-{next(number for number in range(len(numbers) + 1) if number not in numbers)}"


def _socket(shard: str) -> int:
    return int(shard.partition("-")[0])
