"""What a broken connection may bring, and whether what a feed makes of it is sound; for the property tests of feeds."""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st

from exchanges.contract import Output
from exchanges.encoder import event_text
from exchanges.events import Event, Rejected

HERE = Path(__file__).parent
INSERTED = ["", "0", "-", "9" * 30, '"', "e5", "null", "[", "}", "NaN", "1e999", "\ud800", "\n"]

anything = st.one_of(st.binary(max_size=200), st.text(max_size=200))


def frames_of(exchange: str) -> list[str]:
    """Every frame of the exchange's cases."""
    return [
        json.dumps(step["frame"], ensure_ascii=False)
        for file in sorted((HERE / exchange / "cases").glob("*.json"))
        for case in json.loads(file.read_text())
        for step in case["steps"]
        if "frame" in step
    ]


@st.composite
def mutated(draw: st.DrawFn, frames: list[str]) -> str:
    """One of the frames, truncated or with a part of it replaced."""
    frame = draw(st.sampled_from(frames))
    start = draw(st.integers(0, len(frame)))
    end = draw(st.integers(start, len(frame)))
    return frame[:start] + draw(st.sampled_from(INSERTED)) + (frame[end:] if draw(st.booleans()) else "")


def sound(outputs: Iterable[Output], exchange: str) -> bool:
    """Every event can be written and every number of it is finite; every rejection has words."""
    for output in outputs:
        if isinstance(output, Event):
            json.loads(event_text(output, exchange), parse_float=_finite, parse_int=int, parse_constant=_refused)
        elif isinstance(output, Rejected):
            assert output.reason and output.kind
            output.reason.encode()
    return True


def _finite(text: str) -> Decimal:
    assert Decimal(text).is_finite()
    return Decimal(text)


def _refused(text: str) -> None:
    raise AssertionError(f"{text} left the feed")
