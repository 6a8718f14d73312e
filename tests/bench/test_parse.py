"""What bench/parse.py measures: a frame of every stream of every exchange, read anew each time."""

import pytest

from bench.parse import Sample, samples
from exchanges.registry import cards

FOUND = {card.code: list(samples(card)) for card in cards().values()}
EACH = [pytest.param(sample, id=f"{code} {sample.name}") for code, found in FOUND.items() for sample in found]


@pytest.mark.parametrize("code", FOUND)
def test_each_stream_of_an_exchange_is_measured(code: str) -> None:
    families = {stream.partition("_")[0] for stream in cards()[code].streams}
    assert {sample.kind for sample in FOUND[code]} == families


@pytest.mark.parametrize("sample", EACH)
def test_a_feed_brought_to_its_step_reads_the_frame_as_the_case_did(sample: Sample) -> None:
    assert tuple(sample.given(sample.feed())()) == sample.events
