"""What tests ask of the events that a client heard."""

from collections.abc import Callable
from typing import Any

Event = dict[str, Any]


def is_(name: str, topic: str | None = None, **members: Any) -> Callable[[Event], bool]:
    """Tells an event by its name, topic and members."""
    wanted = {"event": name, **({"topic": topic} if topic else {}), **members}
    return lambda event: all(event.get(key) == value for key, value in wanted.items())


def assert_unbroken(events: list[Event]) -> None:
    """Within an epoch seq rises by one; a new epoch begins with 1."""
    assert len(events) > 1
    for before, after in zip(events, events[1:], strict=False):
        follows = after["seq"] == before["seq"] + 1 and after["epoch"] == before["epoch"]
        assert follows or (after["epoch"] > before["epoch"] and after["seq"] == 1), (before, after)


def trade_ids(events: list[Event]) -> list[int]:
    return [int(event["trade_id"]) for event in events if event["event"] == "trade"]


def replayed(events: list[Event]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """The book a client has after these depth events: price to quantity, bids and asks."""
    sides: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
    for event in events:
        if event["event"] != "depth":
            continue
        for side, changes in zip(sides, (event["bids"], event["asks"]), strict=True):
            if event["type"] == "snapshot":
                side.clear()
            side.update((price, quantity) for price, quantity in changes)
            for price in [price for price, quantity in side.items() if quantity == 0]:
                del side[price]
    return sides
