"""An outbox is bounded, keeps the newest picture, and never loses what must not be lost."""

import asyncio

from streams.outbox import LONGEST_S, STEADY_S, Lags, Outbox
from streams.position import Position


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


async def test_over_its_bound_it_takes_no_more_of_what_is_counted_but_every_reply() -> None:
    outbox = Outbox(most_bytes=1000)
    assert [outbox.put(message("x" * 400)) for _ in range(4)] == [True, True, True, False]
    outbox.put_always(message("reply"))
    assert not outbox.full
    assert await taken(outbox) == ["x" * 400] * 3 + ["reply"]


async def test_what_was_taken_counts_until_it_was_sent() -> None:
    outbox = Outbox(most_bytes=1000)
    while outbox.put(message("x" * 400)):
        pass
    await taken(outbox)
    assert not outbox.put(message("while the others are being sent"))
    outbox.put_always(message("reply"))
    await taken(outbox)
    assert outbox.put(message("after it"))


async def test_replies_that_nobody_reads_fill_it_at_twice_the_bound() -> None:
    outbox = Outbox(most_bytes=1000)
    while not outbox.full:
        outbox.put_always(message("x" * 400))
    assert len(outbox) == 5
    pictures = Outbox(most_bytes=1000)
    for topic in "abcde":
        assert not pictures.full
        pictures.put_newest(topic, message("x" * 400))
    assert pictures.full


async def test_pictures_that_replace_each_other_never_fill_it() -> None:
    outbox = Outbox(most_bytes=100)
    for number in range(1000):
        outbox.put_newest("t", message(f"picture {number}"))
    assert not outbox.full
    assert await taken(outbox) == ["picture 999"]


async def test_it_is_relieved_once_little_waits() -> None:
    outbox = Outbox(most_bytes=1000)
    while outbox.put(message("x" * 400)):
        pass
    assert not outbox.relieved
    await taken(outbox)
    assert outbox.relieved


def test_a_client_that_lags_again_and_again_waits_ever_longer() -> None:
    lags = Lags()
    assert [lags.pause_s(at_s) for at_s in (0, 1, 2, 3)] == [0, 1, 2, 4]
    assert max(lags.pause_s(at_s) for at_s in range(4, 20)) == LONGEST_S
    assert lags.pause_s(19 + STEADY_S) == 0


async def test_first_states_have_room_in_turn_as_what_waits_is_sent() -> None:
    outbox, begun = Outbox(most_bytes=1000), []

    async def tell(name: str) -> None:
        async with outbox.room(400):
            begun.append(name)
            await asyncio.sleep(0)
            outbox.put_always(message(name * 300))

    telling = [asyncio.create_task(tell(name)) for name in "abcdef"]
    rounds = []
    while len(begun) < len(telling):
        rounds.append([text[0] for text in await taken(outbox)])
    assert not outbox.full and len(rounds) > 2
    assert begun == list("abcdef")
    assert all(task.done() for task in telling[:-1])
    await telling[-1]


async def test_who_lags_with_nothing_to_read_is_told_so_too() -> None:
    outbox = Outbox()
    outbox.lag("t", Position(5, 1))
    assert await asyncio.wait_for(taken(outbox), 1) == []
    assert outbox.lagged == {"t": Position(5, 1)}
