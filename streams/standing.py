"""How an exchange stands with us: what it may still be asked, and what keeps it from answering; pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from exchanges.budget import QUOTA_S, Left
from exchanges.contract import Card

Row = dict[str, Any]


class Trouble(NamedTuple):
    """One thing that is wrong, in the word of the streams' status; `again_time` (ms) where its end is known."""

    state: str
    detail: str
    again_time: int | None = None


def requests(left: Left, now_ms: int) -> list[Row]:
    """What is left of each limit of the source, and when it begins anew."""
    return [
        {
            "scope": limit.scope,
            "amount": limit.amount,
            "window_s": limit.window_s,
            "left": rest,
            "reset_time": _reset_ms(limit.window_s, now_ms),
        }
        for limit, rest in left.left
    ]


def troubles(card: Card, left: Left, keys_refused: str, turned_away: str, last_error: str, now_ms: int) -> list[Row]:
    """`keys_refused`, `turned_away`: by the word of a connection; `last_error`: why the list of markets could not be
    read."""
    found = [*_spent(left, now_ms), *_keys(card, keys_refused or left.refused)]
    if turned_away:
        found.append(Trouble("quota_spent", turned_away))
    if last_error and not found:
        found.append(Trouble("stale", f"the list of markets could not be brought up to date: {last_error}"))
    return [one._asdict() for one in found]


def _spent(left: Left, now_ms: int) -> Iterator[Trouble]:
    """The source said so, or a long window of ours is empty: a short one is full again before anybody looks."""
    if left.closed_s > 0:
        yield Trouble("quota_spent", left.why, now_ms + int(left.closed_s * 1000))
        return
    for limit, rest in left.left:
        if not rest and limit.window_s > QUOTA_S:
            detail = f"all {limit.amount} requests of {limit.window_s / 3600:g} h are used up"
            yield Trouble("quota_spent", detail, _reset_ms(limit.window_s, now_ms))


def _keys(card: Card, said: str) -> Iterator[Trouble]:
    if said:
        names = ", ".join(card.key_names)
        would = f"; {names} and a restart would do" if names else ""
        yield Trouble("not_authenticated", said + would)


def _reset_ms(window_s: int, now_ms: int) -> int:
    """Windows are counted from 1970 on, by the clock of Redis."""
    return (now_ms // (window_s * 1000) + 1) * window_s * 1000
