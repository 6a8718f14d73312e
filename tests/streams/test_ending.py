"""Tasks end also where something swallowed the first cancellation."""

import asyncio
import gc

from streams import ending


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(monkeypatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(0))]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ending.ended(tasks)
    assert all(task.done() for task in tasks) and swallowed == 2


async def test_what_ended_tasks_raised_is_not_logged_as_an_error() -> None:
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))

    async def failing(cleanly: bool) -> None:
        try:
            await asyncio.sleep(0 if cleanly else 10)
        finally:
            raise ValueError("the connection is gone")

    await asyncio.wait(begun := [asyncio.create_task(failing(True))])
    await ending.ended([*begun, asyncio.create_task(failing(False))])
    del begun
    gc.collect()
    assert said == []


async def test_an_endless_loop_heeds_a_cancellation_that_was_swallowed_below() -> None:
    async def below() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def endless() -> None:
        while True:
            ending.heed()
            await below()

    task = asyncio.create_task(endless())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait({task})
    assert task.cancelled()
