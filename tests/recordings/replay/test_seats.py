"""Replays leave slots of their worker to others, and a slot that was killed leaves its seat."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery.signals import worker_init

from recordings.replay import seats


@pytest.fixture
def worker() -> Iterator[None]:
    """This process is a worker's main one."""
    receiver = seats._open
    assert any(receiver is found() for _, found in worker_init.receivers)
    receiver()
    yield
    seats._file.clear()


@contextmanager
def slot() -> Iterator[tuple[bool, int]]:
    """A process forked from the worker's: whether it may play, and its id. It lasts as long as the block."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, b"1" if seats.take() else b"0")
        signal.pause()
    try:
        yield os.read(reading, 1) == b"1", pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)


def test_no_more_slots_of_a_worker_play_than_leave_room_for_others(worker: None) -> None:
    with slot() as (first, _), slot() as (second, _), slot() as (third, _):
        assert (first, second, third) == (True, True, False)


def test_a_slot_that_was_killed_or_has_ended_leaves_its_seat(worker: None) -> None:
    with slot() as (first, _):
        with slot() as (second, _):
            assert first and second
        with slot() as (third, _):
            assert third


def test_a_process_that_has_played_lets_another_play(worker: None) -> None:
    with slot() as (first, _):
        assert first and seats.take()
        seats.leave()
        with slot() as (other, _):
            assert other


def test_a_command_plays_without_a_seat() -> None:
    assert not seats._file
    assert all(seats.take() for _ in range(3))
