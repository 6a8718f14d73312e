"""An outbox is bounded, keeps the newest picture, and never loses what must not be lost."""

from streams.outbox import Outbox


def message(text: str) -> dict[str, str]:
    return {"type": "websocket.send", "text": text}


async def taken(outbox: Outbox) -> list[str]:
    return [each["text"] for each in await outbox.take()]


async def test_a_newer_picture_takes_the_place_of_the_one_that_waits() -> None:
    outbox = Outbox()
    outbox.put_newest("t", message("old"))
    outbox.put(message("trade"))
    outbox.put_newest("t", message("new"))
    assert await taken(outbox) == ["new", "trade"]
    outbox.put_newest("t", message("next"))
    assert await taken(outbox) == ["next"]


async def test_a_closed_candle_is_not_replaced() -> None:
    outbox = Outbox()
    outbox.put_newest("t", message("open"))
    outbox.put_newest("t", message("closed"), final=True)
    outbox.put_newest("t", message("next open"))
    outbox.put_newest("t", message("next open, later"))
    assert await taken(outbox) == ["closed", "next open, later"]


async def test_a_gap_stands_between_the_pictures_before_and_after_it() -> None:
    outbox = Outbox()
    outbox.put_newest("t", message("before"))
    outbox.put_between("t", message("gap"))
    outbox.put_newest("t", message("after"))
    assert await taken(outbox) == ["before", "gap", "after"]


async def test_over_its_bounds_it_is_full_and_takes_nothing_more() -> None:
    outbox = Outbox(most_messages=2)
    for number in range(10):
        outbox.put(message(str(number)))
    assert outbox.full
    assert len(outbox) == 3
    by_size = Outbox(most_characters=10)
    by_size.put_newest("t", message("x" * 8))
    assert not by_size.full
    by_size.put_newest("t", message("x" * 11))
    assert by_size.full


async def test_pictures_that_replace_each_other_never_fill_it() -> None:
    outbox = Outbox(most_messages=3, most_characters=100)
    for number in range(1000):
        outbox.put_newest("t", message(f"picture {number}"))
    assert not outbox.full
    assert await taken(outbox) == ["picture 999"]
